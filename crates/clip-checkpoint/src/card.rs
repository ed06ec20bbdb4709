//! The model card: everything about a checkpoint that is not a tensor.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::{
    AttentionMask, Error, ModelConfig, Padding, Pooling, PreprocessConfig, ResizeMode, Result,
    TokenizerConfig, Vocabulary,
};

/// Version of the card's fields that this crate writes and reads.
pub const CARD_VERSION: u32 = 1;

/// Everything about a checkpoint that is not a tensor. Stored as JSON in the file's header.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelCard {
    /// [`CARD_VERSION`] at the time of writing.
    pub card_version: u32,
    /// Short name, such as `clip-vit-base-patch32`.
    pub name: String,
    /// Architecture.
    pub config: ModelConfig,
    /// From a picture to pixels.
    pub preprocess: PreprocessConfig,
    /// From a text to ids.
    pub tokenizer: TokenizerConfig,
    /// Where the weights came from.
    pub source: Source,
    /// What may be done with the weights, as far as the source said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
}

/// Where the weights came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// What was asked for: a hub id, an address, or the name of a file or folder.
    pub origin: String,
    /// The files that held tensors, in the order they were read.
    pub files: Vec<SourceFile>,
    /// Name and version of the converter.
    pub converter: String,
}

/// One file of a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFile {
    /// File name without folders.
    pub name: String,
    /// SHA-256 of the file in lower-case hexadecimal.
    pub sha256: String,
}

impl SourceFile {
    /// What stands for weights that came from no file: the SHA-256 of their values, so that two
    /// models that were trained alike are told apart ([`crate::Checkpoint::fingerprint`]).
    pub fn of_weights<'a>(tensors: impl IntoIterator<Item = &'a [f32]>) -> Self {
        let mut hasher = Sha256::new();
        for tensor in tensors {
            let bytes: Vec<u8> = tensor.iter().flat_map(|value| value.to_le_bytes()).collect();
            hasher.update(bytes);
        }
        Self { name: "trained weights".to_owned(), sha256: hex(&hasher.finalize()) }
    }
}

impl ModelCard {
    /// Reads and checks the JSON form.
    ///
    /// # Errors
    ///
    /// [`Error::NewerCard`] for a card of a later version, [`Error::BadCard`] where it cannot be
    /// understood, [`Error::BadConfig`] where its sizes cannot be.
    pub fn from_json(json: &str) -> Result<Self> {
        #[derive(Deserialize)]
        struct Version {
            card_version: u32,
        }
        let bad = |error: serde_json::Error| Error::BadCard { reason: error.to_string() };
        let Version { card_version } = serde_json::from_str(json).map_err(bad)?;
        if card_version > CARD_VERSION {
            return Err(Error::NewerCard { found: card_version, supported: CARD_VERSION });
        }
        let card: Self = serde_json::from_str(json).map_err(bad)?;
        card.validate()?;
        Ok(card)
    }

    /// Checks that the parts of the card agree with each other.
    ///
    /// # Errors
    ///
    /// [`Error::BadConfig`] with one sentence on what cannot be.
    pub fn validate(&self) -> Result<()> {
        self.config.validate()?;
        self.validate_texts()?;
        let fail = |reason: String| Err(Error::BadConfig { reason });
        let (crop, input) = (self.preprocess.crop_size, self.config.vision.image_size);
        if crop != input {
            return fail(format!(
                "pictures are cropped to {crop} pixels, but the vision tower takes {input}"
            ));
        }
        if self.preprocess.resize_size == 0 {
            return fail("pictures are resized to 0 pixels".to_owned());
        }
        let (resize, size) = (self.preprocess.resize, self.preprocess.resize_size);
        if resize != ResizeMode::Shortest && size != crop {
            return fail(format!(
                "resize mode {resize:?} fills the crop, but pictures are resized to {size} pixels and cropped to {crop}"
            ));
        }
        if self.preprocess.std.iter().any(|std| !(*std > 0.0 && std.is_finite())) {
            return fail(format!(
                "the standard deviation of the pixels {:?} is not positive",
                self.preprocess.std
            ));
        }
        Ok(())
    }

    fn validate_texts(&self) -> Result<()> {
        let fail = |reason: &str| Err(Error::BadConfig { reason: reason.to_owned() });
        let (text, tokenizer) = (&self.config.text, &self.tokenizer);
        let is_short = tokenizer.padding == Padding::Longest;
        if is_short && (text.mask == AttentionMask::Full || text.pooling == Pooling::Last) {
            return fail(
                "the text tower looks at the padding, but texts are not padded to the whole context",
            );
        }
        if tokenizer.vocabulary == Vocabulary::Clip && tokenizer.start_token.is_none() {
            return fail("texts in CLIP's vocabulary begin with a start token, but none is given");
        }
        Ok(())
    }
}
