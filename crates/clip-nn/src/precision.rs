//! In which numbers the products of a block are computed.

use burn::config::Config;

/// In which numbers the products of a block are computed. Weights, sums and everything else are
/// f32 either way.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum Precision {
    /// What serves, and what is compared with the references.
    F32,
    /// Factors rounded to bf16, for training on processors that multiply those twice as fast
    /// (AVX-512 BF16); f32 elsewhere.
    Bf16,
}

#[cfg(feature = "flex")]
impl Precision {
    /// Whether products are of bf16 on this machine.
    pub(crate) fn is_bf16_here(self) -> bool {
        self == Self::Bf16 && crate::fused::has_bf16()
    }
}
