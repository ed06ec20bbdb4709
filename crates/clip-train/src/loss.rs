//! Which loss is minimized, and what it learns besides the towers.

use burn::tensor::{Bool, Tensor};
use clip_checkpoint::Probability;
use clip_projection::{info_nce, sigmoid_loss};
use serde::{Deserialize, Serialize};

/// The contrastive loss of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LossKind {
    /// CLIP's symmetric cross entropy: see [`info_nce`].
    InfoNce,
    /// SigLIP's pairwise loss: see [`sigmoid_loss`].
    Sigmoid,
}

impl LossKind {
    /// How the logits of a model that was trained with it are read.
    pub fn probability(self) -> Probability {
        match self {
            Self::InfoNce => Probability::Softmax,
            Self::Sigmoid => Probability::Sigmoid,
        }
    }

    /// Where the logit scale and the bias begin: `1/0.07` (section 2.5 of the CLIP paper), `10` and
    /// `−10` (section 3.2 of the SigLIP paper).
    pub fn start(self) -> (f64, Option<f64>) {
        match self {
            Self::InfoNce => ((1.0_f64 / 0.07).ln(), None),
            Self::Sigmoid => (10.0_f64.ln(), Some(-10.0)),
        }
    }

    /// # Shapes
    ///
    /// - `logits`: `[B, T]`, images by texts
    /// - `matches`: `[B, T]`; whether a text is right for an image
    /// - output: `[1]`
    pub fn forward(self, logits: Tensor<2>, matches: Tensor<2, Bool>) -> Tensor<1> {
        match self {
            Self::InfoNce => info_nce(logits, matches),
            Self::Sigmoid => sigmoid_loss(logits, matches),
        }
    }
}
