//! A product whose right side was laid out once, forward only.

use burn::tensor::Tensor;
use rayon::prelude::*;

use super::packed::Start;
use super::part::Part;
use super::product::Matrix;
use super::serving::{ROWS, host, on_flex};
use super::weight::Weight;
use crate::Storage;

/// A matrix that was laid out, as a sum of matrices of one kind.
#[derive(Debug)]
pub(crate) struct Laid(Vec<Weight>);

impl Laid {
    /// Lays `[input, output]` out; nothing where it is not f32 on Flex, or on a gradient tape. What
    /// 8 bits lose is kept in 8 bits more.
    pub(crate) fn new(matrix: Tensor<2>, storage: Storage) -> Option<Self> {
        let [_, columns] = matrix.dims();
        let matrix = host(matrix)?;
        let matrix: &[f32] = matrix.as_slice()?;
        let mut sum = vec![Weight::new(matrix, columns, storage)];
        if storage == Storage::Int8 {
            let kept = sum[0].unpack();
            let lost: Vec<f32> =
                matrix.iter().zip(kept).map(|(value, kept)| value - kept).collect();
            sum.push(Weight::new(&lost, columns, storage));
        }
        Some(Self(sum))
    }

    /// The matrix as it is kept, row-major.
    pub(crate) fn unpack(&self) -> Vec<f32> {
        let mut parts = self.0.iter().map(Weight::unpack);
        let mut sum = parts.next().unwrap_or_default();
        for part in parts {
            sum.iter_mut().zip(part).for_each(|(sum, part)| *sum += part);
        }
        sum
    }

    /// `[N, input]` to `[N, output]`, or nothing on another backend and on a gradient tape.
    pub(crate) fn forward(&self, x: &Tensor<2>, bias: Option<Tensor<1>>) -> Option<Tensor<2>> {
        let ([rows, width], columns) = (x.dims(), self.0[0].columns());
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
            let rows = Matrix::new(x, width);
            let left = self.0[0].left(rows, rows.rows().div_ceil(threads).max(1));
            for (i, weight) in self.0.iter().enumerate() {
                let start = if i == 0 { start } else { Start::Out };
                let parts =
                    Part::whole(out, rows.rows(), columns, columns).split(weight.unit(), threads);
                parts.into_par_iter().for_each(|out| weight.multiply(&left, start, None, out));
            }
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
