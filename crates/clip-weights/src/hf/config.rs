//! `config.json`: the architecture, with the defaults of transformers' `configuration_clip.py`.

use clip_checkpoint::{
    Activation, AttentionMask, ModelConfig, Pooling, Probability, Projection, Stem, TextConfig,
    VisionConfig, VisionPooling,
};

use crate::Result;
use crate::json::Fields;

pub(super) const FILE: &str = "config.json";

/// A thousand layers are more than any CLIP has.
const MAX_LAYERS: u64 = 1000;

/// `eos_token_id` of configurations written before transformers' pull request 24773: wrong, and
/// kept there as the sign of the older pooling rule.
pub(super) const LEGACY_EOS: u32 = 2;

/// Token ids in the text tower's configuration.
#[derive(Debug, Clone)]
pub(super) struct TokenIds {
    pub(super) bos: u32,
    pub(super) eos: u32,
    /// For errors.
    pub(super) fields: Fields,
}

/// Reads the architecture of a CLIP, and the token ids that the tokenizer may need.
pub(super) fn read(top: &Fields) -> Result<(ModelConfig, TokenIds)> {
    let text = part(top, "text_config")?;
    let tokens = TokenIds {
        bos: text.id("bos_token_id", 49_406)?,
        eos: text.id("eos_token_id", 49_407)?,
        fields: text.clone(),
    };
    let config = ModelConfig {
        embed_dim: top.size("projection_dim", 512)?,
        vision: vision_config(&part(top, "vision_config")?)?,
        text: text_config(&text, tokens.eos)?,
        probability: Probability::Softmax,
    };
    config.validate()?;
    Ok((config, tokens))
}

/// The configuration of one tower. The older `.._dict`, where there is one, wins with all its
/// defaults (`CLIPConfig.__post_init__`).
pub(super) fn part(top: &Fields, key: &str) -> Result<Fields> {
    let older = top.object(&format!("{key}_dict"))?;
    let part = older.map_or_else(|| top.object(key), |older| Ok(Some(older)))?;
    Ok(part.unwrap_or_else(|| top.empty(key)))
}

/// What every tower of transformers has, under the same names; models differ in the defaults.
pub(super) struct Blocks {
    pub(super) width: usize,
    pub(super) layers: usize,
    pub(super) heads: usize,
    pub(super) mlp_width: usize,
    pub(super) activation: Activation,
    pub(super) layer_norm_eps: f64,
}

impl Blocks {
    /// Reads them, with `self` for what is absent.
    pub(super) fn read(self, fields: &Fields) -> Result<Self> {
        Ok(Self {
            width: fields.size("hidden_size", self.width)?,
            layers: fields.at_most("num_hidden_layers", self.layers, MAX_LAYERS)?,
            heads: fields.size("num_attention_heads", self.heads)?,
            mlp_width: fields.size("intermediate_size", self.mlp_width)?,
            activation: activation(fields, self.activation)?,
            layer_norm_eps: fields.number("layer_norm_eps", self.layer_norm_eps)?,
        })
    }
}

/// Fails for pictures of other than three channels.
pub(super) fn check_channels(fields: &Fields) -> Result<()> {
    match fields.size("num_channels", 3)? {
        3 => Ok(()),
        _ => Err(fields.unsupported("num_channels", "3")),
    }
}

const VISION: Blocks = Blocks {
    width: 768,
    layers: 12,
    heads: 12,
    mlp_width: 3072,
    activation: Activation::QuickGelu,
    layer_norm_eps: 1e-5,
};

const TEXT: Blocks = Blocks { width: 512, heads: 8, mlp_width: 2048, ..VISION };

fn vision_config(fields: &Fields) -> Result<VisionConfig> {
    check_channels(fields)?;
    let blocks = VISION.read(fields)?;
    Ok(VisionConfig {
        image_size: fields.size("image_size", 224)?,
        patch_size: fields.size("patch_size", 32)?,
        width: blocks.width,
        layers: blocks.layers,
        heads: blocks.heads,
        mlp_width: blocks.mlp_width,
        activation: blocks.activation,
        layer_norm_eps: blocks.layer_norm_eps,
        conv_stem: None,
        stem: Stem::Normalized,
        pooling: VisionPooling::ClassToken,
        projection: Projection::Linear,
    })
}

fn text_config(fields: &Fields, eos: u32) -> Result<TextConfig> {
    let blocks = TEXT.read(fields)?;
    Ok(TextConfig {
        context_length: fields.size("max_position_embeddings", 77)?,
        vocab_size: fields.size("vocab_size", 49_408)?,
        width: blocks.width,
        layers: blocks.layers,
        heads: blocks.heads,
        mlp_width: blocks.mlp_width,
        activation: blocks.activation,
        layer_norm_eps: blocks.layer_norm_eps,
        // `CLIPTextTransformer.forward` in `modeling_clip.py`.
        pooling: if eos == LEGACY_EOS { Pooling::Argmax } else { Pooling::EndToken(eos) },
        mask: AttentionMask::Causal,
        projection: Projection::Linear,
    })
}

fn activation(fields: &Fields, default: Activation) -> Result<Activation> {
    fields.choice(
        "hidden_act",
        default,
        &[
            ("quick_gelu", Activation::QuickGelu),
            ("gelu", Activation::Gelu),
            ("gelu_pytorch_tanh", Activation::GeluTanh),
        ],
    )
}

#[cfg(test)]
mod tests {
    use clip_checkpoint::presets;

    use super::*;

    fn config(json: &str) -> ModelConfig {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(FILE), json).unwrap();
        read(&Fields::open(folder.path(), FILE).unwrap().unwrap()).unwrap().0
    }

    /// The defaults of transformers are ViT-B/32 with the corrected end token.
    #[test]
    fn absent_fields_take_the_defaults_of_transformers() {
        let mut b32 = presets::find("ViT-B-32").unwrap().clone();
        b32.text.pooling = Pooling::EndToken(49_407);
        assert_eq!(config("{}"), b32);
        assert_eq!(config(r#"{"vision_config": {}, "text_config": null}"#), b32);
        assert_eq!(config(r#"{"text_config": {"hidden_act": null}}"#), b32);

        b32.text.pooling = Pooling::Argmax;
        assert_eq!(config(r#"{"text_config": {"eos_token_id": 2}}"#), b32);
        b32.vision.patch_size = 16;
        assert_eq!(
            config(
                r#"{"text_config": {"eos_token_id": 2}, "vision_config_dict": {"patch_size": 16},
                    "vision_config": {"patch_size": 8, "image_size": 999}}"#
            ),
            b32
        );
    }
}
