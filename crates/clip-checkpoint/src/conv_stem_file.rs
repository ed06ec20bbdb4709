//! A convolutional stem alone, which training starts a vision tower from.
//!
//! It is a safetensors file as that of a whole model, with a card of its own. Its tensors have the names
//! that they have in a tower, so that filling one needs no table.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::layout::stem_tensors;
use crate::tensor_file::TensorFile;
use crate::write::{Card, write_file};
use crate::{
    CARD_VERSION, ConvStem, Dtype, Error, PreprocessConfig, Result, Source, TensorSource,
    TensorSpec, Vocabulary,
};

/// Key of the card in the header's metadata.
pub(crate) const STEM_KEY: &str = "clip_conv_stem_card";

/// Everything about a stem that is not a tensor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ConvStemCard {
    /// [`CARD_VERSION`] at the time of writing.
    pub card_version: u32,
    /// Short name, such as `efficientnet-lite0`.
    pub name: String,
    /// Architecture.
    pub conv_stem: ConvStem,
    /// Classes that the mean of the feature map was trained to tell apart, by a linear layer
    /// `classifier`, where the file has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub classes: Option<usize>,
    /// From an image to pixels, as the stem was trained with.
    pub preprocess: PreprocessConfig,
    /// Where the weights came from.
    pub source: Source,
    /// What may be done with the weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
}

impl ConvStemCard {
    /// Names and shapes of the tensors: those of the stem (`visual.conv_stem.…`), and
    /// `classifier.weight` `[channels, classes]` and `classifier.bias` where there are classes.
    pub fn tensors(&self) -> Vec<TensorSpec> {
        stem_tensors(&self.conv_stem, self.classes)
    }

    /// Checks that the sizes describe a stem that can be built.
    ///
    /// # Errors
    ///
    /// [`Error::BadConfig`] with one sentence on what cannot be.
    pub fn validate(&self) -> Result<()> {
        self.conv_stem.validate()?;
        if self.classes == Some(0) {
            let reason = "a classifier of no classes".to_owned();
            return Err(Error::BadConfig { reason });
        }
        Ok(())
    }
}

impl Card for ConvStemCard {
    const KEY: &'static str = STEM_KEY;

    fn validate(&self) -> Result<()> {
        self.validate()
    }

    fn tensors(&self) -> Vec<TensorSpec> {
        self.tensors()
    }

    fn vocabulary(&self) -> &Vocabulary {
        &Vocabulary::Clip
    }

    fn source_mut(&mut self) -> &mut Source {
        &mut self.source
    }
}

/// Writes a stem as [`crate::write`] writes a checkpoint. Returns the file's size in bytes.
///
/// # Errors
///
/// As [`crate::write`].
pub fn write_conv_stem<S: TensorSource>(
    path: &Path,
    card: &ConvStemCard,
    dtype: Dtype,
    source: &mut S,
) -> std::result::Result<u64, S::Error> {
    write_file(path, card, dtype, source)
}

/// An open file of a stem. Opening reads the header only.
#[derive(Debug, Clone)]
pub struct ConvStemCheckpoint {
    file: TensorFile,
    card: ConvStemCard,
}

impl ConvStemCheckpoint {
    /// Maps the file and checks that its card and the names, shapes and number formats of all tensors
    /// fit together.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the file cannot be opened, [`Error::NotStem`] where it is something else,
    /// otherwise what is wrong with it.
    pub fn open(path: &Path) -> Result<Self> {
        let file = TensorFile::open(path)?;
        let Some(json) = file.metadata(STEM_KEY) else {
            return Err(Error::NotStem { origin: file.origin().to_owned() });
        };
        let card: ConvStemCard = serde_json::from_str(json)
            .map_err(|error| Error::BadCard { reason: error.to_string() })?;
        if card.card_version > CARD_VERSION {
            let (found, supported) = (card.card_version, CARD_VERSION);
            return Err(Error::NewerCard { found, supported });
        }
        card.validate()?;
        file.check_layout(card.tensors(), &Vocabulary::Clip)?;
        Ok(Self { file, card })
    }

    /// Everything about the stem that is not a tensor.
    pub fn card(&self) -> &ConvStemCard {
        &self.card
    }

    /// A tensor's values as `f32`, row-major.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] for a name the stem does not have, [`Error::NotFinite`] where a value is NaN
    /// or infinite.
    pub fn read(&self, name: &str) -> Result<Vec<f32>> {
        self.file.read(name)
    }
}
