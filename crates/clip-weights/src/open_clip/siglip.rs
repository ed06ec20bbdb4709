//! SigLIP and SigLIP 2 in OpenCLIP: a picture tower of timm's, which `visual.trunk` holds, and
//! OpenCLIP's own text tower with other settings.

mod table;
mod timm;

use std::path::Path;

use clip_checkpoint::{
    Activation, AttentionMask, ModelConfig, Pooling, Probability, Projection, Stem, TextConfig,
    VisionConfig, VisionPooling,
};

use super::config::{self, Parts};
use super::{FILE, fields, preprocess};
use crate::hf::license;
use crate::json::Fields;
use crate::model::{Layout, Model};
use crate::path::folder_name;
use crate::shapes::{layers, shape};
use crate::subwords::{self, Library};
use crate::weights::Weights;
use crate::{Family, Result, openai};
pub(super) use timm::{Tower, tower};

static LAYOUT: Layout = Layout {
    family: Family::OpenClip,
    tables: table::TABLES,
    authority: FILE,
    is_harmless: openai::is_harmless,
};

/// Reads the files beside the weights.
pub(super) fn model(
    folder: &Path,
    file: &Fields,
    parts: &Parts,
    tower: Tower,
    weights: Weights,
) -> Result<Model> {
    fields::check(&parts.model, &[fields::MODEL])?;
    fields::check(&parts.vision, &[fields::SIGLIP_VISION])?;
    fields::check(&parts.text, &[fields::SIGLIP_TEXT, fields::BLOCK])?;
    let config = read(parts, tower, &weights)?;
    let name = folder_name(folder);
    let vocab_size = config.text.vocab_size;
    let (tokenizer, vocabulary) = subwords::read(folder, Library::OpenClip, vocab_size)?;
    Ok(Model {
        layout: &LAYOUT,
        origin: name.clone(),
        name,
        tokenizer,
        vocabulary: Some(vocabulary),
        preprocess: preprocess::read(file, config.vision.image_size)?,
        license: license::read(folder),
        config,
        weights,
    })
}

fn read(parts: &Parts, tower: Tower, weights: &Weights) -> Result<ModelConfig> {
    let Parts { model, vision, text } = parts;
    if model.flag("quick_gelu", false)? {
        return Err(model.unsupported("quick_gelu", "false"));
    }
    let sizes = Sizes::read(weights)?;
    let embed_dim = config::embed_dim(model)?;
    let image_size = vision.size("image_size", 224)?;
    let found = sizes.grid * sizes.patch_size;
    if image_size / sizes.patch_size != sizes.grid {
        return Err(config::disagreement(vision, "image_size", &image_size, weights, &found));
    }
    let text_config = text_config(text)?;
    config::agree(
        weights,
        &[
            (model, "embed_dim", embed_dim, sizes.width),
            (text, "width", text_config.width, sizes.text_width),
            (text, "layers", text_config.layers, sizes.text_layers),
            (text, "context_length", text_config.context_length, sizes.context_length),
            (text, "vocab_size", text_config.vocab_size, sizes.vocab_size),
        ],
    )?;
    let config = ModelConfig {
        embed_dim,
        vision: VisionConfig {
            image_size,
            patch_size: sizes.patch_size,
            width: sizes.width,
            layers: sizes.layers,
            heads: tower.heads,
            mlp_width: sizes.mlp_width,
            activation: tower.activation,
            layer_norm_eps: timm::EPSILON,
            conv_stem: None,
            stem: Stem::Biased,
            pooling: VisionPooling::Attention,
            projection: Projection::None,
        },
        text: text_config,
        probability: Probability::Sigmoid,
    };
    config.validate()?;
    Ok(config)
}

/// `_build_text_tower` in `model.py`.
fn text_config(text: &Fields) -> Result<TextConfig> {
    let arguments = text.object("act_kwargs")?.unwrap_or_else(|| text.empty("act_kwargs"));
    fields::check(&arguments, &[&[("approximate", fields::Use::Read)]])?;
    let choice = [("none", Activation::Gelu), ("tanh", Activation::GeluTanh)];
    let activation = arguments.choice("approximate", Activation::Gelu, &choice)?;
    let affine = text.flag("proj_bias", false)?;
    let projection = match text.choice("proj_type", true, &[("linear", true), ("none", false)])? {
        false => Projection::None,
        true if affine => Projection::Affine,
        true => Projection::Linear,
    };
    Ok(TextConfig {
        mask: AttentionMask::Full,
        pooling: Pooling::Last,
        projection,
        ..config::text_config(text, activation)?
    })
}

/// What the shapes of the tensors say.
struct Sizes {
    width: usize,
    patch_size: usize,
    /// Patches along one side.
    grid: usize,
    layers: usize,
    mlp_width: usize,
    text_width: usize,
    text_layers: usize,
    context_length: usize,
    vocab_size: usize,
}

impl Sizes {
    fn read(weights: &Weights) -> Result<Self> {
        let [width, _, _, patch_size] =
            shape(weights, "visual.trunk.patch_embed.proj.weight", FILE)?;
        let [_, tokens, _] = shape(weights, "visual.trunk.pos_embed", FILE)?;
        let [mlp_width] = shape(weights, "visual.trunk.blocks.0.mlp.fc1.bias", FILE)?;
        let [context_length, _] = shape(weights, "positional_embedding", FILE)?;
        let [vocab_size, text_width] = shape(weights, "token_embedding.weight", FILE)?;
        Ok(Self {
            width,
            patch_size,
            grid: (tokens as f64).sqrt().round() as usize,
            layers: layers(weights, "visual.trunk.blocks."),
            mlp_width,
            text_width,
            text_layers: layers(weights, "transformer.resblocks."),
            context_length,
            vocab_size,
        })
    }
}
