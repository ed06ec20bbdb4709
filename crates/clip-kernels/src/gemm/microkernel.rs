//! Micro-kernels: one tile of a product, some rows by one panel, with all sums in registers.
//!
//! A micro-kernel is the inner loop of Goto's matrix product (Goto and van de Geijn 2008,
//! doi:10.1145/1356052.1356053). [`microkernel!`] has its body once; a number format and an
//! instruction set fill in their registers. Rows of the left side are read where they lie, the right
//! side is a packed panel. Both advance by *groups* along the inner axis: as many values as one lane
//! of an instruction multiplies and adds up at once (1 of `f32`, 2 of `bf16`, 4 of 8-bit integers). A
//! group of weights is one unit of a panel.

use std::ops::Range;

use crate::matrix::{ColumnsMut, MatrixView};
use crate::tiling::tiles;
use crate::{Isa, Prefetch};

/// The inner loop of a number format on an instruction set: activations `A` by weights `W`, with sums
/// `S`.
#[derive(Debug)]
pub(crate) struct MicroKernel<A, W, S> {
    /// The instruction set that it is written for.
    pub(crate) isa: Isa,
    /// Rows of a tile at most: as many as registers hold sums of beside the operands.
    pub(crate) rows: usize,
    /// Columns of a tile, and of a panel.
    pub(crate) columns: usize,
    /// Values along the inner axis that one lane multiplies at once.
    pub(crate) group: usize,
    /// Runs a tile of so many rows.
    pub(crate) run: unsafe fn(usize, &Operands<A, W, S>),
}

/// What the sums of a product begin with.
#[derive(Debug, Clone, Copy)]
pub enum Accumulate<'a, S = f32> {
    /// Zero.
    Overwrite,
    /// What the output holds.
    Add,
    /// One value for each column.
    Bias(&'a [S]),
}

/// A tile of a product.
pub(crate) struct Tile<'a, A, W, S> {
    /// The left side, its inner length filled up to whole groups.
    pub(crate) a: MatrixView<'a, A>,
    /// Its rows that are in the tile, or in several.
    pub(crate) rows: Range<usize>,
    /// The values of each row that are multiplied, in whole groups.
    pub(crate) inner: Range<usize>,
    /// The same groups of a panel.
    pub(crate) panel: &'a [W],
    /// Columns of the panel that are multiplied: all, or the first half.
    pub(crate) columns: usize,
    /// What is loaded into the cache meanwhile.
    pub(crate) prefetch: Prefetch,
    /// A bias has the columns of the tile.
    pub(crate) start: Accumulate<'a, S>,
    /// Where the sums go.
    pub(crate) out: ColumnsMut<'a, S>,
    /// The first row and the first column of the tile in `out`.
    pub(crate) at: [usize; 2],
}

/// A [`Tile`] that was checked.
pub(crate) struct Operands<A, W, S> {
    pub(crate) a: *const A,
    /// Between the rows, in values.
    pub(crate) a_stride: usize,
    pub(crate) panel: *const W,
    /// Groups along the inner axis.
    pub(crate) steps: usize,
    /// Registers of columns, 1 or 2.
    pub(crate) registers: usize,
    pub(crate) start: Start<S>,
    pub(crate) out: *mut S,
    /// Between the rows, in values.
    pub(crate) out_stride: usize,
    pub(crate) prefetch: Prefetch,
}

/// As [`Accumulate`].
pub(crate) enum Start<S> {
    Zero,
    Out,
    Row(*const S),
}

impl<S> Clone for Start<S> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<S> Copy for Start<S> {}

impl<A, W, S> MicroKernel<A, W, S> {
    /// Writes the sums of some rows, tile by tile.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit, or the processor lacks the instruction set.
    #[inline]
    pub(crate) fn multiply(&self, tile: Tile<'_, A, W, S>) {
        let (count, prefetch) = (tile.rows.len(), tile.prefetch);
        let operands = self.operands(tile);
        let Operands { a, a_stride, out, out_stride, registers, .. } = operands;
        let bytes = registers * self.columns / 2 * size_of::<S>();
        let tiles = tiles(0..count, self.rows);
        let parts = tiles.len();
        for (part, rows) in tiles.enumerate() {
            if out_stride * size_of::<S>() > bytes {
                // The sums of the next tile, which lie far apart, are on their way before it begins.
                for row in rows.end..count.min(rows.end + rows.len()) {
                    Prefetch::at(out.wrapping_add(row * out_stride), bytes).near();
                }
            }
            let operands = Operands {
                a: a.wrapping_add(rows.start * a_stride),
                out: out.wrapping_add(rows.start * out_stride),
                prefetch: prefetch.part(part, parts),
                ..operands
            };
            #[expect(unsafe_code, reason = "vector instructions")]
            // SAFETY: these are some rows of operands that were checked.
            unsafe {
                (self.run)(rows.len(), &operands);
            }
        }
    }

    /// Operands of any number of rows: the processor has the instructions, `a` is those rows of `steps` groups,
    /// `panel` as many groups of `self.columns`, a bias `columns` values, and `out` as many rows of `columns` that
    /// nobody else has, where `columns` are that many registers.
    #[inline]
    fn operands(&self, tile: Tile<'_, A, W, S>) -> Operands<A, W, S> {
        let Tile { a, rows, inner, panel, columns, prefetch, start, mut out, at: [row, column] } =
            tile;
        let (count, steps) = (rows.len(), inner.len() / self.group);
        let registers = 2 * columns / self.columns;
        assert!((1..=2).contains(&registers), "{columns} columns of {}", self.columns);
        assert_eq!(registers * self.columns, 2 * columns, "half a panel or a whole one");
        assert!(self.isa.is_detected(), "a product on a processor without {}", self.isa);
        assert!(inner.len() == steps * self.group, "whole groups");
        assert_eq!(panel.len(), steps * self.columns, "as much of the panel as of the rows");
        let start = match start {
            Accumulate::Overwrite => Start::Zero,
            Accumulate::Add => Start::Out,
            Accumulate::Bias(bias) => {
                assert_eq!(bias.len(), columns, "one value a column");
                Start::Row(bias.as_ptr())
            }
        };
        let (a, a_stride) = a.tile(rows, inner);
        let (out, out_stride) = out.tile(row..row + count, column..column + columns);
        let panel = panel.as_ptr();
        Operands { a, a_stride, panel, steps, registers, start, out, out_stride, prefetch }
    }
}

/// Keeps the compiler from moving loads across. Without it, LLVM loads the activations of several steps
/// at once, for which there are no registers.
#[inline(always)]
pub(crate) fn keep_order() {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    #[expect(unsafe_code, reason = "no instruction at all")]
    // SAFETY: nothing happens.
    unsafe {
        std::arch::asm!("", options(nostack, preserves_flags));
    }
}

/// The same pointer, of which the compiler does not know how it was computed: it keeps it in a
/// register then, where it would compute it again from another in every step.
#[inline(always)]
pub(crate) fn opaque<T>(pointer: *const T) -> *const T {
    #[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
    {
        let mut pointer = pointer;
        #[expect(unsafe_code, reason = "no instruction at all")]
        // SAFETY: nothing happens.
        unsafe {
            std::arch::asm!("/* {} */", inout(reg) pointer, options(nostack, preserves_flags));
        }
        pointer
    }
    #[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
    pointer
}

/// Defines a [`MicroKernel`] of `lanes` sums a register and one or two registers a row, for tiles of each
/// listed number of rows. Pointers are those of [`Operands`]; `load` makes a register of weights, of
/// one group for each lane, `broadcast` puts one group of activations into every lane, `dot` adds their
/// products to the sums.
macro_rules! microkernel {
    (
        $(#[$doc:meta])*
        $name:ident: $isa:ident $(with $features:literal)?,
        [$activation:ty, $weight:ty] => $sum_type:ty,
        groups of $group:literal, $lanes:literal lanes, rows $($rows:literal)* up to $most:literal,
        sums |$from:ident| $read:expr, |$to:ident, $value:ident| $write:expr, $zero:expr,
        broadcast |$group_of:ident| $broadcast:expr,
        load |$weights:ident| $load:expr,
        dot |$sum:ident, $a:ident, $b:ident| $dot:expr
    ) => {
        $(#[$doc])*
        pub(crate) static $name: $crate::gemm::microkernel::MicroKernel<$activation, $weight, $sum_type> = {
            use $crate::gemm::microkernel::{MicroKernel, Operands, Start, keep_order, opaque};

            use $crate::prefetch::LINE;

            const LANES: usize = $lanes;
            const GROUP: usize = $group;
            /// Steps without a look at the counter.
            const UNROLL: usize = 2;
            /// Cache lines of a panel that a step reads; as many are asked for, since a product of few
            /// rows has no more steps than that.
            const LINES: usize = (2 * LANES * size_of::<$weight>()).div_ceil(LINE);

            /// # Safety
            ///
            /// The processor has the instruction set, and the operands were checked.
            #[expect(unsafe_code, reason = "vector instructions")]
            #[inline]
            $(#[target_feature(enable = $features)])?
            unsafe fn tile<const N: usize, const R: usize>(operands: &Operands<$activation, $weight, $sum_type>) {
                // SAFETY: every address below is one of the N rows of `steps` groups, of the panel's
                // groups, of the bias, or of the N rows of the output; the caller checked them all.
                unsafe {
                    let mut sums = match operands.start {
                        Start::Zero => [[$zero; R]; N],
                        Start::Row(row) => {
                            let row = std::array::from_fn(
                                #[inline(always)]
                                |j| { let $from = row.add(j * LANES); $read },
                            );
                            [row; N]
                        }
                        Start::Out => std::array::from_fn(
                            #[inline(always)]
                            |i| {
                                let row = operands.out.add(i * operands.out_stride).cast_const();
                                std::array::from_fn(
                                    #[inline(always)]
                                    |j| { let $from = row.add(j * LANES); $read },
                                )
                            },
                        ),
                    };
                    let stride = operands.a_stride;
                    // Three rows share a pointer: an address has room for it and up to twice the
                    // stride, and so N rows need no more than N / 3 registers.
                    let mut rows: [*const $activation; 4] = std::array::from_fn(
                        #[inline(always)]
                        |i| opaque(operands.a.wrapping_add(if 3 * i < N { 3 * i * stride } else { 0 })),
                    );
                    let mut panel = operands.panel;
                    let (mut ahead, ahead_by) = operands.prefetch.steps(operands.steps);
                    macro_rules! step {
                        ($at:expr) => {{
                            keep_order();
                            let weights: [_; R] = std::array::from_fn(
                                #[inline(always)]
                                |j| { let $weights = panel.add(($at * 2 + j) * LANES); $load },
                            );
                            for line in 0..LINES {
                                ahead.wrapping_add(line * LINE).hint();
                            }
                            ahead = ahead.wrapping_add(ahead_by);
                            for i in 0..N {
                                let $group_of = rows[i / 3].add(i % 3 * stride + $at * GROUP);
                                let $a = $broadcast;
                                for j in 0..R {
                                    let ($sum, $b) = (sums[i][j], weights[j]);
                                    sums[i][j] = $dot;
                                }
                            }
                        }};
                    }
                    for _ in 0..operands.steps / UNROLL {
                        step!(0);
                        step!(1);
                        rows = rows.map(#[inline(always)] |row| row.wrapping_add(UNROLL * GROUP));
                        panel = panel.add(UNROLL * 2 * LANES);
                    }
                    for _ in 0..operands.steps % UNROLL {
                        step!(0);
                        rows = rows.map(#[inline(always)] |row| row.wrapping_add(GROUP));
                        panel = panel.add(2 * LANES);
                    }
                    for i in 0..N {
                        for j in 0..R {
                            let $to = operands.out.add(i * operands.out_stride + j * LANES);
                            let $value = sums[i][j];
                            $write;
                        }
                    }
                }
            }

            #[expect(unsafe_code, reason = "vector instructions")]
            unsafe fn run(rows: usize, operands: &Operands<$activation, $weight, $sum_type>) {
                match (rows, operands.registers) {
                    $(
                        // SAFETY: the caller's.
                        ($rows, 1) => unsafe { tile::<$rows, 1>(operands) },
                        // SAFETY: the caller's.
                        ($rows, _) => unsafe { tile::<$rows, 2>(operands) },
                    )*
                    _ => unreachable!("a tile has 1 to {} rows", $most),
                }
            }

            MicroKernel {
                isa: $crate::Isa::$isa,
                rows: $most,
                columns: 2 * LANES,
                group: GROUP,
                run,
            }
        };
    };
}
pub(crate) use microkernel;
