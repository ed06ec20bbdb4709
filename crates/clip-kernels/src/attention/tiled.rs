//! Attention in `bf16` with sums in `f32`, forward only: what stands between layers whose own numbers are no
//! finer than that.
//!
//! As FlashAttention (Dao et al. 2022, arXiv:2205.14135) does, a few queries at a time go through scores, softmax
//! and values, so that their scores stay in the first-level cache. All keys of a sequence are seen at once: softmax
//! needs no second look, and the weights are divided by their sum at the end.

use std::ops::Range;

use half::bf16;
use rayon::prelude::*;

use super::Attention;
use crate::Prefetch;
use crate::gemm::{
    Accumulate, Bf16Kernel, Output, Pair, Panels, Tile, bf16_kernel, pair_of, sized,
};
use crate::matrix::{ColumnsMut, MatrixView};
use crate::ops::{self, scale_into};
use crate::tiling::{steps, tiles};

/// Room for what one head is made of.
#[derive(Debug)]
pub(crate) struct Room {
    /// Pairs of a panel's keys, row by row.
    pairs: Vec<f32>,
    keys: Vec<Pair>,
    values: Panels<Pair>,
    scores: Vec<f32>,
    weights: Vec<bf16>,
    gathered: Vec<f32>,
}

/// Attention on the instruction set that multiplies `bf16`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TiledAttention {
    attention: Attention,
    kernel: &'static Bf16Kernel,
}

impl Attention {
    /// The same in `bf16`, for heads of `size` values; nothing where the processor does not multiply them.
    pub(crate) fn tiled(self, size: usize) -> Option<TiledAttention> {
        let kernel = bf16_kernel()?;
        size.is_multiple_of(kernel.group).then_some(TiledAttention { attention: self, kernel })
    }
}

impl Default for Room {
    fn default() -> Self {
        let width = bf16_kernel().map_or(1, |kernel| kernel.columns);
        Self {
            pairs: Vec::new(),
            keys: Vec::new(),
            values: Panels::pack(MatrixView::strided(&[], 0, 1, 1), width, pair_of),
            scores: Vec::new(),
            weights: Vec::new(),
            gathered: Vec::new(),
        }
    }
}

impl TiledAttention {
    /// As [`Attention::forward`], of the heads whose columns `out` has.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub(crate) fn forward<O: Output>(
        self,
        qkv: MatrixView<'_, bf16>,
        length: usize,
        mut out: ColumnsMut<'_, O>,
        room: &mut Room,
    ) {
        let width = qkv.columns() / 3;
        let size = width / self.attention.heads;
        let columns = out.columns();
        for sequence in 0..qkv.rows() / length {
            let rows = qkv.part(sequence * length, length);
            for column in columns.clone().step_by(size) {
                let [q, k, v] = [0, width, 2 * width]
                    .map(|start| rows.only(start + column..start + column + size));
                self.pack_keys(k, room);
                room.values.repack(v, pair_of);
                let at = [sequence * length, column - columns.start];
                self.attend(q, at, &mut out, room);
            }
        }
    }

    /// As [`Self::forward`], on all cores: each takes some heads of all sequences.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub(crate) fn forward_by_heads<O: Output>(
        self,
        qkv: MatrixView<'_, bf16>,
        length: usize,
        out: ColumnsMut<'_, O>,
    ) {
        let size = qkv.columns() / 3 / self.attention.heads;
        let parts = out.split(size, rayon::current_num_threads());
        parts.into_par_iter().for_each(|part| {
            self.forward(qkv, length, part, &mut Room::default());
        });
    }

    /// Keys as the right side of the scores: panels of some tokens each, one pair of values after the other.
    fn pack_keys(self, keys: MatrixView<'_, bf16>, room: &mut Room) {
        let (width, pairs) = (self.kernel.columns, keys.columns() / 2);
        let panels = keys.rows().div_ceil(width);
        let block = sized(&mut room.pairs, width * pairs);
        let panels = sized(&mut room.keys, panels * width * pairs).chunks_exact_mut(width * pairs);
        for (tokens, panel) in steps(0..keys.rows(), width).zip(panels) {
            for (i, line) in block.chunks_exact_mut(pairs).enumerate() {
                match tokens.start + i < tokens.end {
                    true => {
                        let (key, _) = keys.row(tokens.start + i).as_chunks::<2>();
                        line.iter_mut()
                            .zip(key)
                            .for_each(|(pair, key)| *pair = f32::from_bits(pair_of(*key)));
                    }
                    false => line.fill(0.0),
                }
            }
            ops::transpose(
                MatrixView::new(block, pairs),
                pulp::bytemuck::cast_slice_mut::<Pair, f32>(panel),
            );
        }
    }

    /// What the queries of a head gather.
    fn attend<O: Output>(
        self,
        q: MatrixView<'_, bf16>,
        [row, column]: [usize; 2],
        out: &mut ColumnsMut<'_, O>,
        room: &mut Room,
    ) {
        let (width, (length, size)) = (self.kernel.columns, (q.rows(), q.columns()));
        let Room { keys, values, scores, weights, gathered, .. } = room;
        let (stride, line) = (length.next_multiple_of(width), size.next_multiple_of(width));
        let most = self.kernel.rows;
        let (scores, weights) = (sized(scores, most * stride), sized(weights, most * stride));
        let gathered = sized(gathered, most * line);
        let scale = (size as f32).powf(-0.5);
        for queries in tiles(0..length, most) {
            let count = queries.len();
            let seen = if self.attention.causal { queries.end } else { length };
            let panels = keys.chunks_exact(width * size / 2);
            for (tokens, panel) in steps(0..seen, width).zip(panels) {
                let place = ([0, tokens.start], stride);
                self.multiply((q, queries.clone(), 0..size), panel, tokens.len(), place, scores);
            }
            let first = if self.attention.causal { queries.start + 1 } else { length };
            let sums = ops::softmax_to_bf16(
                (&mut scores[..count * stride], stride),
                first..seen,
                scale,
                &mut weights[..count * stride],
            );
            let weights = MatrixView::strided(weights, count, stride, stride);
            let inner = 0..seen.next_multiple_of(2);
            for (panel, columns) in steps(0..size, width).enumerate() {
                let values = values.block(panel, inner.clone());
                let place = ([0, columns.start], line);
                let left = (weights, 0..count, inner.clone());
                self.multiply(left, values, columns.len(), place, gathered);
            }
            for (i, (gathered, sum)) in gathered.chunks_exact(line).zip(&sums[..count]).enumerate()
            {
                let out = &mut out.row(row + queries.start + i)[column..][..size];
                scale_into(&gathered[..size], 1.0 / sum, out);
            }
        }
    }

    /// A tile of a product, of whole registers.
    fn multiply(
        self,
        (a, rows, inner): (MatrixView<'_, bf16>, Range<usize>, Range<usize>),
        panel: &[Pair],
        columns: usize,
        (at, stride): ([usize; 2], usize),
        out: &mut [f32],
    ) {
        let width = self.kernel.columns;
        let columns = if 2 * columns <= width { width / 2 } else { width };
        let prefetch = Prefetch::new::<Pair>(&[]);
        let out = ColumnsMut::new(out, stride);
        let start = Accumulate::Overwrite;
        self.kernel.multiply(Tile { a, rows, inner, panel, columns, prefetch, start, out, at });
    }
}

#[cfg(test)]
mod tests {
    use clip_testkit::{Random, assert_close, say};

    use super::*;
    use crate::attention::Scratch;

    /// Against attention in `f32` over the same numbers, of heads and sequences that fill tiles and panels and that
    /// do not; on all columns and by heads.
    #[test]
    fn it_is_near_attention_in_f32() {
        let sizes = [(1, 3, 64), (2, 5, 64), (2, 12, 8), (1, 17, 80), (3, 50, 64), (2, 196, 72)];
        for (heads, length, size) in sizes.into_iter().chain([(2, 257, 64), (5, 33, 10)]) {
            for causal in [false, true] {
                let attention = Attention { heads, causal };
                let Some(tiled) = attention.tiled(size) else {
                    say(format_args!("attention in bf16: not on this processor"));
                    return;
                };
                let (width, sequences) = (heads * size, 2);
                let rows = sequences * length;
                let qkv = Random::new(length as u64).values(rows * 3 * width);
                // Scores are far apart, so that some weights are large.
                let qkv: Vec<bf16> = qkv.into_iter().map(|x| bf16::from_f32(3.0 * x)).collect();
                let wide: Vec<f32> = qkv.iter().map(|x| x.to_f32()).collect();
                let mut expected = vec![0.0; rows * width];
                let all = MatrixView::new(&wide, 3 * width);
                attention.forward(all, length, &mut expected, &mut Scratch::default());
                let all = MatrixView::new(&qkv, 3 * width);
                let mut found = vec![0.0; rows * width];
                let out = ColumnsMut::new(&mut found, width);
                tiled.forward(all, length, out, &mut Room::default());
                let what = format!("{heads} heads of {length}×{size}, causal {causal}");
                // Weights up to 1 are rounded to 8 bits, values up to 3 are multiplied by them.
                assert_close(&what, &found, &expected, 1.2e-2);
                let mut by_heads = vec![0.0; rows * width];
                tiled.forward_by_heads(all, length, ColumnsMut::new(&mut by_heads, width));
                assert_eq!(by_heads, found, "{what}: by heads");
                let mut narrow = vec![bf16::ZERO; rows * width];
                let out = ColumnsMut::new(&mut narrow, width);
                tiled.forward(all, length, out, &mut Room::default());
                let rounded: Vec<bf16> = found.iter().map(|x| Output::from_f32(*x)).collect();
                assert_eq!(narrow, rounded, "{what}: in bf16");
            }
        }
    }

    /// What a longer sequence before left in the room does not matter.
    #[test]
    fn room_is_used_again() {
        let Some(tiled) = (Attention { heads: 1, causal: false }).tiled(6) else { return };
        let mut room = Room::default();
        let run = |length: usize, room: &mut Room| {
            let qkv: Vec<bf16> =
                Random::new(7).values(length * 18).into_iter().map(bf16::from_f32).collect();
            let mut out = vec![0.0; length * 6];
            let columns = ColumnsMut::new(&mut out, 6);
            tiled.forward::<f32>(MatrixView::new(&qkv, 18), length, columns, room);
            out
        };
        run(70, &mut room);
        assert_eq!(run(9, &mut room), run(9, &mut Room::default()));
    }
}
