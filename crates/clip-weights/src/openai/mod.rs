//! Models with the tensor names of OpenAI's code: its own archives, and what people saved with it.

mod config;
mod table;
mod vocabulary;

use std::path::Path;

use clip_checkpoint::{
    Activation, Interpolation, PreprocessConfig, PreprocessMode, ResizeMode, TokenizerConfig,
    TokenizerMode,
};

use crate::model::{Layout, Model};
use crate::path::{file_name, file_stem};
use crate::weights::Weights;
use crate::{Error, Family, Result};

pub(crate) use config::stated_activation;
pub(crate) use table::{TABLES, TEXT};
pub(crate) use vocabulary::{END, SIZE as VOCABULARY, START};

static LAYOUT: Layout =
    Layout { family: Family::OpenAi, tables: TABLES, authority: "OpenAI's code", is_harmless };

/// Sizes that OpenAI's own archives store as tensors; `build_model` in
/// <https://github.com/openai/CLIP/blob/main/clip/model.py> deletes them.
const SIZES: [&str; 3] = ["input_resolution", "context_length", "vocab_size"];

/// Whether the tensors have OpenAI's names.
pub(crate) fn claims(weights: &Weights) -> bool {
    weights.get("visual.conv1.weight").is_some()
}

/// Everything that the tensors say about their model; `activation` is asked where they do not.
pub(crate) fn model(
    path: &Path,
    weights: Weights,
    activation: Option<Activation>,
) -> Result<Model> {
    if weights.names().any(|name| name.starts_with("visual.layer1.")) {
        return Err(Error::ResNet { file: weights.file_names() });
    }
    let config = config::read(&weights, activation)?;
    let image_size = config.vision.image_size;
    Ok(Model {
        layout: &LAYOUT,
        name: file_stem(path),
        origin: file_name(path),
        tokenizer: tokenizer(TokenizerMode::Openai, config.text.vocab_size),
        preprocess: preprocess(image_size),
        vocabulary: None,
        license: None,
        config,
        weights,
    })
}

/// `_transform` in `clip/clip.py`.
pub(crate) fn preprocess(image_size: usize) -> PreprocessConfig {
    PreprocessConfig {
        mode: PreprocessMode::Openai,
        resize: ResizeMode::Shortest,
        resize_size: image_size,
        interpolation: Interpolation::Bicubic,
        crop_size: image_size,
        mean: PreprocessConfig::OPENAI_MEAN,
        std: PreprocessConfig::OPENAI_STD,
    }
}

/// `tokenize` in `clip/clip.py`, and in OpenCLIP's `tokenizer.py`. The last two ids are the start and
/// the end token, also in the shorter vocabulary of a test model.
pub(crate) fn tokenizer(mode: TokenizerMode, vocab_size: usize) -> TokenizerConfig {
    let end_token = u32::try_from(vocab_size).map_or(END, |size| size.saturating_sub(1).min(END));
    let start_token = end_token.saturating_sub(1);
    TokenizerConfig::clip(mode, start_token, end_token, 0)
}

/// The sizes, and the causal mask that TorchScript keeps in every block.
pub(crate) fn is_harmless(name: &str) -> bool {
    SIZES.contains(&name) || name.rsplit('.').next() == Some("attn_mask")
}
