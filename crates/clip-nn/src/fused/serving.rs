//! Layers and residual branches with packed weights, forward only, over slices.
//!
//! A batch of many rows is shared out by sequences, as in [`super::branch`]. One of few goes through
//! together: the cores take columns of each product and heads of the attention.

use std::cell::Cell;

use rayon::prelude::*;

use super::mix::{Mix, Squares};
use super::packed::Start;
use super::part::Part;
use super::product::Matrix;
use super::simd;
use super::weight::{Left, Weight};
use crate::{Activation, WeightDtype};

/// Rows that go through a branch together: enough for the panels, few enough for the cache.
pub(super) const ROWS: usize = 64;

/// Rows for each core from which on sequences are shared out.
const MIN_ROWS: usize = 64;

/// A linear layer with a packed weight.
#[derive(Debug)]
pub(crate) struct PackedLayer {
    weight: Weight,
    bias: Vec<f32>,
}

/// Scale, shift and epsilon of a layer norm.
#[derive(Debug)]
pub(crate) struct Norm {
    pub(crate) gamma: Vec<f32>,
    pub(crate) beta: Vec<f32>,
    pub(crate) epsilon: f32,
}

/// `x + output(mix(input(norm(x))))` with packed weights.
#[derive(Debug)]
pub(crate) struct PackedBranch {
    pub(crate) norm: Norm,
    pub(crate) input: PackedLayer,
    pub(crate) mix: Mix,
    pub(crate) output: PackedLayer,
}

impl PackedLayer {
    /// Packs a row-major weight, one column for each value of the bias.
    ///
    /// # Panics
    ///
    /// Where it holds no whole number of rows.
    pub(crate) fn new(weight: &[f32], bias: Vec<f32>, dtype: WeightDtype) -> Self {
        Self { weight: Weight::new(weight, bias.len(), dtype), bias }
    }

    /// Number of columns of the weight.
    pub(crate) fn outputs(&self) -> usize {
        self.bias.len()
    }

    /// `rows · weight + bias` for rows of that width, on all cores. Where the weight is quantized, all
    /// rows keep a few bits more than most of a branch do.
    ///
    /// # Panics
    ///
    /// Where the rows have another width than the weight has rows.
    pub(crate) fn forward(&self, rows: &[f32], width: usize) -> Vec<f32> {
        self.multiply(Matrix::new(rows, width))
    }

    /// As [`Self::forward`], of rows wherever they are.
    pub(super) fn multiply(&self, rows: Matrix<'_>) -> Vec<f32> {
        let precise: Vec<usize> = (0..rows.rows()).collect();
        let mut out = vec![0.0; rows.rows() * self.outputs()];
        let left = self.weight.left(rows, Cores::All.share(rows.rows()), &precise);
        let start = Start::Bias(&self.bias);
        Cores::All.multiply(&left, &self.weight, start, None, whole(&mut out, self.outputs()));
        out
    }
}

impl PackedBranch {
    /// Whole sequences of `length` rows, from `x` to `y`. Where weights are quantized, one row of each
    /// sequence, at its place in `tokens`, keeps a few bits more: see
    /// [`crate::PackedTransformer::forward_token`].
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub(crate) fn forward(&self, x: &[f32], length: usize, tokens: &[usize], y: &mut [f32]) {
        let pass = Pass { branch: self, length };
        let width = pass.width();
        match share(x.len() / (length * width), length) {
            Some(share) => x
                .par_chunks(share * width)
                .zip(y.par_chunks_mut(share * width))
                .enumerate()
                .for_each(|(i, (x, y))| {
                    pass.run(x, part(tokens, i, share / length), y, Cores::One);
                }),
            None => pass.run(x, tokens, y, Cores::All),
        }
    }

    /// One row of [`Self::forward`] for each sequence, of an attention.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub(crate) fn forward_token(&self, x: &[f32], length: usize, tokens: &[usize], y: &mut [f32]) {
        let pass = Pass { branch: self, length };
        let width = pass.width();
        // Queries that share a part with keys cannot be left out.
        if !width.is_multiple_of(self.input.weight.unit()) {
            let mut all = vec![0.0; x.len()];
            self.forward(x, length, tokens, &mut all);
            let rows = pass.rows_of(tokens);
            for (y, row) in y.chunks_exact_mut(width).zip(rows) {
                y.copy_from_slice(&all[row * width..][..width]);
            }
            return;
        }
        match share(tokens.len(), length) {
            Some(share) => x
                .par_chunks(share * width)
                .zip(tokens.par_chunks(share / length))
                .zip(y.par_chunks_mut(share / length * width))
                .for_each(|((x, tokens), y)| pass.run_token(x, tokens, y, Cores::One)),
            None => pass.run_token(x, tokens, y, Cores::All),
        }
    }
}

/// The places in one of some parts of the sequences, where there are any.
fn part(tokens: &[usize], part: usize, sequences: usize) -> &[usize] {
    tokens.chunks(sequences).nth(part).unwrap_or_default()
}

/// Rows that one core takes, as whole sequences; nothing where they are too few to share out.
fn share(batch: usize, length: usize) -> Option<usize> {
    let threads = rayon::current_num_threads();
    (batch >= threads && batch * length >= threads * MIN_ROWS)
        .then(|| batch.div_ceil(2 * threads) * length)
}

/// Who works on the rows of a pass.
#[derive(Clone, Copy)]
enum Cores {
    One,
    /// Each takes columns of the products, and heads.
    All,
}

/// Room for what stands between the steps of a pass.
#[derive(Default)]
struct Scratch {
    normal: Vec<f32>,
    hidden: Vec<f32>,
    mixed: Vec<f32>,
    squares: Squares,
}

thread_local! {
    /// Kept from pass to pass: fresh memory is zeroed, and far from the cores.
    static SCRATCH: Cell<Scratch> = Cell::default();
}

/// As much of a buffer, whatever it holds.
fn sized(buffer: &mut Vec<f32>, length: usize) -> &mut [f32] {
    if buffer.len() < length {
        buffer.resize(length, 0.0);
    }
    &mut buffer[..length]
}

impl Cores {
    /// Rows that each takes where work is by rows.
    fn share(self, rows: usize) -> usize {
        match self {
            Self::One => rows.max(1),
            Self::All => rows.div_ceil(rayon::current_num_threads()).max(1),
        }
    }

    /// Writes columns of a product.
    fn multiply(
        self,
        left: &Left<'_>,
        right: &Weight,
        start: Start<'_>,
        after: Option<Activation>,
        out: Part<'_>,
    ) {
        match self {
            Self::One => right.multiply(left, start, after, out),
            Self::All => {
                let parts = out.split(right.unit(), rayon::current_num_threads());
                parts.into_par_iter().for_each(|out| right.multiply(left, start, after, out));
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Pass<'a> {
    branch: &'a PackedBranch,
    /// Rows of a sequence.
    length: usize,
}

impl Pass<'_> {
    fn width(&self) -> usize {
        self.branch.output.weight.columns()
    }

    /// Whole sequences, a few at a time.
    fn run(&self, x: &[f32], tokens: &[usize], y: &mut [f32], cores: Cores) {
        let (width, row) = (self.width(), self.branch.input.weight.columns());
        let sequences = ROWS.div_ceil(self.length);
        let size = sequences * self.length * width;
        let mut scratch = SCRATCH.take();
        for (i, (x, y)) in x.chunks(size).zip(y.chunks_mut(size)).enumerate() {
            let rows = x.len() / width;
            let precise = self.rows_of(part(tokens, i, sequences));
            let Scratch { normal, hidden, mixed, squares } = &mut scratch;
            let normal = sized(normal, rows * width);
            let hidden = sized(hidden, rows * row);
            self.normalize(x, cores, normal);
            self.enter(normal, &precise, cores, whole(hidden, row));
            let mixed: &[f32] = match self.branch.mix {
                Mix::Activation(_) => hidden,
                mix @ Mix::Attention { .. } => {
                    let mixed = sized(mixed, rows * width);
                    match cores {
                        Cores::One => mix.forward(hidden, [self.length, row], mixed, squares),
                        Cores::All => mix.attend_together(hidden, [self.length, row], mixed),
                    }
                    mixed
                }
            };
            simd::add_rows(x, &self.branch.output.bias, y);
            self.leave(mixed, &precise, cores, whole(y, width));
        }
        SCRATCH.set(scratch);
    }

    /// One token of each sequence: keys and values of all rows, the rest of that row alone.
    fn run_token(&self, x: &[f32], tokens: &[usize], y: &mut [f32], cores: Cores) {
        let (width, row) = (self.width(), self.branch.input.weight.columns());
        let size = ROWS.div_ceil(self.length);
        let mut scratch = SCRATCH.take();
        let sequences = x.chunks(size * self.length * width);
        for ((x, tokens), y) in sequences.zip(tokens.chunks(size)).zip(y.chunks_mut(size * width)) {
            let rows = x.len() / width;
            let normal = sized(&mut scratch.normal, rows * width);
            let hidden = sized(&mut scratch.hidden, rows * row);
            self.normalize(x, cores, normal);
            let precise = self.rows_of(tokens);
            self.enter(normal, &precise, cores, whole(hidden, row).only(width..row));
            let picked = |values: &[f32]| -> Vec<f32> {
                let rows = precise.iter().flat_map(|row| &values[row * width..][..width]);
                rows.copied().collect()
            };
            let all: Vec<usize> = (0..precise.len()).collect();
            let normal = picked(normal);
            let mut queries = vec![0.0; normal.len()];
            self.enter(&normal, &all, cores, whole(&mut queries, width));
            let mixed = self.branch.mix.gather(&queries, hidden, [self.length, row], tokens);
            simd::add_rows(&picked(x), &self.branch.output.bias, y);
            self.leave(&mixed, &all, cores, whole(y, width));
        }
        SCRATCH.set(scratch);
    }

    /// The row of each place among those of all sequences.
    fn rows_of(&self, tokens: &[usize]) -> Vec<usize> {
        tokens.iter().enumerate().map(|(i, token)| i * self.length + token).collect()
    }

    fn normalize(&self, x: &[f32], cores: Cores, normal: &mut [f32]) {
        let Norm { gamma, beta, epsilon } = &self.branch.norm;
        let size = cores.share(x.len() / gamma.len()) * gamma.len();
        x.par_chunks(size)
            .zip(normal.par_chunks_mut(size))
            .for_each(|(x, normal)| simd::layer_norm(x, gamma, beta, *epsilon, normal));
    }

    /// Columns of the first product, and of the nonlinearity where one follows.
    fn enter(&self, normal: &[f32], precise: &[usize], cores: Cores, out: Part<'_>) {
        let after = match self.branch.mix {
            Mix::Activation(activation) => Some(activation),
            Mix::Attention { .. } => None,
        };
        let PackedLayer { weight, bias } = &self.branch.input;
        let normal = Matrix::new(normal, self.width());
        let left = weight.left(normal, cores.share(normal.rows()), precise);
        cores.multiply(&left, weight, Start::Bias(bias), after, out);
    }

    /// Adds the second product.
    fn leave(&self, mixed: &[f32], precise: &[usize], cores: Cores, out: Part<'_>) {
        let weight = &self.branch.output.weight;
        let columns = self.branch.mix.mixed_width(self.branch.input.weight.columns());
        let mixed = Matrix::new(mixed, columns);
        let left = weight.left(mixed, cores.share(mixed.rows()), precise);
        cores.multiply(&left, weight, Start::Out, None, out);
    }
}

fn whole(matrix: &mut [f32], columns: usize) -> Part<'_> {
    let rows = matrix.len() / columns;
    Part::whole(matrix, rows, columns, columns)
}
