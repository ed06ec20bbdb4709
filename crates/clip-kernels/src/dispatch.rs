//! Loops that are compiled for each instruction set.

use std::sync::LazyLock;

use pulp::{Arch, Simd, WithSimd};

#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
use crate::Isa;

/// The widest instruction set of [`pulp`] that is enabled ([`Isa::is_enabled`](crate::Isa::is_enabled)).
pub fn arch() -> Arch {
    static ARCH: LazyLock<Arch> = LazyLock::new(select);
    *ARCH
}

#[cfg(target_arch = "x86_64")]
fn select() -> Arch {
    use pulp::x86::{V3, V4};
    let v4 = V4::try_new().filter(|_| Isa::Avx512.is_enabled()).map(Arch::V4);
    let v3 = || V3::try_new().filter(|_| Isa::Avx2.is_enabled()).map(Arch::V3);
    v4.or_else(v3).unwrap_or(Arch::Scalar)
}

#[cfg(target_arch = "aarch64")]
fn select() -> Arch {
    let neon = pulp::aarch64::Neon::try_new().filter(|_| Isa::Neon.is_enabled());
    neon.map_or(Arch::Scalar, Arch::Neon)
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn select() -> Arch {
    Arch::new()
}

/// Runs a loop that the compiler vectorizes, with the widest instruction set that is enabled. What
/// the loop calls has to be `#[inline(always)]`, and so has the closure itself.
pub fn dispatch<R>(mut run: impl FnMut() -> R) -> R {
    dispatch_fused(
        #[inline(always)]
        |_| run(),
    )
}

/// As [`dispatch`], for loops that multiply and add: the compiler may not round once by itself where the
/// source rounds twice.
pub(crate) fn dispatch_fused<R>(run: impl FnMut(MulAdd) -> R) -> R {
    struct Loop<F>(F);

    impl<R, F: FnMut(MulAdd) -> R> WithSimd for Loop<F> {
        type Output = R;

        // Pulp takes closures too, but calls one that is `FnMut` through a shim for `FnOnce`. The
        // shim is not inlined, and the loop in it keeps the oldest instructions.
        #[inline(always)]
        fn with_simd<S: Simd>(mut self, _: S) -> R {
            // A constant, once this is inlined.
            (self.0)(MulAdd { fused: !S::IS_SCALAR })
        }
    }

    arch().dispatch(Loop(run))
}

/// `a · b + c` in one instruction where the instruction set has one; elsewhere `f32::mul_add` is a call.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MulAdd {
    fused: bool,
}

impl MulAdd {
    /// Two instructions, everywhere.
    pub(crate) const SEPARATE: Self = Self { fused: false };

    #[inline(always)]
    pub(crate) fn of(self, a: f32, b: f32, c: f32) -> f32 {
        if self.fused { a.mul_add(b, c) } else { a * b + c }
    }
}
