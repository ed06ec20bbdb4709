//! Residual branches whose weights were laid out once, forward only.
//!
//! A batch of many sequences is shared out as in [`super::branch`]. A batch of fewer sequences than
//! cores goes through together: the cores take columns of each product and heads of the attention.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::nn::{LayerNorm, Linear};
use burn::tensor::{DType, Tensor, TensorData};
use rayon::prelude::*;

use super::branch::Branch;
use super::mix::{Mix, Squares};
use super::packed::{PANEL, Packed, Start, multiply};
use super::part::Part;
use super::product::Matrix;
use super::simd;

/// Rows that go through a branch together: enough for the panels, few enough for the cache.
const ROWS: usize = 128;

/// The matrices of a branch, laid out.
#[derive(Debug)]
pub(crate) struct Served {
    input: Packed,
    output: Packed,
}

impl Served {
    /// Lays out the matrices of a branch; nothing where they are not f32 on Flex, or on a gradient
    /// tape.
    pub(crate) fn new(input: &Linear, output: &Linear) -> Option<Self> {
        let packed = |linear: &Linear| {
            let [_, columns] = linear.weight.dims();
            let weight = host(linear.weight.val())?;
            Some(Packed::new(weight.as_slice()?, columns))
        };
        Some(Self { input: packed(input)?, output: packed(output)? })
    }

    /// The first matrix as it was, row-major.
    pub(crate) fn input(&self) -> Vec<f32> {
        self.input.unpack()
    }

    /// The second matrix as it was, row-major.
    pub(crate) fn output(&self) -> Vec<f32> {
        self.output.unpack()
    }

    /// `x + output(mix(input(norm(x))))`, or nothing on another backend and on a gradient tape.
    pub(crate) fn forward(
        &self,
        x: &Tensor<3>,
        norm: &LayerNorm,
        biases: [&Linear; 2],
        branch: Branch,
    ) -> Option<Tensor<3>> {
        let [batch, length, width] = x.dims();
        let rows = host(x.clone())?;
        let rows: &[f32] = rows.as_slice()?;
        let [gamma, beta] = [&norm.gamma, norm.beta.as_ref()?].map(|param| host(param.val()));
        let [in_bias, out_bias] = biases.map(|linear| host(linear.bias.as_ref()?.val()));
        let (gamma, beta, in_bias, out_bias) = (gamma?, beta?, in_bias?, out_bias?);
        let pass = Pass {
            served: self,
            norm: [gamma.as_slice()?, beta.as_slice()?],
            biases: [in_bias.as_slice()?, out_bias.as_slice()?],
            branch,
            length,
        };
        let mut y = vec![0.0; rows.len()];
        let threads = rayon::current_num_threads();
        if batch < threads {
            pass.together(rows, &mut y);
        } else {
            let share = batch.div_ceil(2 * threads) * length * width;
            rows.par_chunks(share).zip(y.par_chunks_mut(share)).for_each(|(x, y)| pass.apart(x, y));
        }
        let data = TensorData::new(y, [batch, length, width]);
        Some(Tensor::from_primitive::<Flex>(FlexTensor::from_data(data)))
    }
}

#[derive(Clone, Copy)]
struct Pass<'a> {
    served: &'a Served,
    /// Scale and shift.
    norm: [&'a [f32]; 2],
    biases: [&'a [f32]; 2],
    branch: Branch,
    /// Rows of a sequence.
    length: usize,
}

impl Pass<'_> {
    fn width(&self) -> usize {
        self.served.output.columns()
    }

    /// Whole sequences on this core, a few at a time.
    fn apart(&self, x: &[f32], y: &mut [f32]) {
        let (width, row) = (self.width(), self.served.input.columns());
        let size = ROWS.div_ceil(self.length) * self.length;
        let (mut normal, mut hidden) = (Vec::new(), Vec::new());
        let (mut mixed, mut squares) = (Vec::new(), Squares::default());
        for (x, y) in x.chunks(size * width).zip(y.chunks_mut(size * width)) {
            let rows = x.len() / width;
            normal.resize(rows * width, 0.0);
            hidden.resize(rows * row, 0.0);
            self.normalize(x, &mut normal);
            self.enter(&normal, whole(&mut hidden, row));
            let mixed = match self.branch.mix {
                Mix::Activation(_) => &hidden,
                mix @ Mix::Attention { .. } => {
                    mixed.resize(rows * width, 0.0);
                    mix.forward(&hidden, [self.length, row], &mut mixed, &mut squares);
                    &mixed
                }
            };
            simd::add_rows(x, self.biases[1], y);
            self.leave(mixed, whole(y, width));
        }
    }

    /// All cores on the same sequences: each takes columns of the products, and heads.
    fn together(&self, x: &[f32], y: &mut [f32]) {
        let (width, row) = (self.width(), self.served.input.columns());
        let rows = x.len() / width;
        let mut normal = vec![0.0; x.len()];
        self.normalize(x, &mut normal);
        let mut hidden = vec![0.0; rows * row];
        apart(whole(&mut hidden, row)).for_each(|part| self.enter(&normal, part));
        if let mix @ Mix::Attention { .. } = self.branch.mix {
            let mut mixed = normal;
            mix.attend_together(&hidden, [self.length, row], &mut mixed);
            hidden = mixed;
        }
        simd::add_rows(x, self.biases[1], y);
        apart(whole(y, width)).for_each(|part| self.leave(&hidden, part));
    }

    fn normalize(&self, x: &[f32], normal: &mut [f32]) {
        let [gamma, beta] = self.norm;
        simd::layer_norm(x, gamma, beta, self.branch.epsilon, normal);
    }

    /// Columns of the first product, and of the nonlinearity where one follows.
    fn enter(&self, normal: &[f32], out: Part<'_>) {
        let after = match self.branch.mix {
            Mix::Activation(activation) => Some(activation),
            Mix::Attention { .. } => None,
        };
        let rows = Matrix::new(normal, self.width());
        multiply(rows, &self.served.input, Start::Bias(self.biases[0]), after, out);
    }

    /// Adds columns of the second product.
    fn leave(&self, mixed: &[f32], out: Part<'_>) {
        let rows = Matrix::new(mixed, self.branch.mix.mixed_width(self.served.input.columns()));
        multiply(rows, &self.served.output, Start::Out, None, out);
    }
}

fn whole(matrix: &mut [f32], columns: usize) -> Part<'_> {
    let rows = matrix.len() / columns;
    Part::whole(matrix, rows, columns, columns)
}

/// A part for each core.
fn apart(part: Part<'_>) -> impl ParallelIterator<Item = Part<'_>> {
    part.split(PANEL, rayon::current_num_threads()).into_par_iter()
}

/// A tensor on Flex, in memory order.
fn host<const D: usize>(tensor: Tensor<D>) -> Option<FlexTensor> {
    if tensor.is_autodiff() || tensor.dtype() != DType::F32 {
        return None;
    }
    Some(tensor.try_into_primitive::<Flex>().ok()?.to_contiguous())
}
