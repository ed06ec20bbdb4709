//! Products of activations whose right sides are activations too.

use super::{Buffer, Epilogue, PackedGemm, Prepare, WeightDtype, contiguous, select};
use crate::matrix::{ColumnsMut, MatrixView};

/// Products whose right sides come once: packed in the room of the one before.
#[derive(Debug)]
pub struct Product {
    weights: Box<dyn PackedGemm>,
    transposed: Vec<f32>,
    buffer: Buffer,
}

impl Product {
    /// Products of a type of weights.
    pub fn new(dtype: WeightDtype) -> Self {
        let empty = MatrixView::strided(&[], 0, 1, 1);
        let weights = select(dtype).pack(empty);
        Self { weights, transposed: Vec::new(), buffer: Buffer::default() }
    }

    /// Writes the product of `a` and `b`.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub fn multiply(
        &mut self,
        a: MatrixView<'_>,
        b: MatrixView<'_>,
        epilogue: Epilogue<'_>,
        out: ColumnsMut<'_>,
    ) {
        self.weights.repack(contiguous(b, &mut self.transposed));
        let activations = self.weights.prepare(a, Prepare::default(), &mut self.buffer);
        self.weights.multiply(&activations, epilogue, out);
    }

    /// Writes the product of `a` and weights that were packed before, with the room of this for `a`.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub fn multiply_packed(
        &mut self,
        a: MatrixView<'_>,
        weights: &dyn PackedGemm,
        epilogue: Epilogue<'_>,
        out: ColumnsMut<'_>,
    ) {
        let activations = weights.prepare(a, Prepare::default(), &mut self.buffer);
        weights.multiply(&activations, epilogue, out);
    }
}
