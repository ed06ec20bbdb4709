//! A unit vector.

/// A unit vector in the space that pictures and texts share.
///
/// Only an [`Embedder`](crate::Embedder) makes them, so the length is always 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(pub(crate) Vec<f32>);

impl Embedding {
    /// The components.
    pub fn as_slice(&self) -> &[f32] {
        &self.0
    }

    /// The components.
    pub fn into_vec(self) -> Vec<f32> {
        self.0
    }

    /// Cosine similarity, in `-1..=1`.
    ///
    /// # Panics
    ///
    /// Where the other vector comes from a model of another width.
    pub fn similarity(&self, other: &Self) -> f32 {
        assert_eq!(self.0.len(), other.0.len(), "embeddings of two models do not compare");
        self.0.iter().zip(&other.0).map(|(a, b)| a * b).sum()
    }
}

impl AsRef<[f32]> for Embedding {
    fn as_ref(&self) -> &[f32] {
        &self.0
    }
}
