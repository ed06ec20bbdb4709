//! Parameters that were laid out once, for products that serve many times.

use std::sync::Arc;

use burn::module::Param;
use burn::tensor::{Tensor, TensorData};

use crate::Storage;
use crate::fused::Laid;

/// The embedding of patches, laid out.
#[derive(Debug, Clone)]
pub struct PrepackedPatches(Arc<Laid>);

impl PrepackedPatches {
    /// Lays out the weight of a convolution whose stride is its size, `[W, 3, P, P]`, and leaves the
    /// parameter to be unpacked on demand, as rounded to `storage`; nothing where the backend has no
    /// kernels of ours. For [`Storage::Int8`] patches are rounded to 8 bits, which pixels have anyway,
    /// and the weight to twice as many.
    pub fn new(weight: &mut Param<Tensor<4>>, storage: Storage) -> Option<Self> {
        let [width, channels, rows, columns] = weight.dims();
        let matrix = weight.val().reshape([width, channels * rows * columns]).transpose();
        let laid = Arc::new(Laid::new(matrix, storage)?);
        let kept = Arc::clone(&laid);
        lazily(weight, move || {
            let matrix = kept.unpack();
            (0..width).flat_map(|i| matrix.iter().skip(i).step_by(width).copied()).collect()
        });
        Some(Self(laid))
    }

    /// # Shapes
    ///
    /// - `patches`: `[N, 3·P·P]`
    /// - `bias`: `[W]`
    /// - output: `[N, W]`; nothing where a tensor lies on another backend, or on a gradient tape
    ///
    /// # Panics
    ///
    /// Where the patches have another size.
    pub fn forward(&self, patches: &Tensor<2>, bias: Option<Tensor<1>>) -> Option<Tensor<2>> {
        self.0.forward(patches, bias)
    }
}

/// Leaves a parameter to be unpacked when somebody asks for it.
pub(crate) fn lazily<const D: usize>(
    weight: &mut Param<Tensor<D>>,
    unpack: impl FnOnce() -> Vec<f32> + Send + Sync + 'static,
) {
    let (id, shape) = (weight.id, weight.shape());
    let (device, gradient) = (weight.val().device(), weight.is_require_grad());
    let sizes = shape.clone();
    *weight = Param::uninitialized(
        id,
        move |device, gradient| {
            let values = TensorData::new(unpack(), sizes);
            Tensor::from_data(values, device).set_require_grad(gradient)
        },
        device,
        gradient,
        shape,
    );
}
