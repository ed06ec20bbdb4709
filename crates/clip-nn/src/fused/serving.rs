//! Residual branches whose weights were laid out once, forward only.
//!
//! A batch of many rows is shared out by sequences, as in [`super::branch`]. One of few goes through
//! together: the cores take columns of each product and heads of the attention.

use std::cell::Cell;

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::{DType, Int, Tensor, TensorData};
use rayon::prelude::*;

use super::branch::Branch;
use super::mix::{Mix, Squares};
use super::packed::Start;
use super::part::Part;
use super::product::Matrix;
use super::simd;
use super::weight::{Left, Weight};
use crate::attention::pick;
use crate::{Activation, Storage};

/// Rows that go through a branch together: enough for the panels, few enough for the cache.
pub(super) const ROWS: usize = 64;

/// Rows for each core from which on sequences are shared out.
const MIN_ROWS: usize = 64;

/// The matrices of a branch, laid out.
#[derive(Debug)]
pub(crate) struct Served {
    input: Weight,
    output: Weight,
}

impl Served {
    /// Lays out the matrices of a branch; nothing where they are not f32 on Flex, or on a gradient
    /// tape.
    pub(crate) fn new(input: &Linear, output: &Linear, storage: Storage) -> Option<Self> {
        let weight = |linear: &Linear| {
            let [_, columns] = linear.weight.dims();
            let weight = host(linear.weight.val())?;
            Some(Weight::new(weight.as_slice()?, columns, storage))
        };
        Some(Self { input: weight(input)?, output: weight(output)? })
    }

    /// The first matrix as it is kept, row-major.
    pub(crate) fn input(&self) -> Vec<f32> {
        self.input.unpack()
    }

    /// The second matrix as it is kept, row-major.
    pub(crate) fn output(&self) -> Vec<f32> {
        self.output.unpack()
    }

    /// `x + output(mix(input(norm(x))))`, or nothing on another backend and on a gradient tape. Of
    /// `tokens` see [`crate::ResidualAttentionBlock::forward_towards`].
    pub(crate) fn forward(
        &self,
        x: &Tensor<3>,
        tokens: Option<&Tensor<1, Int>>,
        norm: &LayerNorm,
        layers: [&Linear; 2],
        branch: Branch,
    ) -> Option<Tensor<3>> {
        let [batch, length, width] = x.dims();
        let rows = host(x.clone())?;
        let rows: &[f32] = rows.as_slice()?;
        let biases = Biases::new(norm, layers)?;
        let pass = Pass { served: self, biases: biases.slices()?, branch, length };
        let tokens = tokens.map(places).unwrap_or_default();
        let mut y = vec![0.0; rows.len()];
        match share(batch, length) {
            Some(share) => rows
                .par_chunks(share * width)
                .zip(y.par_chunks_mut(share * width))
                .enumerate()
                .for_each(|(i, (x, y))| {
                    let sequences = share / length;
                    pass.run(x, part(&tokens, i, sequences), y, Cores::One);
                }),
            None => pass.run(rows, &tokens, &mut y, Cores::All),
        }
        Some(on_flex(y, [batch, length, width]))
    }

    /// One row of [`Self::forward`] for each sequence, of an attention.
    pub(crate) fn forward_token(
        &self,
        x: &Tensor<3>,
        tokens: &Tensor<1, Int>,
        norm: &LayerNorm,
        layers: [&Linear; 2],
        branch: Branch,
    ) -> Option<Tensor<3>> {
        let [batch, length, width] = x.dims();
        // Queries that share a part with keys cannot be left out.
        if !width.is_multiple_of(self.input.unit()) {
            return Some(pick(
                self.forward(x, Some(tokens), norm, layers, branch)?,
                tokens.clone(),
            ));
        }
        let rows = host(x.clone())?;
        let rows: &[f32] = rows.as_slice()?;
        let tokens = places(tokens);
        let biases = Biases::new(norm, layers)?;
        let pass = Pass { served: self, biases: biases.slices()?, branch, length };
        let mut y = vec![0.0; batch * width];
        match share(batch, length) {
            Some(share) => rows
                .par_chunks(share * width)
                .zip(tokens.par_chunks(share / length))
                .zip(y.par_chunks_mut(share / length * width))
                .for_each(|((x, tokens), y)| pass.run_token(x, tokens, y, Cores::One)),
            None => pass.run_token(rows, &tokens, &mut y, Cores::All),
        }
        Some(on_flex(y, [batch, 1, width]))
    }
}

/// Place of a row in each sequence. In memory already, as the rows are: nothing waits for a device.
fn places(tokens: &Tensor<1, Int>) -> Vec<usize> {
    tokens.to_data().iter::<i64>().map(|at| at as usize).collect()
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

/// What a branch adds and scales by, as it is now.
struct Biases {
    norm: [FlexTensor; 2],
    layers: [FlexTensor; 2],
}

impl Biases {
    fn new(norm: &LayerNorm, [input, output]: [&Linear; 2]) -> Option<Self> {
        let of = |linear: &Linear| host(linear.bias.as_ref()?.val());
        Some(Self {
            norm: [host(norm.gamma.val())?, host(norm.beta.as_ref()?.val())?],
            layers: [of(input)?, of(output)?],
        })
    }

    fn slices(&self) -> Option<Slices<'_>> {
        let [gamma, beta] = &self.norm;
        let [input, output] = &self.layers;
        Some(Slices {
            norm: [gamma.as_slice()?, beta.as_slice()?],
            input: input.as_slice()?,
            output: output.as_slice()?,
        })
    }
}

#[derive(Clone, Copy)]
struct Slices<'a> {
    /// Scale and shift.
    norm: [&'a [f32]; 2],
    input: &'a [f32],
    output: &'a [f32],
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
    served: &'a Served,
    biases: Slices<'a>,
    branch: Branch,
    /// Rows of a sequence.
    length: usize,
}

impl Pass<'_> {
    fn width(&self) -> usize {
        self.served.output.columns()
    }

    /// Whole sequences, a few at a time.
    fn run(&self, x: &[f32], tokens: &[usize], y: &mut [f32], cores: Cores) {
        let (width, row) = (self.width(), self.served.input.columns());
        let sequences = ROWS.div_ceil(self.length);
        let size = sequences * self.length * width;
        let mut scratch = SCRATCH.take();
        for (i, (x, y)) in x.chunks(size).zip(y.chunks_mut(size)).enumerate() {
            let rows = x.len() / width;
            let finer = self.rows_of(part(tokens, i, sequences));
            let Scratch { normal, hidden, mixed, squares } = &mut scratch;
            let normal = sized(normal, rows * width);
            let hidden = sized(hidden, rows * row);
            self.normalize(x, cores, normal);
            self.enter(normal, &finer, cores, whole(hidden, row));
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
            simd::add_rows(x, self.biases.output, y);
            self.leave(mixed, &finer, cores, whole(y, width));
        }
        SCRATCH.set(scratch);
    }

    /// One token of each sequence: keys and values of all rows, the rest of that row alone.
    fn run_token(&self, x: &[f32], tokens: &[usize], y: &mut [f32], cores: Cores) {
        let (width, row) = (self.width(), self.served.input.columns());
        let size = ROWS.div_ceil(self.length);
        let mut scratch = SCRATCH.take();
        let sequences = x.chunks(size * self.length * width);
        for ((x, tokens), y) in sequences.zip(tokens.chunks(size)).zip(y.chunks_mut(size * width)) {
            let rows = x.len() / width;
            let normal = sized(&mut scratch.normal, rows * width);
            let hidden = sized(&mut scratch.hidden, rows * row);
            self.normalize(x, cores, normal);
            let finer = self.rows_of(tokens);
            self.enter(normal, &finer, cores, whole(hidden, row).only(width..row));
            let picked = |values: &[f32]| -> Vec<f32> {
                let rows = finer.iter().flat_map(|row| &values[row * width..][..width]);
                rows.copied().collect()
            };
            let all: Vec<usize> = (0..finer.len()).collect();
            let normal = picked(normal);
            let mut queries = vec![0.0; normal.len()];
            self.enter(&normal, &all, cores, whole(&mut queries, width));
            let mixed = self.branch.mix.gather(&queries, hidden, [self.length, row], tokens);
            simd::add_rows(&picked(x), self.biases.output, y);
            self.leave(&mixed, &all, cores, whole(y, width));
        }
        SCRATCH.set(scratch);
    }

    /// The row of each place among those of all sequences.
    fn rows_of(&self, tokens: &[usize]) -> Vec<usize> {
        tokens.iter().enumerate().map(|(i, token)| i * self.length + token).collect()
    }

    fn normalize(&self, x: &[f32], cores: Cores, normal: &mut [f32]) {
        let [gamma, beta] = self.biases.norm;
        let size = cores.share(x.len() / gamma.len()) * gamma.len();
        x.par_chunks(size)
            .zip(normal.par_chunks_mut(size))
            .for_each(|(x, normal)| simd::layer_norm(x, gamma, beta, self.branch.epsilon, normal));
    }

    /// Columns of the first product, and of the nonlinearity where one follows.
    fn enter(&self, normal: &[f32], finer: &[usize], cores: Cores, out: Part<'_>) {
        let after = match self.branch.mix {
            Mix::Activation(activation) => Some(activation),
            Mix::Attention { .. } => None,
        };
        let weight = &self.served.input;
        let normal = Matrix::new(normal, self.width());
        let left = weight.left(normal, cores.share(normal.rows()), finer);
        cores.multiply(&left, weight, Start::Bias(self.biases.input), after, out);
    }

    /// Adds the second product.
    fn leave(&self, mixed: &[f32], finer: &[usize], cores: Cores, out: Part<'_>) {
        let weight = &self.served.output;
        let columns = self.branch.mix.mixed_width(self.served.input.columns());
        let mixed = Matrix::new(mixed, columns);
        let left = weight.left(mixed, cores.share(mixed.rows()), finer);
        cores.multiply(&left, weight, Start::Out, None, out);
    }
}

fn whole(matrix: &mut [f32], columns: usize) -> Part<'_> {
    let rows = matrix.len() / columns;
    Part::whole(matrix, rows, columns, columns)
}

pub(super) fn on_flex<const D: usize>(values: Vec<f32>, shape: [usize; D]) -> Tensor<D> {
    let data = TensorData::new(values, shape);
    Tensor::from_primitive::<Flex>(FlexTensor::from_data(data))
}

/// A tensor on Flex, in memory order.
pub(super) fn host<const D: usize>(tensor: Tensor<D>) -> Option<FlexTensor> {
    if tensor.is_autodiff() || tensor.dtype() != DType::F32 {
        return None;
    }
    Some(tensor.try_into_primitive::<Flex>().ok()?.to_contiguous())
}
