//! Vectors in memory.

use crate::Result;
use crate::dot::dot;
use crate::top::Best;
use crate::vector::check;

/// Vectors of one model in memory, and the exact answer to which of them are nearest.
///
/// ```
/// use clip_retrieval::Flat;
///
/// let mut colors = Flat::new(2);
/// colors.push("red", &[1.0, 0.0])?;
/// colors.push("green", &[0.0, 1.0])?;
/// assert_eq!(colors.nearest(&[0.6, 0.8], 1)?, [(1, 0.8)]);
/// # Ok::<(), clip_retrieval::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Flat {
    dimension: usize,
    vectors: Vec<f32>,
}

impl Flat {
    /// No vectors yet, of `dimension` values each.
    pub fn new(dimension: usize) -> Self {
        Self { dimension, vectors: Vec::new() }
    }

    /// Adds a vector `[dimension]`; its place is the number of those before it. `subject` is what
    /// errors call it.
    ///
    /// # Errors
    ///
    /// [`Error::Dimension`](crate::Error::Dimension), [`Error::NotFinite`](crate::Error::NotFinite) or [`Error::NotUnit`](crate::Error::NotUnit).
    pub fn push(&mut self, subject: &str, vector: &[f32]) -> Result<()> {
        crate::vector::check_unit(vector, self.dimension, || subject.to_owned())?;
        self.vectors.extend_from_slice(vector);
        Ok(())
    }

    /// Number of vectors.
    pub fn len(&self) -> usize {
        self.vectors.len() / self.dimension.max(1)
    }

    /// Whether there is no vector.
    pub fn is_empty(&self) -> bool {
        self.vectors.is_empty()
    }

    /// Values of each vector.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// All vectors, row-major `[len, dimension]`.
    pub fn vectors(&self) -> &[f32] {
        &self.vectors
    }

    /// Places and scores (dot products) of the `top` nearest to `query` `[dimension]`, best first;
    /// of equal scores the earlier place first.
    ///
    /// # Errors
    ///
    /// [`Error::Dimension`](crate::Error::Dimension) or [`Error::NotFinite`](crate::Error::NotFinite).
    pub fn nearest(&self, query: &[f32], top: usize) -> Result<Vec<(usize, f32)>> {
        check(query, self.dimension, || "the query".to_owned())?;
        let mut best = Best::new(top);
        for (place, vector) in (0..).zip(self.vectors.chunks_exact(self.dimension.max(1))) {
            best.add(place, dot(query, vector));
        }
        Ok(best.sorted().into_iter().map(|hit| (hit.key as usize, hit.score)).collect())
    }
}
