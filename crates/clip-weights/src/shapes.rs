//! The sizes of a model with OpenAI's tensor names, from the shapes of its tensors as `build_model`
//! in <https://github.com/openai/CLIP/blob/main/clip/model.py> reads them.

use std::collections::BTreeSet;

use crate::weights::Weights;
use crate::{Error, Result};

/// Everything but the heads, of which shapes say nothing, and what follows from the rest.
#[derive(Debug)]
pub(crate) struct Sizes {
    pub(crate) embed_dim: usize,
    pub(crate) patch_size: usize,
    /// Patches along one side.
    pub(crate) grid: usize,
    pub(crate) vision_width: usize,
    pub(crate) vision_layers: usize,
    pub(crate) context_length: usize,
    pub(crate) vocab_size: usize,
    pub(crate) text_width: usize,
    pub(crate) text_layers: usize,
}

impl Sizes {
    /// `authority` is what calls for the tensors, for messages.
    pub(crate) fn read(weights: &Weights, authority: &'static str) -> Result<Self> {
        let [vision_width, _, _, patch_size] = shape(weights, "visual.conv1.weight", authority)?;
        let [vision_tokens, _] = shape(weights, "visual.positional_embedding", authority)?;
        let [_, embed_dim] = shape(weights, "text_projection", authority)?;
        let [context_length, _] = shape(weights, "positional_embedding", authority)?;
        let [vocab_size, _] = shape(weights, "token_embedding.weight", authority)?;
        let [text_width] = shape(weights, "ln_final.weight", authority)?;
        Ok(Self {
            embed_dim,
            patch_size,
            grid: ((vision_tokens - 1) as f64).sqrt().round() as usize,
            vision_width,
            vision_layers: layers(weights, "visual.transformer.resblocks."),
            context_length,
            vocab_size,
            text_width,
            text_layers: layers(weights, "transformer.resblocks."),
        })
    }
}

/// Number of blocks, counted by the numbers in the names.
pub(crate) fn layers(weights: &Weights, prefix: &str) -> usize {
    let numbers = weights.names().filter_map(|name| name.strip_prefix(prefix)?.split('.').next());
    numbers.collect::<BTreeSet<_>>().len()
}

/// The length of each axis, all from 1.
pub(crate) fn shape<const N: usize>(
    weights: &Weights,
    name: &str,
    authority: &'static str,
) -> Result<[usize; N]> {
    let Some(tensor) = weights.get(name) else {
        let (names, files) = (vec![name.to_owned()], weights.file_names());
        let others = weights.names().map(str::to_owned).collect();
        return Err(Error::Missing { authority, names, files, others });
    };
    match <[usize; N]>::try_from(tensor.shape()) {
        Ok(shape) if !shape.contains(&0) => Ok(shape),
        _ => Err(Error::Unsupported {
            file: weights.file_names(),
            field: name.to_owned(),
            value: format!("a tensor of shape {:?}", tensor.shape()),
            supported: format!("a tensor of {N} axes"),
        }),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::fs::File;
    use std::io::Write;

    use clip_checkpoint::{ModelConfig, tensors};
    use serde_json::{Map, json};

    use super::*;
    use crate::openai::TABLES;
    use crate::recipe::Recipe;

    /// A file with all tensors of a model but no values: where they would be is a hole.
    pub(crate) fn hollow(config: &ModelConfig) -> Weights {
        let (mut header, mut end) = (Map::new(), 0);
        for spec in tensors(config) {
            let recipe = Recipe::find(TABLES, &spec.name).unwrap();
            let (start, shape) = (end, recipe.part_shape(&spec, &recipe.parts[0]));
            end += 2 * spec.elements() as u64;
            let tensor = json!({"dtype": "F16", "shape": shape, "data_offsets": [start, end]});
            header.insert(recipe.parts[0].name.clone(), tensor);
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
}
