//! The contrastive losses: which picture goes with which text.
//!
//! An image may have several right texts in a batch, and a text several right images: InfoNCE
//! shares its target among them, the sigmoid loss calls each of them a match. So a text that names
//! several rows need stand in a batch only once: there may be fewer texts than images. Where only the
//! pairs themselves match, both are the published losses.

use burn::tensor::activation::{log_sigmoid, log_softmax};
use burn::tensor::{Bool, Tensor};

/// Symmetric InfoNCE with soft targets (section 2.3 and figure 3 of the CLIP paper,
/// arXiv:2103.00020): the mean of the cross entropies of pictures over texts and of texts over
/// pictures.
///
/// # Shapes
///
/// - `logits`: `[B, T]`, scaled similarity of each picture with each text
/// - `matches`: `[B, T]`; whether a text is right for a picture. A picture or a text that has none is a
///   further negative of the others, and has no entropy of its own
/// - output: `[1]`
pub fn info_nce(logits: Tensor<2>, matches: Tensor<2, Bool>) -> Tensor<1> {
    let matches = matches.float();
    let entropy = |logits, matches: Tensor<2>| {
        let counts = matches.clone().sum_dim(1);
        let matched = counts.clone().clamp_max(1.0).sum();
        let targets = matches / counts.clamp_min(1.0);
        -(targets * log_softmax(logits, 1)).sum() / matched
    };
    let texts = entropy(logits.clone(), matches.clone());
    (texts + entropy(logits.transpose(), matches.transpose())) * 0.5
}

/// The pairwise sigmoid loss of SigLIP (algorithm 1 of arXiv:2303.15343): for each pair, whether
/// it is a match; summed over texts, the mean over pictures.
///
/// # Shapes
///
/// - `logits`: `[B, T]`, scaled similarity of each picture with each text, plus the bias
/// - `matches`: `[B, T]`; whether a text is right for a picture
/// - output: `[1]`
pub fn sigmoid_loss(logits: Tensor<2>, matches: Tensor<2, Bool>) -> Tensor<1> {
    let [batch, _] = logits.dims();
    let signs = matches.float() * 2.0 - 1.0;
    -log_sigmoid(signs * logits).sum() / batch as f64
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;

    /// Two images with a text each, and a third text that is wrong for both.
    #[test]
    fn a_text_without_an_image_is_a_negative_alone() {
        let device = Device::flex();
        let logits: [[f32; 3]; 2] = [[2.0, 0.5, 1.0], [0.25, 1.5, -1.0]];
        let matches = TensorData::from([[true, false, false], [false, true, false]]);
        let loss =
            info_nce(Tensor::from_floats(logits, &device), Tensor::from_data(matches, &device));
        let entropy =
            |all: &[f32], right: f32| all.iter().map(|logit| logit.exp()).sum::<f32>().ln() - right;
        let texts = (entropy(&logits[0], 2.0) + entropy(&logits[1], 1.5)) / 2.0;
        let images = (entropy(&[2.0, 0.25], 2.0) + entropy(&[0.5, 1.5], 1.5)) / 2.0;
        let found: f32 = loss.into_scalar();
        assert!((found - (texts + images) / 2.0).abs() < 1e-6, "{found}");
    }
}
