//! How to convert.

use std::path::PathBuf;

use clip_checkpoint::{Activation, Dtype, PreprocessMode};

use crate::HubOptions;

/// How to convert; the default asks the source.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// The file to write; `NAME.safetensors` in `folder` where it is not given.
    pub output: Option<PathBuf>,
    /// Folder for files that are named after their model; `weights` where it is not given.
    pub folder: Option<PathBuf>,
    /// Number format of the output; that of the source where it is not given, f32 where it has several.
    pub dtype: Option<Dtype>,
    /// Name on the card; the last part of the hub id or the folder's or the file's name where it is not
    /// given.
    pub name: Option<String>,
    /// License on the card, used where the source does not say.
    pub license: Option<String>,
    /// Nonlinearity of the MLPs, used where the source does not say.
    pub activation: Option<Activation>,
    /// How pictures are prepared, instead of what the source's family does.
    pub preprocess: Option<PreprocessMode>,
    /// SHA-256 in hexadecimal that the weights file must have.
    pub sha256: Option<String>,
    /// Whether a file that is there is replaced by another model.
    pub force: bool,
    /// Where hub ids are downloaded from, and where downloads are kept.
    pub hub: HubOptions,
}
