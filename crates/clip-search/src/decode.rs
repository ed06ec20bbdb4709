//! How images are decoded.

use clip::{Embedder, ReadOptions};

/// How images are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DecodeOptions {
    /// Larger images are refused before they are decoded.
    pub max_megapixels: u32,
    /// Whether every pixel of large images is decoded, and color profiles are ignored as the model's
    /// reference does: slower; for sRGB the vectors else are within a cosine of 0.999 of these.
    pub exact: bool,
}

impl Default for DecodeOptions {
    fn default() -> Self {
        Self { max_megapixels: ReadOptions::default().max_megapixels, exact: false }
    }
}

impl DecodeOptions {
    /// The same, as the decoders take it.
    pub fn reading(&self, embedder: &Embedder) -> ReadOptions {
        let reading = if self.exact { ReadOptions::default() } else { embedder.reading() };
        ReadOptions { max_megapixels: self.max_megapixels, ..reading }
    }
}
