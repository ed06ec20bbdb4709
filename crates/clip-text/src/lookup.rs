//! Rows of the token embedding from elsewhere than a tensor.

use std::fmt;
use std::sync::Arc;

use burn::tensor::{Device, Int, Tensor, TensorData};

/// Gives the rows of token ids, one after the other.
type Rows = dyn Fn(&[usize]) -> Vec<f32> + Send + Sync;

/// Rows of the token embedding from elsewhere than a tensor: a text has few of the many. For
/// inference; no gradient reaches them.
#[derive(Clone)]
pub struct TokenLookup {
    rows: Arc<Rows>,
    width: usize,
}

impl TokenLookup {
    /// Takes rows of that width from `rows`, which is given the token ids.
    pub fn new(width: usize, rows: impl Fn(&[usize]) -> Vec<f32> + Send + Sync + 'static) -> Self {
        Self { rows: Arc::new(rows), width }
    }

    /// # Shapes
    ///
    /// - `ids`: `[B, L]`
    /// - output: `[B, L, width]`
    ///
    /// # Panics
    ///
    /// Where `rows` gives another number of values than asked for.
    pub fn forward(&self, ids: &Tensor<2, Int>, device: &Device) -> Tensor<3> {
        let [batch, length] = ids.dims();
        let ids: Vec<_> = ids.to_data().iter::<i64>().map(|id| id as usize).collect();
        Tensor::from_data(TensorData::new((self.rows)(&ids), [batch, length, self.width]), device)
    }
}

impl fmt::Debug for TokenLookup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenLookup").field("width", &self.width).finish_non_exhaustive()
    }
}
