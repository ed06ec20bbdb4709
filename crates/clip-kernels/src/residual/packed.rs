//! A residual branch whose weights were packed, forward only.
//!
//! A batch of many rows is shared out by sequences, as in [`super::train`]. One of few goes through
//! together: the cores take columns of each product and heads of the attention.

use std::cell::Cell;

use half::bf16;
use rayon::prelude::*;

use super::Sublayer;
use super::linear::{Cores, PackedLinear, multiply_on};
use crate::attention::{self, Attention, TiledAttention};
use crate::gemm::{Accumulate, Activations, Buffer, Epilogue, Output, Prepare, WeightDtype, sized};
use crate::matrix::{ColumnsMut, MatrixView};
use crate::ops;
use crate::prefetch::LINE;

/// Rows that go through a branch together: enough for the panels, few enough for the cache.
pub(crate) const ROWS: usize = 64;

/// Rows for each core from which on sequences are shared out.
const MIN_ROWS: usize = 64;

/// A layer norm.
#[derive(Debug)]
pub struct Norm {
    /// Scale of each column.
    pub gamma: Vec<f32>,
    /// Shift of each column.
    pub beta: Vec<f32>,
    /// Added to the variance.
    pub epsilon: f32,
}

impl Norm {
    /// Whole rows.
    pub(crate) fn apply(&self, x: &[f32], out: &mut [f32]) {
        ops::layer_norm(x, &self.gamma, &self.beta, self.epsilon, out);
    }
}

/// A residual branch with packed weights.
#[derive(Debug)]
pub struct PackedResidual {
    /// Before the first layer.
    pub norm: Norm,
    /// The first layer.
    pub input: PackedLinear,
    /// What stands between the layers.
    pub sublayer: Sublayer,
    /// The second layer.
    pub output: PackedLinear,
}

/// Room for what stands between the steps of a pass.
#[derive(Default)]
struct Scratch {
    normal: Vec<f32>,
    hidden: Vec<f32>,
    hidden_bf16: Vec<bf16>,
    mixed: Vec<f32>,
    attention: attention::Scratch,
    attention_bf16: attention::Room,
    buffer: Buffer,
}

thread_local! {
    /// Kept from pass to pass: fresh memory is zeroed, and far from the cores.
    static SCRATCH: Cell<Scratch> = Cell::default();
}

impl PackedResidual {
    /// Adds the branch to sequences of `length` rows. In 8 bits the row of each sequence that `tokens`
    /// names, where there are any, keeps more bits: it is the one that the answer is read from.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub fn forward(&self, x: &mut [f32], length: usize, tokens: &[usize]) {
        let width = self.width();
        match share(x.len() / (length * width), length) {
            Some(share) => x.par_chunks_mut(share * width).enumerate().for_each(|(i, x)| {
                self.run(x, length, part(tokens, i, share / length), Cores::One);
            }),
            None => self.run(x, length, tokens, Cores::All),
        }
    }

    /// One row of [`Self::forward`] for each sequence: keys and values of all rows are computed, and the
    /// rest of that row alone.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub fn forward_token(&self, x: &[f32], length: usize, tokens: &[usize], y: &mut [f32]) {
        let width = self.width();
        assert_eq!(x.len(), tokens.len() * length * width, "a row of each sequence");
        assert_eq!(y.len(), tokens.len() * width, "one row for each sequence");
        let attention = match self.sublayer {
            // Queries that share a panel with keys cannot be left out.
            Sublayer::Attention(attention)
                if width.is_multiple_of(self.input.weights.panel_width()) =>
            {
                attention
            }
            _ => {
                let mut all = x.to_vec();
                self.forward(&mut all, length, tokens);
                y.copy_from_slice(&self.pick(&all, length, tokens));
                return;
            }
        };
        match share(tokens.len(), length) {
            Some(share) => x
                .par_chunks(share * width)
                .zip(tokens.par_chunks(share / length))
                .zip(y.par_chunks_mut(share / length * width))
                .for_each(|((x, tokens), y)| {
                    self.run_token(attention, (x, length, tokens), y, Cores::One);
                }),
            None => self.run_token(attention, (x, length, tokens), y, Cores::All),
        }
    }

    fn width(&self) -> usize {
        self.output.outputs()
    }

    /// Whole sequences, a few at a time.
    fn run(&self, x: &mut [f32], length: usize, tokens: &[usize], cores: Cores) {
        let (width, row) = (self.width(), self.input.outputs());
        let sequences = ROWS.div_ceil(length);
        let mut scratch = SCRATCH.take();
        for (i, x) in x.chunks_mut(sequences * length * width).enumerate() {
            let rows = x.len() / width;
            let precise = rows_of(part(tokens, i, sequences), length);
            let how = Prepare { threads: cores.count(), precise: &precise };
            let Scratch { hidden, hidden_bf16, mixed, attention, attention_bf16, buffer, .. } =
                &mut scratch;
            let normal = |i: usize, out: &mut [f32]| self.norm.apply(&x[i * width..][..width], out);
            let input = &*self.input.weights;
            let normal = input.prepare_rows(rows, &normal, how, buffer);
            let rest = (&*precise, cores);
            match self.sublayer {
                // The nonlinearity was the product's epilogue.
                Sublayer::Mlp(_) if self.output.weights.takes_bf16() => {
                    let hidden = self.hidden(&normal, [rows, row], cores, hidden_bf16);
                    self.leave(hidden, rest, x, buffer);
                }
                Sublayer::Mlp(_) => {
                    let hidden = self.hidden(&normal, [rows, row], cores, hidden);
                    self.leave(hidden, rest, x, buffer);
                }
                Sublayer::Attention(of) => match self.tiled(of) {
                    Some(of) => {
                        let qkv = self.hidden(&normal, [rows, row], cores, hidden_bf16);
                        let sizes = [length, width];
                        let mixed = gather(of, (qkv, cores), sizes, mixed, attention_bf16);
                        self.leave(mixed, rest, x, buffer);
                    }
                    None => {
                        let qkv = self.hidden(&normal, [rows, row], cores, hidden);
                        let mixed = sized(mixed, rows * width);
                        match cores {
                            Cores::One => of.forward(qkv, length, mixed, attention),
                            Cores::All => of.forward_by_heads(qkv, length, mixed),
                        }
                        self.leave(MatrixView::new(mixed, width), rest, x, buffer);
                    }
                },
            }
        }
        SCRATCH.set(scratch);
    }

    /// One token of each sequence: keys and values of all rows, the rest of that row alone.
    fn run_token(
        &self,
        attention: Attention,
        (x, length, tokens): (&[f32], usize, &[usize]),
        y: &mut [f32],
        cores: Cores,
    ) {
        let (width, row) = (self.width(), self.input.outputs());
        let size = ROWS.div_ceil(length);
        let mut scratch = SCRATCH.take();
        let sequences = x.chunks(size * length * width);
        for ((x, tokens), y) in sequences.zip(tokens.chunks(size)).zip(y.chunks_mut(size * width)) {
            let rows = x.len() / width;
            let Scratch { normal, hidden, buffer, .. } = &mut scratch;
            let normal = sized(normal, rows * width);
            let (hidden, stride) = padded(hidden, rows, row);
            self.normalize(x, cores, normal);
            let precise = rows_of(tokens, length);
            let keys_and_values = ColumnsMut::strided(hidden, rows, row, stride).only(width..row);
            self.enter(normal, &precise, cores, keys_and_values, buffer);
            let all: Vec<usize> = (0..precise.len()).collect();
            let normal = self.pick(normal, length, tokens);
            let mut queries = vec![0.0; normal.len()];
            let out = ColumnsMut::new(&mut queries, width);
            self.enter(&normal, &all, cores, out, buffer);
            let qkv = MatrixView::strided(hidden, rows, row, stride);
            let mixed = attention.gather(&queries, qkv, length, tokens);
            y.copy_from_slice(&self.pick(x, length, tokens));
            self.leave(MatrixView::new(&mixed, width), (&all, cores), y, buffer);
        }
        SCRATCH.set(scratch);
    }

    /// One row of each sequence.
    fn pick(&self, rows: &[f32], length: usize, tokens: &[usize]) -> Vec<f32> {
        let width = self.width();
        let rows =
            rows_of(tokens, length).into_iter().flat_map(|row| &rows[row * width..][..width]);
        rows.copied().collect()
    }

    fn normalize(&self, x: &[f32], cores: Cores, normal: &mut [f32]) {
        let width = self.width();
        let size = (x.len() / width).div_ceil(cores.count()).max(1) * width;
        x.par_chunks(size).zip(normal.par_chunks_mut(size)).for_each(|(x, normal)| {
            self.norm.apply(x, normal);
        });
    }

    /// The attention in `bf16`, where rows are rounded to 8 bits and the processor multiplies it. Beside weights of
    /// `bf16` its rounding would be too much of what is lost.
    fn tiled(&self, attention: Attention) -> Option<TiledAttention> {
        let size = self.width() / attention.heads;
        (self.input.dtype == WeightDtype::Int8).then(|| attention.tiled(size)).flatten()
    }

    /// The first layer of some rows, of so many columns each.
    fn hidden<'a, M: Output>(
        &self,
        normal: &Activations<'_>,
        [rows, row]: [usize; 2],
        cores: Cores,
        room: &'a mut Vec<M>,
    ) -> MatrixView<'a, M> {
        let (room, stride) = padded(room, rows, row);
        let out = ColumnsMut::strided(room, rows, row, stride);
        multiply_on(cores, &*self.input.weights, normal, self.entry(), out);
        MatrixView::strided(room, rows, row, stride)
    }

    /// What follows the product of the first layer.
    fn entry(&self) -> Epilogue<'_> {
        let activation = match self.sublayer {
            Sublayer::Mlp(activation) => Some(activation),
            Sublayer::Attention(_) => None,
        };
        Epilogue { accumulate: Accumulate::Bias(&self.input.bias), activation }
    }

    /// Columns of the first layer.
    fn enter(
        &self,
        normal: &[f32],
        precise: &[usize],
        cores: Cores,
        out: ColumnsMut<'_>,
        buffer: &mut Buffer,
    ) {
        let normal = MatrixView::new(normal, self.width());
        self.input.multiply(normal, precise, self.entry(), cores, out, buffer);
    }

    /// Adds the second layer.
    fn leave<M: Output>(
        &self,
        mixed: MatrixView<'_, M>,
        (precise, cores): (&[usize], Cores),
        x: &mut [f32],
        buffer: &mut Buffer,
    ) {
        ops::add_to_rows(x, &self.output.bias);
        let out = ColumnsMut::new(x, self.width());
        self.output.multiply(mixed, precise, Epilogue::ADD, cores, out, buffer);
    }
}

/// What the tokens of whole sequences gather.
fn gather<'a>(
    attention: TiledAttention,
    (qkv, cores): (MatrixView<'_, bf16>, Cores),
    [length, width]: [usize; 2],
    mixed: &'a mut Vec<f32>,
    room: &mut attention::Room,
) -> MatrixView<'a> {
    let (mixed, stride) = padded(mixed, qkv.rows(), width);
    let out = ColumnsMut::strided(mixed, qkv.rows(), width, stride);
    match cores {
        Cores::One => attention.forward(qkv, length, out, room),
        Cores::All => attention.forward_by_heads(qkv, length, out),
    }
    MatrixView::strided(mixed, qkv.rows(), width, stride)
}

/// Room for rows, and how far apart they begin: a line of the cache more than they are long. Rows of whole
/// pages would have the same columns in the same few places of it.
fn padded<T: Output>(room: &mut Vec<T>, rows: usize, row: usize) -> (&mut [T], usize) {
    let stride = row + LINE / size_of::<T>();
    (sized(room, rows * stride), stride)
}

/// Rows that one core takes, as whole sequences; nothing where they are too few to share out.
fn share(batch: usize, length: usize) -> Option<usize> {
    let threads = rayon::current_num_threads();
    (batch >= threads && batch * length >= threads * MIN_ROWS)
        .then(|| batch.div_ceil(2 * threads) * length)
}

/// The tokens of one of some parts of the sequences, where there are any.
fn part(tokens: &[usize], part: usize, sequences: usize) -> &[usize] {
    tokens.chunks(sequences).nth(part).unwrap_or_default()
}

/// The row of each token among those of all sequences.
fn rows_of(tokens: &[usize], length: usize) -> Vec<usize> {
    tokens.iter().enumerate().map(|(i, token)| i * length + token).collect()
}
