//! In which numbers the products of a block are computed.

use burn::config::Config;
use burn::tensor::Tensor;
use clip_kernels::gemm::{WeightDtype, select};

use crate::fused;

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

impl Precision {
    /// The product `[M, N]` of `a` `[M, K]` and `b` `[K, N]`.
    ///
    /// # Panics
    ///
    /// Where the inner lengths differ.
    pub fn matmul(self, a: Tensor<2>, b: Tensor<2>) -> Tensor<2> {
        fused::matmul(&a, &b, self.dtype()).unwrap_or_else(|| a.matmul(b))
    }

    /// What factors are rounded to on this machine.
    pub(crate) fn dtype(self) -> WeightDtype {
        let multiplies_bf16 = || select(WeightDtype::Bf16).arithmetic() == "bf16";
        match self {
            Self::Bf16 if multiplies_bf16() => WeightDtype::Bf16,
            _ => WeightDtype::F32,
        }
    }
}
