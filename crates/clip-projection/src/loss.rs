//! The contrastive losses: which picture goes with which text.
//!
//! Rows of one group (two pictures of one concept) are right answers for each other: InfoNCE
//! shares its target among them, the sigmoid loss calls each of them a match. With groups that all
//! differ, both are the published losses.

use burn::tensor::activation::{log_sigmoid, log_softmax};
use burn::tensor::{Int, Tensor};

/// Symmetric InfoNCE with soft targets (section 2.3 and figure 3 of the CLIP paper,
/// arXiv:2103.00020): the mean of the cross entropies of pictures over texts and of texts over
/// pictures.
///
/// # Shapes
///
/// - `logits`: `[B, B]`, scaled similarity of each picture with each text
/// - `groups`: `[B]`; equal numbers mark rows of one concept
/// - output: `[1]`
pub fn info_nce(logits: Tensor<2>, groups: Tensor<1, Int>) -> Tensor<1> {
    let same = same(groups);
    let targets = same.clone() / same.sum_dim(1);
    let entropy = |logits| -(targets.clone() * log_softmax(logits, 1)).sum_dim(1).mean();
    (entropy(logits.clone()) + entropy(logits.transpose())) * 0.5
}

/// The pairwise sigmoid loss of SigLIP (algorithm 1 of arXiv:2303.15343): for each pair, whether
/// it is a match; summed over texts, the mean over pictures.
///
/// # Shapes
///
/// - `logits`: `[B, B]`, scaled similarity of each picture with each text, plus the bias
/// - `groups`: `[B]`; equal numbers mark rows of one concept
/// - output: `[1]`
pub fn sigmoid_loss(logits: Tensor<2>, groups: Tensor<1, Int>) -> Tensor<1> {
    let [batch, _] = logits.dims();
    let signs = same(groups) * 2.0 - 1.0;
    -log_sigmoid(signs * logits).sum() / batch as f64
}

/// 1 where two rows are of one group, else 0.
fn same(groups: Tensor<1, Int>) -> Tensor<2> {
    let [batch] = groups.dims();
    let rows = groups.clone().reshape([batch, 1]).expand([batch, batch]);
    rows.equal(groups.reshape([1, batch]).expand([batch, batch])).float()
}
