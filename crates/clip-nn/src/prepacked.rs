//! Parameters that were laid out once, for products that serve many times.

use std::sync::Arc;

use burn::module::Param;
use burn::tensor::{Tensor, TensorData};

use crate::fused::Patches;
use crate::{Pixels, Storage};

/// The embedding of patches, laid out.
#[derive(Debug, Clone)]
pub struct PrepackedPatches {
    laid_out: Arc<Patches>,
    side: usize,
}

impl PrepackedPatches {
    /// Lays out the weight of a convolution whose stride is its size, `[W, 3, P, P]`, and leaves the
    /// parameter to be unpacked on demand, as rounded to `storage`; nothing where the backend has no
    /// kernels of ours. For [`Storage::Int8`] pictures are taken back to the levels that `pixels`
    /// were made of, which loses nothing, and the weight is rounded to 16 bits; patches that hold
    /// other values than levels are rounded to 8 bits.
    pub fn new(weight: &mut Param<Tensor<4>>, storage: Storage, pixels: &Pixels) -> Option<Self> {
        let [width, channels, side, columns] = weight.dims();
        let matrix = weight.val().reshape([width, channels * side * columns]).transpose();
        let laid_out = Arc::new(Patches::new(matrix, storage, pixels)?);
        let kept = Arc::clone(&laid_out);
        lazily(weight, move || {
            let matrix = kept.unpack();
            (0..width).flat_map(|i| matrix.iter().skip(i).step_by(width).copied()).collect()
        });
        Some(Self { laid_out, side })
    }

    /// One row a patch, those of a picture from left to right and from top to bottom.
    ///
    /// # Shapes
    ///
    /// - `pixels`: `[B, 3, H, W]`
    /// - `bias`: `[W]`
    /// - output: `[B · N, W]`; nothing where a tensor lies on another backend, or on a gradient tape
    ///
    /// # Panics
    ///
    /// Where the pictures do not have three channels.
    pub fn forward(&self, pixels: &Tensor<4>, bias: Option<Tensor<1>>) -> Option<Tensor<2>> {
        self.laid_out.forward(pixels, self.side, bias)
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
