//! Unit vectors and how much they point the same way.

use burn::tensor::{Tensor, assert_shape};

/// Each row divided by its Euclidean length.
///
/// A row of zeros stays zero rather than becoming NaN; no tower produces one.
///
/// # Shapes
///
/// - `features`, output: `[B, E]`
pub fn normalize(features: Tensor<2>) -> Tensor<2> {
    let norm = features.clone().powi_scalar(2).sum_dim(1).sqrt();
    features / norm.clamp_min(f32::MIN_POSITIVE)
}

/// Cosine similarity of each picture with each text, for unit vectors.
///
/// # Shapes
///
/// - `images`: `[N, E]`
/// - `texts`: `[M, E]`
/// - output: `[N, M]`
///
/// # Panics
///
/// Where the widths differ.
pub fn similarity(images: Tensor<2>, texts: Tensor<2>) -> Tensor<2> {
    let [_, width] = images.dims();
    assert_shape!(texts, [_, width]);
    images.matmul(texts.transpose())
}
