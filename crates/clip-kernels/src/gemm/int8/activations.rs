//! Activations on their way to integers.

use std::fmt;

use rayon::prelude::*;

use super::quantize::{self, Integer, QuantParams};
#[cfg(any(test, not(target_arch = "x86_64")))]
use super::rten;
use super::{Int8Gemm, Weights};
use crate::gemm::{Activations, Fill, Format, Prepare, sized};
use crate::matrix::MatrixView;

/// Quantized activations: first the last bits of split rows, then all rows, each filled up to whole
/// groups.
#[derive(Default)]
pub(in crate::gemm) struct Rows {
    pub(super) u8: Vec<u8>,
    pub(super) i16: Vec<i16>,
    #[cfg(any(test, not(target_arch = "x86_64")))]
    pub(super) rten: Option<rten::PackedRows>,
    /// Of all rows.
    pub(super) params: Vec<QuantParams>,
    /// Which rows are split, in order.
    pub(super) split: Vec<usize>,
}

/// Where rows come from.
#[derive(Clone, Copy)]
pub(super) enum Source<'a> {
    Matrix(MatrixView<'a>),
    Fill(Fill<'a>),
}

impl Source<'_> {
    /// A row, which may be written to `room`.
    fn row<'a>(&'a self, row: usize, room: &'a mut [f32]) -> &'a [f32] {
        match self {
            Self::Matrix(matrix) => matrix.row(row),
            Self::Fill(fill) => {
                fill(row, room);
                room
            }
        }
    }
}

impl Int8Gemm {
    /// Values of a row, filled up to whole groups.
    fn stride(&self) -> usize {
        match &self.weights {
            Weights::U8(_, panels) => panels.inner(),
            Weights::I16(_, panels) => panels.inner(),
            #[cfg(any(test, not(target_arch = "x86_64")))]
            Weights::Rten(_) => self.rows,
        }
    }

    /// The last bits of split rows and then all rows, which `fill` writes, with room for a row of `f32`.
    fn fill<T: Integer + Send>(
        &self,
        values: &mut Vec<T>,
        params: &mut Vec<QuantParams>,
        [lines, threads]: [usize; 2],
        fill: impl Fn(usize, &mut [f32], &mut [T]) -> QuantParams + Sync,
    ) {
        let (stride, share) = (self.stride(), lines.div_ceil(threads).max(1));
        let values = sized(values, lines * stride);
        params.resize(lines, QuantParams { scale: 1.0, zero_point: 0.0 });
        let shares = values.par_chunks_mut(share * stride).zip(params.par_chunks_mut(share));
        shares.enumerate().for_each(|(number, (values, params))| {
            let mut room = vec![0.0; self.rows];
            let lines = values.chunks_exact_mut(stride).zip(params).enumerate();
            for (i, (line, params)) in lines {
                let (line, rest) = line.split_at_mut(self.rows);
                *params = fill(number * share + i, &mut room, line);
                rest.fill(T::default());
            }
        });
    }

    /// Quantizes rows of 8 bits, those of `precise` with some bits more.
    fn quantize_u8(
        &self,
        [count, threads]: [usize; 2],
        a: Source<'_>,
        precise: &[usize],
        rows: &mut Rows,
    ) {
        let bits = self.extra_bits;
        let (highest, split_highest) = (self.highest(), ((self.highest() + 1) << bits) - 1);
        let lines = precise.len() + count;
        self.fill(&mut rows.u8, &mut rows.params, [lines, threads], |i, room, line| {
            match i.checked_sub(precise.len()) {
                None => {
                    let last = |integer: u32| integer as u8 & ((1 << bits) - 1);
                    quantize::quantize(a.row(precise[i], room), split_highest, last, line)
                }
                Some(i) if precise.binary_search(&i).is_ok() => {
                    let upper = |integer: u32| (integer >> bits) as u8;
                    quantize::quantize(a.row(i, room), split_highest, upper, line)
                }
                Some(i) => {
                    quantize::quantize(a.row(i, room), highest, |integer| integer as u8, line)
                }
            }
        });
        rows.params.drain(..precise.len());
        rows.split.extend_from_slice(precise);
    }

    /// Rows that come from somewhere, quantized.
    pub(super) fn quantize<'a>(
        &self,
        count: usize,
        a: Source<'_>,
        how: Prepare<'_>,
        rows: &'a mut Rows,
    ) -> Activations<'a> {
        rows.split.clear();
        match &self.weights {
            Weights::I16(..) => {
                let highest = self.highest();
                let Rows { i16, params, .. } = &mut *rows;
                self.fill(i16, params, [count, how.threads], |i, room, line| {
                    quantize::quantize(a.row(i, room), highest, |integer| integer as i16, line)
                });
            }
            _ => self.quantize_u8([count, how.threads], a, how.precise, rows),
        }
        self.finish_rows(rows)
    }

    /// Rows whose values are integers of 8 bits already: see [`quantize::keep`].
    pub(super) fn keep<T: Integer + Send>(
        &self,
        values: &mut Vec<T>,
        params: &mut Vec<QuantParams>,
        sizes: [usize; 2],
        fill: Fill<'_>,
    ) {
        self.fill(values, params, sizes, |i, row, line| {
            fill(i, row);
            quantize::keep(row, self.highest(), line)
        });
    }

    pub(super) fn finish_rows<'a>(&self, rows: &'a mut Rows) -> Activations<'a> {
        #[cfg(any(test, not(target_arch = "x86_64")))]
        {
            rows.rten = match &self.weights {
                Weights::Rten(_) => {
                    let values = &rows.u8[..rows.lines() * self.rows];
                    Some(rten::PackedRows::new(values, self.rows))
                }
                _ => None,
            };
        }
        Activations(Format::Int8(rows))
    }
}

impl Rows {
    /// Rows that are multiplied.
    pub(super) fn lines(&self) -> usize {
        self.split.len() + self.params.len()
    }

    pub(super) fn matrix<'a, A>(&self, values: &'a [A], length: usize) -> MatrixView<'a, A> {
        MatrixView::strided(values, self.lines(), length, length)
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows").field("count", &self.params.len()).finish_non_exhaustive()
    }
}
