//! Rows of the token embedding from elsewhere than a tensor.

use std::fmt;
use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};

/// Gives the rows of token ids, one after the other.
type Rows = dyn Fn(&[usize]) -> Vec<f32> + Send + Sync;

/// Where rows come from.
#[derive(Clone)]
pub(crate) struct Lookup(Arc<Rows>);

impl Lookup {
    pub(crate) fn new(rows: impl Fn(&[usize]) -> Vec<f32> + Send + Sync + 'static) -> Self {
        Self(Arc::new(rows))
    }

    /// `[B, L]` to `[B, L, width]`.
    pub(crate) fn rows(&self, ids: Tensor<2, Int>, width: usize, device: &Device) -> Tensor<3> {
        let [batch, length] = ids.dims();
        let ids: Vec<_> = ids.to_data().iter::<i64>().map(|id| id as usize).collect();
        Tensor::from_data(TensorData::new((self.0)(&ids), [batch, length, width]), device)
    }
}

impl fmt::Debug for Lookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Lookup")
    }
}
