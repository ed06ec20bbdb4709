//! A unit vector.

/// A unit vector in the space that pictures and texts share.
///
/// An [`Embedder`](crate::Embedder) makes them, or [`Self::from_unit`] of what one has made before, so
/// the length is always 1.
#[derive(Debug, Clone, PartialEq)]
pub struct Embedding(pub(crate) Vec<f32>);

/// How far the length of a unit vector that was stored may be from 1.
const TOLERANCE: f32 = 1e-3;

impl Embedding {
    /// An embedding that was made before and stored, to the bit; none where the length is not 1 (within
    /// 0.001) or a component is not finite.
    pub fn from_unit(components: Vec<f32>) -> Option<Self> {
        let norm = components.iter().map(|component| component * component).sum::<f32>().sqrt();
        ((norm - 1.0).abs() <= TOLERANCE).then_some(Self(components))
    }

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
