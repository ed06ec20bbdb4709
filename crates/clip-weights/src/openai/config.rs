//! The architecture, from the shapes of the tensors: there is no configuration.

use clip_checkpoint::{
    Activation, AttentionMask, ModelConfig, Pooling, Probability, Projection, Stem, TextConfig,
    VisionConfig, VisionPooling,
};

use super::{LAYOUT, SIZES};
use crate::shapes::Sizes;
use crate::weights::Weights;
use crate::{Error, Result};

/// Width of a head in every model of OpenAI's.
const HEAD: usize = 64;
/// Width of OpenAI's largest tower. OpenCLIP's wider ones (ViT-H-14, ..) have wider heads, of which
/// shapes say nothing.
const MAX_WIDTH: usize = 1024;

pub(super) fn read(weights: &Weights, activation: Option<Activation>) -> Result<ModelConfig> {
    let sizes = Sizes::read(weights, LAYOUT.authority)?;
    for (tensor, width) in
        [("visual.conv1.weight", sizes.vision_width), ("ln_final.weight", sizes.text_width)]
    {
        if width > MAX_WIDTH {
            return Err(too_wide(weights, tensor, width));
        }
    }
    let given = || activation.ok_or_else(|| Error::Activation { file: weights.file_names() });
    let activation = stated_activation(weights).map_or_else(given, Ok)?;
    let config = ModelConfig {
        embed_dim: sizes.embed_dim,
        vision: VisionConfig {
            image_size: sizes.patch_size * sizes.grid,
            patch_size: sizes.patch_size,
            width: sizes.vision_width,
            layers: sizes.vision_layers,
            heads: sizes.vision_width / HEAD,
            mlp_width: 4 * sizes.vision_width,
            activation,
            layer_norm_eps: 1e-5,
            conv_stem: None,
            stem: Stem::Normalized,
            pooling: VisionPooling::ClassToken,
            projection: Projection::Linear,
        },
        text: TextConfig {
            context_length: sizes.context_length,
            vocab_size: sizes.vocab_size,
            width: sizes.text_width,
            layers: sizes.text_layers,
            heads: sizes.text_width / HEAD,
            mlp_width: 4 * sizes.text_width,
            activation,
            layer_norm_eps: 1e-5,
            pooling: Pooling::Argmax,
            mask: AttentionMask::Causal,
            projection: Projection::Linear,
        },
        probability: Probability::Softmax,
    };
    config.validate()?;
    Ok(config)
}

/// OpenAI's own archives carry their sizes, and a whole module its classes. A plain state dict says
/// nothing: OpenCLIP's models with GELU have the same tensors.
pub(crate) fn stated_activation(weights: &Weights) -> Option<Activation> {
    if SIZES.iter().all(|name| weights.get(name).is_some()) {
        return Some(Activation::QuickGelu);
    }
    let has = |class: &str| weights.classes().any(|path| path.rsplit('.').next() == Some(class));
    match (has("QuickGELU"), has("GELU")) {
        (true, false) => Some(Activation::QuickGelu),
        (false, true) => Some(Activation::Gelu),
        _ => None,
    }
}

fn too_wide(weights: &Weights, tensor: &str, width: usize) -> Error {
    Error::Unsupported {
        file: weights.file_names(),
        field: tensor.to_owned(),
        value: format!("a width of {width}"),
        supported: "widths up to 1024, or any with OpenCLIP's open_clip_config.json beside it,"
            .to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use clip_checkpoint::presets;

    use super::*;
    use crate::shapes::tests::hollow;

    #[test]
    fn published_models_are_known_by_their_shapes() {
        for (name, config) in presets::PRESETS {
            let read = read(&hollow(config), Some(Activation::QuickGelu)).unwrap();
            assert_eq!(&read, config, "{name}");
        }
    }

    /// ViT-H-14 of OpenCLIP has 16 heads; by OpenAI's rule they would be 20.
    #[test]
    fn widths_whose_heads_are_not_known_are_refused() {
        let mut config = presets::find("ViT-B-32").unwrap().clone();
        config.vision.width = 1280;
        let error = read(&hollow(&config), Some(Activation::Gelu)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "model.safetensors sets visual.conv1.weight to a width of 1280; only widths up to 1024, or any with OpenCLIP's open_clip_config.json beside it, can be converted"
        );
    }
}
