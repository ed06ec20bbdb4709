//! Matrix products of integers: weights of 8 bits on the right, activations on the left.
//!
//! Sums are exact in 32 bits on every instruction set; what differs is how many bits an activation
//! may have, and so how much rounding it loses. `vpdpbusd` (VNNI) takes unsigned 8-bit activations.
//! Without it, 8 by 8 bits would have to go through `vpmaddubsw`, whose 16-bit sums of two products
//! saturate above 7 bits: the kernels widen the weights to 16 bits instead and use `vpmaddwd`,
//! which is exact for 16 by 16 bits. On AMD's Zen it is as fast (both instructions run on two
//! ports, and `vpmaddubsw` needs a second one to widen its sums); activations get 12 bits there.

mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

use crate::{Isa, Prefetch};

/// A microkernel: some rows of activations by one panel of weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kernel {
    /// `vpdpbusd` in 512-bit registers.
    #[cfg(target_arch = "x86_64")]
    Avx512Vnni,
    /// `vpmaddwd` in 512-bit registers.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// `vpdpbusd` in 256-bit registers.
    #[cfg(target_arch = "x86_64")]
    Avx2Vnni,
    /// `vpmaddwd` in 256-bit registers.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// A loop: the reference of the others.
    Scalar,
}

/// How a kernel wants activations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ActivationType {
    /// Unsigned, 8 bits.
    U8,
    /// 0 to [`i16::MAX`].
    I16,
}

/// Rows of activations, one after the other, each filled up with zeros to a multiple of
/// [`Kernel::group`].
#[derive(Debug, Clone, Copy)]
pub enum Activations<'a> {
    /// For kernels of [`ActivationType::U8`].
    U8(&'a [u8]),
    /// For kernels of [`ActivationType::I16`].
    I16(&'a [i16]),
}

impl Kernel {
    /// All that this target has, the newest instruction set first. No processor has AVX-512 and
    /// AVX-VNNI without AVX-512 VNNI, so on each the first that it has is the fastest; with a limit of
    /// AVX-512 the first is what a processor of that time has.
    pub const ALL: &'static [Self] = &[
        #[cfg(target_arch = "x86_64")]
        Self::Avx512Vnni,
        #[cfg(target_arch = "x86_64")]
        Self::Avx512,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2Vnni,
        #[cfg(target_arch = "x86_64")]
        Self::Avx2,
        Self::Scalar,
    ];

    /// The first of [`Self::ALL`] whose instruction set is enabled.
    pub fn best() -> Self {
        let enabled = Self::ALL.iter().find(|kernel| kernel.isa().is_enabled());
        enabled.copied().unwrap_or(Self::Scalar)
    }

    /// The instruction set that it is written for.
    pub fn isa(self) -> Isa {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => Isa::Avx512Vnni,
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => Isa::Avx512,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2Vnni => Isa::Avx2Vnni,
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => Isa::Avx2,
            Self::Scalar => Isa::Scalar,
        }
    }

    /// How it wants activations.
    pub fn activations(self) -> ActivationType {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni | Self::Avx2Vnni => ActivationType::U8,
            _ => ActivationType::I16,
        }
    }

    /// Values along the inner axis that one lane of a register multiplies at once.
    pub fn group(self) -> usize {
        match self.activations() {
            ActivationType::U8 => 4,
            ActivationType::I16 => 2,
        }
    }

    /// Columns of a panel: two registers of sums.
    pub fn columns(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni | Self::Avx512 => 32,
            _ => 16,
        }
    }

    /// Rows that it takes at once: as many as registers hold sums of beside the operands.
    pub fn rows(self) -> usize {
        match self {
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni | Self::Avx512 => 12,
            _ => 6,
        }
    }
}

/// A matrix of weights in panels of [`Kernel::columns`] columns, each [`Kernel::group`] rows of it a
/// step; the last panel and the last step are filled up with zeros.
#[derive(Debug)]
pub struct Panels {
    kernel: Kernel,
    values: Vec<i8>,
    /// Steps of a panel.
    steps: usize,
}

impl Panels {
    /// Packs a row-major matrix.
    ///
    /// # Panics
    ///
    /// Where the processor lacks the kernel's instruction set.
    pub fn new(kernel: Kernel, matrix: &[i8], columns: usize) -> Self {
        assert!(kernel.isa().is_detected(), "products on a processor without {}", kernel.isa());
        let (group, width) = (kernel.group(), kernel.columns());
        let steps = (matrix.len() / columns).div_ceil(group);
        let mut values = vec![0; columns.div_ceil(width) * steps * width * group];
        for (row, line) in matrix.chunks_exact(columns).enumerate() {
            for (panel, line) in line.chunks(width).enumerate() {
                let start = (panel * steps + row / group) * width * group + row % group;
                let places = values[start..].iter_mut().step_by(group);
                places.zip(line).for_each(|(place, value)| *place = *value);
            }
        }
        Self { kernel, values, steps }
    }

    /// The kernel that they were packed for.
    pub fn kernel(&self) -> Kernel {
        self.kernel
    }

    /// Activations of a row, with the zeros at its end.
    pub fn row_length(&self) -> usize {
        self.steps * self.kernel.group()
    }

    /// Where a panel lies.
    pub fn prefetch(&self, panel: usize) -> Prefetch {
        Prefetch::new(self.panel(panel))
    }

    fn panel(&self, panel: usize) -> &[i8] {
        let size = self.row_length() * self.kernel.columns();
        &self.values[panel * size..][..size]
    }

    /// Writes the sums of products of up to [`Kernel::rows`] rows with one panel, row-major, and
    /// loads other memory meanwhile.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit, or the activations are not those that the kernel wants.
    pub fn multiply(
        &self,
        rows: Activations<'_>,
        panel: usize,
        prefetch: Prefetch,
        sums: &mut [i32],
    ) {
        let panel = self.panel(panel);
        #[cfg(target_arch = "x86_64")]
        #[expect(unsafe_code, reason = "vector instructions")]
        // SAFETY: `new` checked that the processor has those of the kernel.
        unsafe {
            match (self.kernel, rows) {
                (Kernel::Avx512Vnni, Activations::U8(rows)) => {
                    return x86::avx512_vnni::multiply(rows, panel, prefetch, sums);
                }
                (Kernel::Avx2Vnni, Activations::U8(rows)) => {
                    return x86::avx2_vnni::multiply(rows, panel, prefetch, sums);
                }
                (Kernel::Avx512, Activations::I16(rows)) => {
                    return x86::avx512::multiply(rows, panel, prefetch, sums);
                }
                (Kernel::Avx2, Activations::I16(rows)) => {
                    return x86::avx2::multiply(rows, panel, prefetch, sums);
                }
                _ => {}
            }
        }
        match (self.kernel, rows) {
            (Kernel::Scalar, Activations::I16(rows)) => {
                scalar::multiply(rows, panel, prefetch, sums);
            }
            (kernel, _) => panic!("{kernel:?} wants activations of {:?}", kernel.activations()),
        }
    }
}

#[cfg(test)]
mod tests {
    use clip_testkit::{Random, say};

    use super::*;

    /// Integers from `low` to `high`, both ends among them.
    fn integers(random: &mut Random, count: usize, low: i32, high: i32) -> Vec<i32> {
        let span = (high - low) as f32 / 2.0;
        let middle = (low + high) as f32 / 2.0;
        let mut values: Vec<i32> =
            random.values(count).iter().map(|x| (middle + x * span).round() as i32).collect();
        values.iter_mut().for_each(|value| *value = (*value).clamp(low, high));
        values.iter_mut().step_by(7).for_each(|value| *value = high);
        values.iter_mut().skip(3).step_by(11).for_each(|value| *value = low);
        values
    }

    fn check(kernel: Kernel, rows: usize, inner: usize, columns: usize) {
        let mut random = Random::new((rows * inner + columns) as u64);
        let most = match kernel.activations() {
            ActivationType::U8 => 255,
            // The largest that keeps the sums in 32 bits.
            ActivationType::I16 => (i32::MAX / (127 * inner as i32)).min(i16::MAX.into()),
        };
        let left = integers(&mut random, rows * inner, 0, most);
        let right = integers(&mut random, inner * columns, -127, 127);
        let weights: Vec<i8> = right.iter().map(|value| *value as i8).collect();
        let panels = Panels::new(kernel, &weights, columns);
        let filled = left.chunks(inner).flat_map(|row| {
            let zeros = std::iter::repeat_n(0, panels.row_length() - inner);
            row.iter().copied().chain(zeros)
        });
        let filled: Vec<i32> = filled.collect();
        let bytes: Vec<u8> = filled.iter().map(|value| *value as u8).collect();
        let words: Vec<i16> = filled.iter().map(|value| *value as i16).collect();
        let width = kernel.columns();
        for panel in 0..columns.div_ceil(width) {
            for first in (0..rows).step_by(kernel.rows()) {
                let count = kernel.rows().min(rows - first);
                let range = first * panels.row_length()..(first + count) * panels.row_length();
                let activations = match kernel.activations() {
                    ActivationType::U8 => Activations::U8(&bytes[range]),
                    ActivationType::I16 => Activations::I16(&words[range]),
                };
                // What stands there before does not matter.
                let mut sums = vec![77; count * width];
                panels.multiply(activations, panel, panels.prefetch(0), &mut sums);
                for (i, sum) in sums.into_iter().enumerate() {
                    let (row, column) = (first + i / width, panel * width + i % width);
                    let product = |k: usize| left[row * inner + k] * right[k * columns + column];
                    let expected: i32 =
                        if column < columns { (0..inner).map(product).sum() } else { 0 };
                    let place = format!("{row}, {column} of {rows}×{inner}×{columns}");
                    assert_eq!(sum, expected, "{kernel:?} at {place}");
                }
            }
        }
    }

    /// Every kernel of this processor, at the largest values that it may get, for sizes that fill
    /// rows, groups and panels and that do not.
    #[test]
    fn sums_are_those_of_a_loop() {
        for kernel in Kernel::ALL {
            let isa = kernel.isa();
            if !isa.is_detected() {
                say(format_args!("int8 on {isa}: skipped, not on this processor"));
                continue;
            }
            for rows in 1..=kernel.rows() + 1 {
                for (inner, columns) in [(1, 1), (3, 16), (4, 33), (7, 32), (64, 70), (513, 40)] {
                    check(*kernel, rows, inner, columns);
                }
            }
            say(format_args!("int8 on {isa}: tested"));
        }
    }

    /// A limit selects the kernel that is written for it, so that each is tested as a whole.
    #[test]
    fn newer_instruction_sets_come_first() {
        assert!(Kernel::ALL.is_sorted_by(|a, b| a.isa() > b.isa()));
    }

    #[test]
    #[should_panic(expected = "wants activations of")]
    fn activations_of_another_kernel_are_refused() {
        let panels = Panels::new(Kernel::Scalar, &[1, 2], 1);
        panels.multiply(Activations::U8(&[1, 2]), 0, panels.prefetch(0), &mut [0; 16]);
    }
}
