//! A product whose right side was laid out once, forward only.

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::packed::Start;
use super::part::Part;
use super::product::Matrix;
use super::serving::{ROWS, host, on_flex};
use super::weight::Weight;
use crate::Storage;

/// A matrix that was laid out.
#[derive(Debug)]
pub(crate) struct Laid(Weight);

impl Laid {
    /// Lays `[input, output]` out; nothing where it is not f32 on Flex, or on a gradient tape.
    pub(crate) fn new(matrix: Tensor<2>, storage: Storage) -> Option<Self> {
        let [_, columns] = matrix.dims();
        Some(Self(Weight::new(host(matrix)?.as_slice()?, columns, storage)))
    }

    /// The matrix as it is kept, row-major.
    pub(crate) fn unpack(&self) -> Vec<f32> {
        self.0.unpack()
    }

    /// `[N, input]` to `[N, output]`, or nothing on another backend and on a gradient tape.
    pub(crate) fn forward(&self, x: &Tensor<2>, bias: Option<Tensor<1>>) -> Option<Tensor<2>> {
        let ([rows, width], columns) = (x.dims(), self.0.columns());
        let x = host(x.clone())?;
        let bias = match bias {
            Some(bias) => Some(host(bias)?),
            None => None,
        };
        let start = match &bias {
            Some(bias) => Start::Bias(bias.as_slice()?),
            None => Start::Zero,
        };
        let x: &[f32] = x.as_slice()?;
        let mut out = vec![0.0; rows * columns];
        let multiply = |x: &[f32], out: &mut [f32], threads: usize| {
            let left = self.0.left(Matrix::new(x, width));
            let whole = Part::whole(out, x.len() / width, columns, columns);
            let parts = whole.split(self.0.unit(), threads);
            parts.into_par_iter().for_each(|out| self.0.multiply(&left, start, None, out));
        };
        let threads = rayon::current_num_threads();
        match rows >= threads * ROWS {
            true => {
                let parts = x.par_chunks(ROWS * width).zip(out.par_chunks_mut(ROWS * columns));
                parts.for_each(|(x, out)| multiply(x, out, 1));
            }
            false => multiply(x, &mut out, threads),
        }
        Some(on_flex(out, [rows, columns]))
    }
}
