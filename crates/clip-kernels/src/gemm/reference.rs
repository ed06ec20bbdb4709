//! The product as a loop: what every kernel is compared with.

use super::{Accumulate, Epilogue};
use crate::dispatch::MulAdd;
use crate::matrix::MatrixView;

/// The product of `a` and `b`, row by row, for an output that holds `before`.
///
/// # Panics
///
/// Where the sizes do not fit.
pub fn multiply(
    a: MatrixView<'_>,
    b: MatrixView<'_>,
    epilogue: Epilogue<'_>,
    before: &[f32],
) -> Vec<f32> {
    assert_eq!(a.columns(), b.rows(), "inner lengths of a product");
    let (rows, columns) = (a.rows(), b.columns());
    let value = |at: usize| {
        let (i, j) = (at / columns, at % columns);
        let terms = (0..a.columns()).map(|k| f64::from(a.at(i, k)) * f64::from(b.at(k, j)));
        let start = match epilogue.accumulate {
            Accumulate::Overwrite => 0.0,
            Accumulate::Add => before[at],
            Accumulate::Bias(bias) => bias[j],
        };
        let mut sum = [(f64::from(start) + terms.sum::<f64>()) as f32];
        if let Some(activation) = epilogue.activation {
            activation.apply(&mut sum, MulAdd::SEPARATE);
        }
        sum[0]
    };
    (0..rows * columns).map(value).collect()
}
