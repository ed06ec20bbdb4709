//! Models in the layout of Hugging Face transformers.

mod config;
pub(crate) mod license;
mod preprocessor;
mod siglip;
mod table;
mod tokenizer;
mod vocabulary;

use std::path::{Path, PathBuf};

use crate::json;
use crate::model::{Layout, Model};
use crate::path::{folder, folder_name};
use crate::prefix::Landmarks;
use crate::weights::Weights;
use crate::{Error, Family, Result};

static LAYOUT: Layout = Layout {
    family: Family::HuggingFace,
    tables: table::CLIP,
    authority: "config.json",
    is_harmless,
};

pub(crate) const LANDMARKS: Landmarks = Landmarks {
    image: &["vision_model.embeddings.patch_embedding.weight"],
    text: &["text_model.embeddings.token_embedding.weight"],
};

/// Whether there is a configuration beside the weights, or the tensors have names that want one.
pub(crate) fn claims(path: &Path, weights: &Weights) -> bool {
    let is_ours = |name: &str| name.starts_with("vision_model.") || name.starts_with("text_model.");
    folder(path).join(config::FILE).is_file() || weights.names().any(is_ours)
}

/// Whether the folder has a configuration of transformers: other libraries, timm among them, call
/// theirs the same, but give no `model_type`.
pub(crate) fn is_configured(folder: &Path) -> bool {
    let fields = json::Fields::open(folder, config::FILE);
    fields.is_ok_and(|fields| fields.is_some_and(|fields| fields.get("model_type").is_some()))
}

/// The models of transformers that can be converted, by their `model_type`.
#[derive(Clone, Copy)]
enum Kind {
    Clip,
    Siglip,
}

/// Reads the files beside the weights.
pub(crate) fn model(path: &Path, weights: Weights) -> Result<Model> {
    const TYPE: &str = "model_type";
    let folder = folder(path);
    let top = json::Fields::open(folder, config::FILE)?;
    let top = top.ok_or_else(|| missing(folder, config::FILE))?;
    if top.get(TYPE).is_some_and(|value| value == "siglip2") {
        let (file, field) = top.place(TYPE);
        return Err(Error::NaFlex { file, field });
    }
    match top.choice(TYPE, Kind::Clip, &[("clip", Kind::Clip), ("siglip", Kind::Siglip)])? {
        Kind::Clip => clip(folder, &top, weights),
        Kind::Siglip => siglip::model(folder, &top, weights),
    }
}

fn clip(folder: &Path, top: &json::Fields, weights: Weights) -> Result<Model> {
    let (config, tokens) = config::read(top)?;
    let name = folder_name(folder);
    Ok(Model {
        layout: &LAYOUT,
        origin: name.clone(),
        name,
        tokenizer: tokenizer::read(folder, config.text.vocab_size, tokens)?,
        preprocess: preprocessor::read(folder, &preprocessor::CLIP)?,
        vocabulary: None,
        license: license::read(folder),
        config,
        weights,
    })
}

/// Names of the weights, the first that is there counts. The second of each pair is the index of
/// shards; `torch.save` wrote the last two.
pub(crate) const WEIGHTS: [&str; 4] = [
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
];

/// The weights of a folder.
pub(crate) fn locate(folder: &Path) -> Result<PathBuf> {
    let mut paths = WEIGHTS.iter().map(|name| folder.join(name));
    paths.find(|path| path.is_file()).ok_or_else(|| missing(folder, WEIGHTS[0]))
}

fn missing(folder: &Path, file: &str) -> Error {
    let (folder, file) = (folder.to_owned(), file.to_owned());
    Error::MissingFile { folder, file, layout: "Hugging Face" }
}

/// Buffers that older versions of transformers stored beside the weights: `0, 1, 2, ..`.
fn is_harmless(name: &str) -> bool {
    name.ends_with(".position_ids")
}
