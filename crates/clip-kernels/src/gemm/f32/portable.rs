//! The micro-kernels of every other processor: arrays that the compiler puts into the registers that
//! the target has, which are those of NEON on aarch64.

use half::{bf16, f16};

use crate::gemm::microkernel::microkernel;

type Register = [f32; LANES];

const LANES: usize = 8;

#[inline(always)]
fn multiply_add(a: Register, b: Register, sum: Register) -> Register {
    std::array::from_fn(
        #[inline(always)]
        // Without an instruction for it, `mul_add` would be a call.
        |i| match cfg!(any(target_feature = "fma", target_arch = "aarch64")) {
            true => a[i].mul_add(b[i], sum[i]),
            false => a[i] * b[i] + sum[i],
        },
    )
}

macro_rules! portable {
    ($(#[$doc:meta])* $name:ident, $isa:ident, $weight:ty, |$value:ident| $to_f32:expr) => {
        microkernel! {
            $(#[$doc])*
            $name: $isa, [f32, $weight] => f32,
            groups of 1, 8 lanes, rows 1 2 3 4 5 6 up to 6,
            sums |from| from.cast::<Register>().read(), |to, sum| to.cast::<Register>().write(sum),
                [0.0; LANES],
            broadcast |value| [*value; LANES],
            load |weights| weights.cast::<[$weight; LANES]>().read().map(
                #[inline(always)]
                |$value| $to_f32,
            ),
            dot |sum, a, b| multiply_add(a, b, sum)
        }
    };
}

#[cfg(target_arch = "aarch64")]
portable! {
    /// Weights of `f32`.
    NEON, Neon, f32, |value| value
}

portable! {
    /// Weights of `f32`.
    SCALAR, Scalar, f32, |value| value
}

#[cfg(target_arch = "aarch64")]
portable! {
    /// Weights of `f16`.
    NEON_F16, Neon, f16, |value| value.to_f32()
}

portable! {
    /// Weights of `f16`.
    SCALAR_F16, Scalar, f16, |value| value.to_f32()
}

#[cfg(target_arch = "aarch64")]
portable! {
    /// Weights of `bf16`.
    NEON_BF16, Neon, bf16, |value| value.to_f32()
}

portable! {
    /// Weights of `bf16`.
    SCALAR_BF16, Scalar, bf16, |value| value.to_f32()
}
