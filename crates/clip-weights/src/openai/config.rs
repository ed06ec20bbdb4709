//! The architecture, from the shapes of the tensors as `build_model` in
//! <https://github.com/openai/CLIP/blob/main/clip/model.py> reads it: there is no configuration.

use std::collections::BTreeSet;

use clip_checkpoint::{Activation, ModelConfig, Pooling, TextConfig, VisionConfig};

use super::{LAYOUT, SIZES};
use crate::weights::Weights;
use crate::{Error, Result};

/// Width of a head in every model of OpenAI's.
const HEAD: usize = 64;
/// Width of OpenAI's largest tower. OpenCLIP's wider ones (ViT-H-14, ..) have wider heads, of which
/// shapes say nothing.
const MAX_WIDTH: usize = 1024;

pub(super) fn read(weights: &Weights, activation: Option<Activation>) -> Result<ModelConfig> {
    let [vision_width, _, _, patch_size] = shape(weights, "visual.conv1.weight")?;
    let [vision_tokens, _] = shape(weights, "visual.positional_embedding")?;
    let [_, embed_dim] = shape(weights, "text_projection")?;
    let [context_length, _] = shape(weights, "positional_embedding")?;
    let [vocab_size, _] = shape(weights, "token_embedding.weight")?;
    let [text_width] = shape(weights, "ln_final.weight")?;
    for (tensor, width) in [("visual.conv1.weight", vision_width), ("ln_final.weight", text_width)]
    {
        if width > MAX_WIDTH {
            return Err(unsupported(
                weights,
                tensor,
                &format!("a width of {width}"),
                "widths up to 1024, whose heads are known,",
            ));
        }
    }
    let activation = self::activation(weights, activation)?;
    let grid = ((vision_tokens - 1) as f64).sqrt().round() as usize;
    let config = ModelConfig {
        embed_dim,
        vision: VisionConfig {
            image_size: patch_size * grid,
            patch_size,
            width: vision_width,
            layers: layers(weights, "visual.transformer.resblocks."),
            heads: vision_width / HEAD,
            mlp_width: 4 * vision_width,
            activation,
            layer_norm_eps: 1e-5,
        },
        text: TextConfig {
            context_length,
            vocab_size,
            width: text_width,
            layers: layers(weights, "transformer.resblocks."),
            heads: text_width / HEAD,
            mlp_width: 4 * text_width,
            activation,
            layer_norm_eps: 1e-5,
            pooling: Pooling::Argmax,
        },
    };
    config.validate()?;
    Ok(config)
}

/// OpenAI's own archives carry their sizes, and a whole module its classes. A plain state dict says
/// nothing: OpenCLIP's models with GELU have the same tensors.
fn activation(weights: &Weights, given: Option<Activation>) -> Result<Activation> {
    if SIZES.iter().all(|name| weights.get(name).is_some()) {
        return Ok(Activation::QuickGelu);
    }
    let has = |class: &str| weights.classes().any(|path| path.rsplit('.').next() == Some(class));
    match (has("QuickGELU"), has("GELU")) {
        (true, false) => Ok(Activation::QuickGelu),
        (false, true) => Ok(Activation::Gelu),
        _ => given.ok_or_else(|| Error::Activation { file: weights.file_names() }),
    }
}

/// Number of blocks, counted by the numbers in the names.
fn layers(weights: &Weights, prefix: &str) -> usize {
    let numbers = weights.names().filter_map(|name| name.strip_prefix(prefix)?.split('.').next());
    numbers.collect::<BTreeSet<_>>().len()
}

/// The length of each axis, all from 1.
fn shape<const N: usize>(weights: &Weights, name: &str) -> Result<[usize; N]> {
    let Some(tensor) = weights.get(name) else {
        let (names, files) = (vec![name.to_owned()], weights.file_names());
        return Err(Error::Missing { authority: LAYOUT.authority, names, files });
    };
    match <[usize; N]>::try_from(tensor.shape()) {
        Ok(shape) if !shape.contains(&0) => Ok(shape),
        _ => {
            let value = format!("a tensor of shape {:?}", tensor.shape());
            Err(unsupported(weights, name, &value, &format!("a tensor of {N} axes")))
        }
    }
}

fn unsupported(weights: &Weights, field: &str, value: &str, supported: &str) -> Error {
    let (field, value, supported) = (field.to_owned(), value.to_owned(), supported.to_owned());
    Error::Unsupported { file: weights.file_names(), field, value, supported }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Write;

    use clip_checkpoint::{presets, tensors};
    use serde_json::{Map, json};

    use super::super::table::TABLE;
    use super::*;
    use crate::recipe::Recipe;

    /// A file with all tensors of a model but no values: where they would be is a hole.
    fn hollow(config: &ModelConfig) -> Weights {
        let (mut header, mut end) = (Map::new(), 0);
        for spec in tensors(config) {
            let recipe = Recipe::find(TABLE, &spec.name).unwrap();
            let (start, shape) = (end, recipe.part_shape(&spec));
            end += 2 * spec.elements() as u64;
            let tensor = json!({"dtype": "F16", "shape": shape, "data_offsets": [start, end]});
            header.insert(recipe.parts[0].clone(), tensor);
        }
        let header = serde_json::Value::from(header).to_string();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("model.safetensors");
        let mut file = File::create(&path).unwrap();
        file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
        file.write_all(header.as_bytes()).unwrap();
        file.set_len(8 + header.len() as u64 + end).unwrap();
        Weights::open(&path).unwrap()
    }

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
            "model.safetensors sets visual.conv1.weight to a width of 1280; only widths up to 1024, whose heads are known, can be converted"
        );
    }
}
