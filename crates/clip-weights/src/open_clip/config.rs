//! `model_cfg` of `open_clip_config.json`: the architecture, with the defaults of `CLIPVisionCfg` and
//! `CLIPTextCfg` in <https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/model.py>.
//! The shapes of the tensors say most of it again, so the two are compared.

use std::fmt::Display;

use clip_checkpoint::{
    Activation, AttentionMask, ModelConfig, Pooling, Probability, Projection, Stem, TextConfig,
    VisionConfig, VisionPooling,
};

use super::{FILE, fields};
use crate::json::Fields;
use crate::openai::{self, END, VOCABULARY};
use crate::shapes::Sizes;
use crate::weights::Weights;
use crate::{Error, Result};

/// No MLP is that much wider than its tower.
const MAX_RATIO: f64 = 1000.0;

/// The three parts of a configuration.
pub(super) struct Parts {
    pub(super) model: Fields,
    pub(super) vision: Fields,
    pub(super) text: Fields,
}

impl Parts {
    pub(super) fn new(file: &Fields) -> Result<Self> {
        let model = required(file, "model_cfg")?;
        let vision = required(&model, "vision_cfg")?;
        let text = required(&model, "text_cfg")?;
        Ok(Self { model, vision, text })
    }
}

/// The architecture of a model with OpenCLIP's own towers.
pub(super) fn read(parts: &Parts, weights: &Weights) -> Result<ModelConfig> {
    refuse_other_families(parts, weights)?;
    fields::check(&parts.model, &[fields::MODEL])?;
    fields::check(&parts.vision, &[fields::VISION, fields::BLOCK, fields::CLIP_BLOCK])?;
    fields::check(&parts.text, &[fields::TEXT, fields::BLOCK, fields::CLIP_BLOCK])?;
    let config = config(parts, weights)?;
    compare(&config, parts, weights)?;
    config.validate()?;
    Ok(config)
}

fn required(fields: &Fields, key: &str) -> Result<Fields> {
    fields.object(key)?.ok_or_else(|| fields.unsupported(key, "an object"))
}

/// Models that OpenCLIP builds out of other towers.
fn refuse_other_families(parts: &Parts, weights: &Weights) -> Result<()> {
    let Parts { model, vision, text } = parts;
    let is_resnet = vision.get("layers").is_some_and(|layers| layers.is_array());
    if is_resnet || weights.names().any(|name| name.starts_with("visual.layer1.")) {
        return Err(Error::ResNet { file: weights.file_names() });
    }
    let families = [
        (model, "multimodal_cfg", "a CoCa"),
        (vision, "timm_model_name", "a CLIP with a picture tower of timm's"),
        (text, "hf_model_name", "a CLIP with a text tower of transformers'"),
    ];
    for (fields, key, family) in families {
        if fields.get(key).is_some() {
            let (file, field) = fields.place(key);
            return Err(Error::OtherFamily { file, field, family });
        }
    }
    Ok(())
}

fn config(parts: &Parts, weights: &Weights) -> Result<ModelConfig> {
    let Parts { model, vision, text } = parts;
    let activation = activation(model, weights)?;
    let vision_width = vision.size("width", 768)?;
    Ok(ModelConfig {
        embed_dim: embed_dim(model)?,
        vision: VisionConfig {
            image_size: vision.size("image_size", 224)?,
            patch_size: vision.size("patch_size", 16)?,
            width: vision_width,
            layers: vision.size("layers", 12)?,
            heads: vision_width / vision.size("head_width", 64)?,
            mlp_width: mlp_width(vision, vision_width)?,
            activation,
            layer_norm_eps: layer_norm_eps(vision)?,
            conv_stem: None,
            stem: Stem::Normalized,
            pooling: VisionPooling::ClassToken,
            projection: Projection::Linear,
        },
        text: TextConfig { pooling: pooling(text)?, ..text_config(text, activation)? },
        // Trained with SigLIP's loss (`CLIP.__init__`).
        probability: match model.get("init_logit_bias") {
            Some(_) => Probability::Sigmoid,
            None => Probability::Softmax,
        },
    })
}

/// Width of the shared space, which has no default.
pub(super) fn embed_dim(model: &Fields) -> Result<usize> {
    match model.get("embed_dim") {
        Some(_) => model.size("embed_dim", 0),
        None => Err(model.unsupported("embed_dim", "a whole number")),
    }
}

/// The text tower of CLIP; another family's differs in what follows from its own fields.
pub(super) fn text_config(text: &Fields, activation: Activation) -> Result<TextConfig> {
    let width = text.size("width", 512)?;
    Ok(TextConfig {
        context_length: text.size("context_length", 77)?,
        vocab_size: text.size("vocab_size", 49_408)?,
        width,
        layers: text.size("layers", 12)?,
        heads: text.size("heads", 8)?,
        mlp_width: mlp_width(text, width)?,
        activation,
        layer_norm_eps: layer_norm_eps(text)?,
        mask: AttentionMask::Causal,
        pooling: Pooling::Argmax,
        projection: Projection::Linear,
    })
}

/// `text_global_pool` in `transformer.py`. With OpenAI's vocabulary no text would hold another end
/// token; a shorter one is a test model's own.
fn pooling(text: &Fields) -> Result<Pooling> {
    let at_end = text.choice("pool_type", false, &[("argmax", false), ("eos", true)])?;
    if !at_end {
        return Ok(Pooling::Argmax);
    }
    let id = text.id("eos_id", 2)?;
    if id != END && text.size("vocab_size", VOCABULARY)? >= VOCABULARY {
        return Err(text.unsupported("eos_id", &END.to_string()));
    }
    Ok(Pooling::EndToken(id))
}

/// OpenCLIP also loads OpenAI's archives, whose activation is known.
fn activation(model: &Fields, weights: &Weights) -> Result<Activation> {
    let quick = model.flag("quick_gelu", false)?;
    let activation = if quick { Activation::QuickGelu } else { Activation::Gelu };
    match openai::stated_activation(weights) {
        Some(stated) if stated != activation => {
            Err(disagreement(model, "quick_gelu", &quick, weights, &stated))
        }
        _ => Ok(activation),
    }
}

/// `int(width * mlp_ratio)` of `ResidualAttentionBlock`.
fn mlp_width(fields: &Fields, width: usize) -> Result<usize> {
    let ratio = fields.number("mlp_ratio", 4.0)?;
    if ratio <= 0.0 || ratio > MAX_RATIO {
        return Err(fields.unsupported("mlp_ratio", &format!("a number up to {MAX_RATIO}")));
    }
    Ok((width as f64 * ratio) as usize)
}

fn layer_norm_eps(fields: &Fields) -> Result<f64> {
    let arguments = fields.object("norm_kwargs")?.unwrap_or_else(|| fields.empty("norm_kwargs"));
    fields::check(&arguments, &[fields::NORM])?;
    arguments.number("eps", 1e-5)
}

/// The width of the MLPs is not compared here: no other field follows from it, so the first tensor
/// of another shape says it as well.
fn compare(config: &ModelConfig, parts: &Parts, weights: &Weights) -> Result<()> {
    let Parts { model, vision, text } = parts;
    let sizes = Sizes::read(weights, FILE)?;
    agree(
        weights,
        &[
            (model, "embed_dim", config.embed_dim, sizes.embed_dim),
            (vision, "width", config.vision.width, sizes.vision_width),
            (vision, "layers", config.vision.layers, sizes.vision_layers),
            (vision, "patch_size", config.vision.patch_size, sizes.patch_size),
            (text, "width", config.text.width, sizes.text_width),
            (text, "layers", config.text.layers, sizes.text_layers),
            (text, "context_length", config.text.context_length, sizes.context_length),
            (text, "vocab_size", config.text.vocab_size, sizes.vocab_size),
        ],
    )?;
    // Several sizes have the same patches: what remains at the edges is ignored.
    if config.vision.grid() != sizes.grid {
        let found = sizes.grid * sizes.patch_size;
        return Err(disagreement(vision, "image_size", &config.vision.image_size, weights, &found));
    }
    Ok(())
}

/// Fails for the first field whose value is not what the tensors say.
pub(super) fn agree(weights: &Weights, pairs: &[(&Fields, &str, usize, usize)]) -> Result<()> {
    match pairs.iter().find(|(.., value, found)| value != found) {
        Some((fields, key, value, found)) => Err(disagreement(fields, key, value, weights, found)),
        None => Ok(()),
    }
}

pub(super) fn disagreement(
    fields: &Fields,
    key: &str,
    value: &dyn Display,
    weights: &Weights,
    found: &dyn Display,
) -> Error {
    let (file, field) = fields.place(key);
    let (value, found) = (value.to_string(), found.to_string());
    Error::Disagreement { file, field, value, files: weights.file_names(), found }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::shapes::tests::hollow;

    /// Width, layers, heads and width of the MLP.
    type Tower = [usize; 4];

    #[track_caller]
    fn check(image: [usize; 2], vision: (Tower, &str), text: Tower, embed_dim: usize) {
        let (activation, layer_norm_eps) = (Activation::Gelu, 1e-5);
        let ([image_size, patch_size], ([width, layers, heads, mlp_width], more)) = (image, vision);
        let mut vision_cfg = json!({"image_size": image_size, "patch_size": patch_size,
            "width": width, "layers": layers});
        let more: serde_json::Map<_, _> = serde_json::from_str(more).unwrap();
        vision_cfg.as_object_mut().unwrap().extend(more);
        let vision = VisionConfig {
            image_size,
            patch_size,
            width,
            layers,
            heads,
            mlp_width,
            activation,
            layer_norm_eps,
            conv_stem: None,
            stem: Stem::Normalized,
            pooling: VisionPooling::ClassToken,
            projection: Projection::Linear,
        };
        let [width, layers, heads, mlp_width] = text;
        let text = TextConfig {
            context_length: 77,
            vocab_size: 49_408,
            width,
            layers,
            heads,
            mlp_width,
            activation,
            layer_norm_eps,
            pooling: Pooling::Argmax,
            mask: AttentionMask::Causal,
            projection: Projection::Linear,
        };
        let text_cfg = json!({"width": width, "layers": layers, "heads": heads});
        let model_cfg =
            json!({"embed_dim": embed_dim, "vision_cfg": vision_cfg, "text_cfg": text_cfg});
        let config = ModelConfig { embed_dim, vision, text, probability: Probability::Softmax };
        let folder = tempfile::tempdir().unwrap();
        let json = json!({ "model_cfg": model_cfg }).to_string();
        std::fs::write(folder.path().join(FILE), json).unwrap();
        let file = Fields::open(folder.path(), FILE).unwrap().unwrap();
        assert_eq!(read(&Parts::new(&file).unwrap(), &hollow(&config)).unwrap(), config);
    }

    /// ViT-B-32, B-32-256, B-16, L-14, H-14, g-14 and bigG-14 in `model_configs` of OpenCLIP 3.3.
    #[test]
    fn published_models_have_their_sizes() {
        let (base, text) = (([768, 12, 12, 3072], "{}"), [512, 12, 8, 2048]);
        check([224, 32], base, text, 512);
        check([256, 32], base, text, 512);
        check([224, 16], base, text, 512);
        check([224, 14], ([1024, 24, 16, 4096], "{}"), [768, 12, 12, 3072], 768);
        let huge = r#"{"head_width": 80}"#;
        check([224, 14], ([1280, 32, 16, 5120], huge), [1024, 24, 16, 4096], 1024);
        let giant = r#"{"head_width": 88, "mlp_ratio": 4.3637}"#;
        check([224, 14], ([1408, 40, 16, 6144], giant), [1024, 24, 16, 4096], 1024);
        let bigger = r#"{"head_width": 104, "mlp_ratio": 4.9231}"#;
        check([224, 14], ([1664, 48, 16, 8192], bigger), [1280, 32, 20, 5120], 1280);
    }
}
