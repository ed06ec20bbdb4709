//! One product of bf16 values, on all cores.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::{DType, Tensor, TensorData};
use clip_kernels::gemm::{Epilogue, Product, WeightDtype, select};
use clip_kernels::{ColumnsMut, MatrixView};
use rayon::prelude::*;

/// `a · b`, or nothing where this is not the place for it: another backend, another number format,
/// a processor without the instruction.
pub(crate) fn matmul(a: &Tensor<2>, b: &Tensor<2>, dtype: WeightDtype) -> Option<Tensor<2>> {
    let floats = [a, b].iter().all(|tensor| tensor.dtype() == DType::F32);
    if dtype != WeightDtype::Bf16 || !floats {
        return None;
    }
    let a: FlexTensor = a.clone().try_into_primitive::<Flex>().ok()?;
    let b: FlexTensor = b.clone().try_into_primitive::<Flex>().ok()?;
    let (left, right) = (matrix(&a)?, matrix(&b)?);
    let (rows, columns) = (left.rows(), right.columns());
    let mut out = vec![0.0; rows * columns];
    let right = select(WeightDtype::Bf16).pack(right);
    let share = rows.div_ceil(rayon::current_num_threads()).max(1);
    out.par_chunks_mut(share * columns).enumerate().for_each(|(i, out)| {
        let left = left.part(i * share, out.len() / columns);
        let out = ColumnsMut::new(out, columns);
        Product::new(WeightDtype::Bf16).multiply_packed(left, &*right, Epilogue::OVERWRITE, out);
    });
    let out = FlexTensor::from_data(TensorData::new(out, [rows, columns]));
    Some(Tensor::from_primitive::<Flex>(out))
}

/// The tensor as it lies in memory, where one of its axes is contiguous.
fn matrix(tensor: &FlexTensor) -> Option<MatrixView<'_>> {
    let layout = tensor.layout();
    let [rows, columns] = layout.shape().dims();
    let values = tensor.storage().get(layout.start_offset()..)?;
    match *layout.strides() {
        [row, 1] => Some(MatrixView::strided(values, rows, columns, row.try_into().ok()?)),
        [1, column] => {
            Some(MatrixView::strided(values, columns, rows, column.try_into().ok()?).transposed())
        }
        _ => None,
    }
}
