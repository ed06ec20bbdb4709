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
/// - `matches`: `[B, T]`; whether a text is right for a picture; each of both has one at least
/// - output: `[1]`
pub fn info_nce(logits: Tensor<2>, matches: Tensor<2, Bool>) -> Tensor<1> {
    let matches = matches.float();
    let entropy = |logits, matches: Tensor<2>| {
        let targets = matches.clone() / matches.sum_dim(1);
        -(targets * log_softmax(logits, 1)).sum_dim(1).mean()
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
