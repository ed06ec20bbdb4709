//! A linear layer with packed weights, forward only.

use rayon::prelude::*;

use crate::gemm::{
    Accumulate, Activations, Buffer, Epilogue, Output, PackedGemm, Prepare, WeightDtype, select,
};
use crate::matrix::{ColumnsMut, MatrixView};

/// A linear layer whose weights were packed.
#[derive(Debug)]
pub struct PackedLinear {
    pub(super) weights: Box<dyn PackedGemm>,
    pub(super) bias: Vec<f32>,
    pub(super) dtype: WeightDtype,
}

/// Who works on the rows of a product.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cores {
    /// The one that calls.
    One,
    /// All: each takes columns of the product.
    All,
}

impl Cores {
    pub(crate) fn count(self) -> usize {
        match self {
            Self::One => 1,
            Self::All => rayon::current_num_threads(),
        }
    }
}

impl PackedLinear {
    /// Packs the matrix of a layer, `[inputs, outputs]` row by row, and one value of the bias for each
    /// output.
    ///
    /// # Panics
    ///
    /// Where the sizes do not fit.
    pub fn new(matrix: &[f32], bias: Vec<f32>, dtype: WeightDtype) -> Self {
        Self { weights: select(dtype).pack(MatrixView::new(matrix, bias.len())), bias, dtype }
    }

    /// Number of inputs.
    pub fn inputs(&self) -> usize {
        self.weights.rows()
    }

    /// Number of outputs.
    pub fn outputs(&self) -> usize {
        self.weights.columns()
    }

    /// The layer of each row of inputs, on all cores. In 8 bits every row keeps more bits, as one that
    /// an answer is read from.
    ///
    /// # Panics
    ///
    /// Where rows have another width than there are inputs.
    pub fn forward(&self, rows: MatrixView<'_>) -> Vec<f32> {
        let mut out = vec![0.0; rows.rows() * self.outputs()];
        let precise: Vec<usize> = (0..rows.rows()).collect();
        let out_columns = ColumnsMut::new(&mut out, self.outputs());
        let accumulate = Accumulate::Bias(&self.bias);
        let epilogue = Epilogue { accumulate, activation: None };
        self.multiply(rows, &precise, epilogue, Cores::All, out_columns, &mut Buffer::default());
        out
    }

    /// Columns of the product of rows with the weights; rows of `precise` keep more bits.
    pub(super) fn multiply<T: Output>(
        &self,
        rows: MatrixView<'_, T>,
        precise: &[usize],
        epilogue: Epilogue<'_>,
        cores: Cores,
        out: ColumnsMut<'_>,
        buffer: &mut Buffer,
    ) {
        let how = Prepare { threads: cores.count(), precise };
        let activations: Activations<'_> = T::prepare(&*self.weights, rows, how, buffer);
        multiply_on(cores, &*self.weights, &activations, epilogue, out);
    }
}

/// Writes columns of a product, on one core or on all.
pub(crate) fn multiply_on<O: Output>(
    cores: Cores,
    weights: &dyn PackedGemm,
    activations: &Activations<'_>,
    epilogue: Epilogue<'_>,
    out: ColumnsMut<'_, O>,
) {
    match cores {
        Cores::One => O::multiply(weights, activations, epilogue, out),
        Cores::All => {
            let parts = out.split(weights.panel_width(), cores.count());
            parts.into_par_iter().for_each(|out| O::multiply(weights, activations, epilogue, out));
        }
    }
}
