//! Residual branches: `x + output(sublayer(input(layer_norm(x))))`.
//!
//! Both sub-layers of a transformer block have this form. [`train`] runs it over parameters as they
//! are, forward and backward; [`PackedResidual`] over weights that were packed, forward only.

mod linear;
mod packed;
pub mod train;

pub use linear::PackedLinear;
pub(crate) use linear::{Cores, multiply_on};
pub(crate) use packed::ROWS;
pub use packed::{Norm, PackedResidual};

use crate::attention::{Attention, Scratch};
use crate::matrix::MatrixView;
use crate::ops::Activation;

/// What stands between the two projections of a residual branch.
#[derive(Debug, Clone, Copy)]
pub enum Sublayer {
    /// Multi-head attention: rows of `3W` (queries, keys, values) to rows of `W`.
    Attention(Attention),
    /// A perceptron's nonlinearity, value by value.
    Mlp(Activation),
}

impl Sublayer {
    /// Width of a row after it, for a row of `hidden` values before.
    pub fn output_width(self, hidden: usize) -> usize {
        match self {
            Self::Attention(_) => hidden / 3,
            Self::Mlp(_) => hidden,
        }
    }

    /// Whole sequences of `length` rows, `row` hidden values each.
    fn forward(
        self,
        hidden: &[f32],
        [length, row]: [usize; 2],
        out: &mut [f32],
        scratch: &mut Scratch,
    ) {
        match self {
            Self::Mlp(activation) => activation.forward(hidden, out),
            Self::Attention(attention) => {
                attention.forward(MatrixView::new(hidden, row), length, out, scratch);
            }
        }
    }

    /// The gradient of `hidden` from that of the output, and the output once more.
    fn backward(
        self,
        hidden: &[f32],
        [length, row]: [usize; 2],
        dout: &[f32],
        dhidden: &mut [f32],
        out: &mut [f32],
        scratch: &mut Scratch,
    ) {
        match self {
            Self::Mlp(activation) => activation.backward(hidden, dout, dhidden, out),
            Self::Attention(attention) => {
                attention.backward(hidden, [length, row], dout, dhidden, out, scratch);
            }
        }
    }
}
