//! `config.json`: the architecture, with the defaults of transformers' `configuration_siglip.py`.

use clip_checkpoint::{
    Activation, AttentionMask, ModelConfig, Pooling, Probability, Projection, Stem, TextConfig,
    VisionConfig, VisionPooling,
};

use crate::hf::config::{Blocks, check_channels, part};
use crate::json::Fields;
use crate::{Error, Result};

/// The defaults of both towers.
const BLOCKS: Blocks = Blocks {
    width: 768,
    layers: 12,
    heads: 12,
    mlp_width: 3072,
    activation: Activation::GeluTanh,
    layer_norm_eps: 1e-6,
};

pub(super) fn read(top: &Fields) -> Result<ModelConfig> {
    let (vision, text) = (part(top, "vision_config")?, part(top, "text_config")?);
    let (vision, text_fields) = (vision_config(&vision)?, text);
    let text = text_config(&text_fields)?;
    // Pictures are not projected: the texts are brought to where they are.
    let embed_dim = vision.width;
    let found = text_fields.size("projection_size", text.width)?;
    if found != embed_dim {
        let (file, field) = text_fields.place("projection_size");
        let supported = format!("the width of the picture tower, {embed_dim},");
        return Err(Error::Unsupported { file, field, value: found.to_string(), supported });
    }
    let config = ModelConfig { embed_dim, vision, text, probability: Probability::Sigmoid };
    config.validate()?;
    Ok(config)
}

fn vision_config(fields: &Fields) -> Result<VisionConfig> {
    check_channels(fields)?;
    if !fields.flag("vision_use_head", true)? {
        return Err(fields.unsupported("vision_use_head", "true"));
    }
    let blocks = BLOCKS.read(fields)?;
    Ok(VisionConfig {
        image_size: fields.size("image_size", 224)?,
        patch_size: fields.size("patch_size", 16)?,
        width: blocks.width,
        layers: blocks.layers,
        heads: blocks.heads,
        mlp_width: blocks.mlp_width,
        activation: blocks.activation,
        layer_norm_eps: blocks.layer_norm_eps,
        conv_stem: None,
        stem: Stem::Biased,
        pooling: VisionPooling::Attention,
        projection: Projection::None,
    })
}

fn text_config(fields: &Fields) -> Result<TextConfig> {
    let blocks = BLOCKS.read(fields)?;
    Ok(TextConfig {
        context_length: fields.size("max_position_embeddings", 64)?,
        vocab_size: fields.size("vocab_size", 32_000)?,
        width: blocks.width,
        layers: blocks.layers,
        heads: blocks.heads,
        mlp_width: blocks.mlp_width,
        activation: blocks.activation,
        layer_norm_eps: blocks.layer_norm_eps,
        mask: AttentionMask::Full,
        pooling: Pooling::Last,
        projection: Projection::Affine,
    })
}

#[cfg(test)]
mod tests {
    use clip_checkpoint::tensors;

    use super::*;

    fn config(json: &str) -> Result<ModelConfig> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.json"), json).unwrap();
        read(&Fields::open(folder.path(), "config.json").unwrap().unwrap())
    }

    /// The defaults of transformers are `google/siglip-base-patch16-224`: 203 million parameters
    /// (table 1 of `docs/model_profile.csv` in OpenCLIP, ViT-B-16-SigLIP: 203.16).
    #[test]
    fn absent_fields_take_the_defaults_of_transformers() {
        let config = config("{}").unwrap();
        let parameters: usize = tensors(&config).map(|spec| spec.elements()).sum();
        assert_eq!(parameters, 203_155_970);
        assert_eq!((config.vision.tokens(), config.text.context_length), (196, 64));
    }

    /// `google/siglip2-giant-opt-patch16-256`: the text tower is narrower than the picture's.
    #[test]
    fn texts_are_projected_to_the_width_of_pictures() {
        let giant = r#"{"vision_config": {"hidden_size": 1536, "num_attention_heads": 16},
            "text_config": {"hidden_size": 1152, "num_attention_heads": 16, "projection_size": 1536}}"#;
        let config = config(giant).unwrap();
        assert_eq!((config.embed_dim, config.text.width), (1536, 1152));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let check = |json: &str, expected: &str| {
            let error = config(json).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        };
        check(
            r#"{"text_config": {"projection_size": 512}}"#,
            "text_config.projection_size to 512; only the width of the picture tower, 768,",
        );
        check(r#"{"vision_config": {"vision_use_head": false}}"#, "vision_use_head to false");
        check(r#"{"vision_config": {"hidden_act": "relu"}}"#, "hidden_act to \"relu\"");
    }
}
