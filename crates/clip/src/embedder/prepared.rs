//! Inputs that are ready for a tower, for programs that make up batches of what many callers ask for.

use clip_preprocess::Picture;

use super::Embedder;
use crate::{Embedding, Error, Result};

/// A text as the text tower takes it: by [`Embedder::tokenize`], for a model with the same tokenizer.
#[derive(Debug, Clone)]
pub struct TokenizedText(Vec<u32>);

impl TokenizedText {
    /// Tokens, start and end counted. Texts of like length run through the tower together.
    #[expect(clippy::len_without_is_empty, reason = "there is an end token at least")]
    pub fn len(&self) -> usize {
        self.0.len()
    }
}

/// An image as the vision tower takes it: by [`Embedder::prepare`], for a model with the same
/// preprocessing.
#[derive(Debug, Clone)]
pub struct PreparedImage(Vec<f32>);

impl AsRef<[f32]> for PreparedImage {
    fn as_ref(&self) -> &[f32] {
        &self.0
    }
}

impl Embedder {
    /// The tokens of a text.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyText`], [`Error::Text`] where the text is longer than the context (see
    /// [`Embedder::with_overflow`]), [`Error::UnknownToken`].
    pub fn tokenize(&self, text: &str) -> Result<TokenizedText> {
        if text.trim().is_empty() {
            return Err(Error::EmptyText);
        }
        let ids = self.tokenizer()?.encode(text, self.overflow)?;
        let count = self.card().config.text.vocab_size;
        match ids.iter().find(|id| **id as usize >= count) {
            Some(&token) => Err(Error::UnknownToken { token, count }),
            None => Ok(TokenizedText(ids)),
        }
    }

    /// The unit vectors of tokenized texts, in their order: as [`Embedder::texts`].
    ///
    /// # Errors
    ///
    /// [`Error::Model`] where the weights are damaged, [`Error::Device`].
    pub fn encode_tokens(&self, texts: &[TokenizedText]) -> Result<Vec<Embedding>> {
        self.tokens(texts.iter().map(|text| text.0.clone()).collect())
    }

    /// An image in the size and with the pixels that the vision tower takes.
    pub fn prepare(&self, image: &Picture) -> PreparedImage {
        PreparedImage(self.preprocessor.picture_pixels(image))
    }

    /// The unit vectors of prepared images, in their order.
    ///
    /// # Errors
    ///
    /// As [`Embedder::encode_tokens`].
    pub fn encode_prepared(&self, images: &[PreparedImage]) -> Result<Vec<Embedding>> {
        self.pixels(images)
    }
}
