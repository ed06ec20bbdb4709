//! The right side of products that serve many times, in the numbers it is kept in.

use super::packed::{PANEL, Packed, Start};
use super::part::Part;
use super::product::Matrix;
use super::quantized::{Quantized, Rows};
use crate::{Activation, WeightDtype as Storage};

/// A matrix that was laid out.
#[derive(Debug)]
pub(super) enum Weight {
    Float(Packed),
    Whole(Quantized),
}

/// The left side, in the numbers that the right one wants.
pub(super) enum Left<'a> {
    Float(Matrix<'a>),
    Whole(Rows),
}

impl Weight {
    /// Lays a matrix out.
    ///
    /// # Panics
    ///
    /// Where it holds no whole number of rows.
    pub(super) fn new(matrix: &[f32], columns: usize, storage: Storage) -> Self {
        let rows = Matrix::new(matrix, columns);
        match storage {
            Storage::F32 => Self::Float(Packed::new(rows)),
            Storage::F16 => Self::Float(Packed::in_halves(rows)),
            Storage::Int8 => Self::Whole(Quantized::new(matrix, columns)),
        }
    }

    /// The matrix as it is kept, row-major.
    pub(super) fn unpack(&self) -> Vec<f32> {
        match self {
            Self::Float(packed) => packed.unpack(),
            Self::Whole(quantized) => quantized.unpack(),
        }
    }

    /// Number of columns.
    pub(super) fn columns(&self) -> usize {
        match self {
            Self::Float(packed) => packed.columns(),
            Self::Whole(quantized) => quantized.columns(),
        }
    }

    /// Columns that a part of a product begins at a multiple of.
    pub(super) fn unit(&self) -> usize {
        match self {
            Self::Float(_) => PANEL,
            Self::Whole(quantized) => quantized.unit(),
        }
    }

    /// Prepares the left side, once for all parts; cores take `share` rows each. Where rows have to
    /// be quantized to 8 bits, those of `precise`, in order, keep a few bits more.
    pub(super) fn left<'a>(&self, rows: Matrix<'a>, share: usize, precise: &[usize]) -> Left<'a> {
        match self {
            Self::Float(_) => Left::Float(rows),
            Self::Whole(quantized) => Left::Whole(quantized.rows(rows, share, precise)),
        }
    }

    /// A left side of 8-bit integers, whose rows `fill` writes.
    ///
    /// # Panics
    ///
    /// For a weight that is not of integers.
    pub(super) fn integers(
        &self,
        rows: usize,
        share: usize,
        fill: impl Fn(usize, &mut [f32]) + Sync,
    ) -> Left<'static> {
        match self {
            Self::Float(_) => panic!("integers for another kind of weight"),
            Self::Whole(quantized) => Left::Whole(quantized.integer_rows(rows, share, fill)),
        }
    }

    /// Writes the columns of the product that `out` has.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit, the part does not begin with a unit, or the left side was
    /// readied for a weight of another kind.
    pub(super) fn multiply(
        &self,
        left: &Left<'_>,
        start: Start<'_>,
        after: Option<Activation>,
        out: Part<'_>,
    ) {
        match (self, left) {
            (Self::Float(packed), Left::Float(rows)) => packed.multiply(*rows, start, after, out),
            (Self::Whole(quantized), Left::Whole(rows)) => {
                quantized.multiply(rows, start, after, out);
            }
            _ => panic!("a left side readied for another kind of weight"),
        }
    }
}
