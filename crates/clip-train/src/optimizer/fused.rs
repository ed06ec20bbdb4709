//! One update in one pass over memory, where the tensors live on Flex.

use burn::backend::Flex;
use burn::backend::flex::FlexTensor;
use burn::tensor::Tensor;
use clip_kernels::dispatch;
use rayon::prelude::*;

use super::Update;
use crate::parameters::is_on_flex;

/// Values that one task works through.
const TASK: usize = 1 << 15;

impl Update {
    /// The new value and moments of tensors that [`fit`].
    pub(super) fn fused(self, tensors: [Tensor<1>; 4]) -> (Tensor<1>, [Tensor<1>; 2]) {
        let [mut value, gradient, mut first, mut second] = tensors.map(into_flex);
        let tasks = storage(&mut value)
            .par_chunks_mut(TASK)
            .zip(storage(&mut first).par_chunks_mut(TASK))
            .zip(storage(&mut second).par_chunks_mut(TASK))
            .zip(gradient.as_slice::<f32>().expect("contiguous f32").par_chunks(TASK));
        tasks.for_each(|(((value, first), second), gradient)| {
            self.write(value, gradient, first, second);
        });
        (from_flex(value), [from_flex(first), from_flex(second)])
    }

    /// The formula of [`Update::composed`], in place.
    fn write(self, value: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32]) {
        let [beta_1, beta_2] = self.betas;
        dispatch(
            #[inline(always)]
            || {
                let moments = first.iter_mut().zip(second.iter_mut());
                for ((value, gradient), (first, second)) in
                    value.iter_mut().zip(gradient).zip(moments)
                {
                    let gradient = gradient * self.gradient;
                    *first = *first * beta_1 + gradient * (1.0 - beta_1);
                    *second = *second * beta_2 + gradient * gradient * (1.0 - beta_2);
                    let root = second.sqrt() * self.root + self.epsilon;
                    *value = *value * self.keep - *first / root * self.step;
                }
            },
        );
    }
}

/// Whether all of them are `f32` on Flex.
pub(super) fn fit(tensors: &[Tensor<1>]) -> bool {
    tensors.iter().all(is_on_flex)
}

fn into_flex(tensor: Tensor<1>) -> FlexTensor {
    tensor.try_into_primitive::<Flex>().expect("asked before").to_contiguous()
}

/// The values for writing; copies them first where another handle shares them.
fn storage(tensor: &mut FlexTensor) -> &mut [f32] {
    let (start, end) = tensor.layout().contiguous_offsets().expect("contiguous");
    &mut tensor.storage_mut()[start..end]
}

fn from_flex(tensor: FlexTensor) -> Tensor<1> {
    Tensor::from_primitive::<Flex>(tensor)
}
