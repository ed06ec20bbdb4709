//! Models of OpenCLIP: OpenAI's tensor names, and a configuration beside them.
//!
//! The text tower has bare names (its class `CLIP`) or ones that begin with `text.`
//! (`CustomTextCLIP`).

mod config;
mod fields;
mod preprocess;
mod siglip;

use std::path::{Path, PathBuf};

use clip_checkpoint::{Pooling, TokenizerMode};

use config::Parts;

use crate::hf::license;
use crate::json::Fields;
use crate::model::{Layout, Model};
use crate::path::{folder, folder_name};
use crate::prefix::Landmarks;
use crate::weights::Weights;
use crate::{Error, Family, Result, openai};

/// `HF_CONFIG_NAME` in `constants.py`.
pub(crate) const FILE: &str = "open_clip_config.json";

static LAYOUT: Layout = Layout {
    family: Family::OpenClip,
    tables: openai::TABLES,
    authority: FILE,
    is_harmless: openai::is_harmless,
};

/// OpenAI's names for the towers, and OpenCLIP's.
pub(crate) const LANDMARKS: Landmarks = Landmarks {
    image: &["visual.conv1.weight", "visual.trunk.patch_embed.proj.weight"],
    text: &["token_embedding.weight", "text.token_embedding.weight"],
};

/// Whether the tensors have OpenCLIP's names: OpenAI's with a configuration beside them, longer ones,
/// or those of a whole module of its classes. `visual.trunk` is a picture tower of timm's, which the
/// configuration then names.
pub(crate) fn claims(path: &Path, weights: &Weights) -> bool {
    let is_visual = |name: &str| name == "visual.conv1.weight" || name.starts_with("visual.trunk.");
    weights.names().any(|name| is_visual(plain(name)))
        && (is_configured(folder(path))
            || weights.names().any(|name| plain(name) != name)
            || weights.classes().any(|class| class.starts_with("open_clip.")))
}

/// Reads the files beside the weights.
pub(crate) fn model(path: &Path, mut weights: Weights) -> Result<Model> {
    let folder = folder(path);
    let file = Fields::open(folder, FILE)?.ok_or_else(|| missing(folder, FILE))?;
    weights.rename(plain);
    let parts = Parts::new(&file)?;
    if let Some(tower) = siglip::tower(&parts.vision) {
        return siglip::model(folder, &file, &parts, tower, weights);
    }
    let config = config::read(&parts, &weights)?;
    let mut tokenizer = openai::tokenizer(TokenizerMode::OpenClip, config.text.vocab_size);
    if let Pooling::EndToken(id) = config.text.pooling {
        tokenizer.end_token = id;
    }
    let name = folder_name(folder);
    Ok(Model {
        layout: &LAYOUT,
        origin: name.clone(),
        name,
        tokenizer,
        preprocess: preprocess::read(&file, config.vision.image_size)?,
        vocabulary: None,
        license: license::read(folder),
        config,
        weights,
    })
}

/// Whether the folder has a configuration of OpenCLIP's.
pub(crate) fn is_configured(folder: &Path) -> bool {
    folder.join(FILE).is_file()
}

/// Names of the weights, in the order in which `_find_checkpoint_in_dir` in `factory.py` prefers them,
/// and of the indexes of shards, which `save_torch_model` of huggingface_hub writes under any of them.
pub(crate) const WEIGHTS: [&str; 9] = [
    "open_clip_model.safetensors",
    "open_clip_model.safetensors.index.json",
    "open_clip_pytorch_model.bin",
    "open_clip_pytorch_model.bin.index.json",
    "open_clip_pytorch_model.pt",
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
    Error::MissingFile { folder, file, layout: "OpenCLIP" }
}

/// A tensor's name in OpenAI's code.
fn plain(name: &str) -> &str {
    name.strip_prefix("text.").unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_openais_without_the_module_of_the_text_tower() {
        assert_eq!(plain("visual.conv1.weight"), "visual.conv1.weight");
        assert_eq!(plain("text.ln_final.weight"), "ln_final.weight");
        assert_eq!(plain("text.text_projection"), "text_projection");
        assert_eq!(plain("text_projection"), "text_projection");
    }
}
