//! Which token stands for the whole text.

use burn::config::Config;
use burn::tensor::{Bool, Int, Tensor};

/// Which token stands for the whole text.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum Pooling {
    /// The first token with the highest id, as OpenAI and OpenCLIP pool.
    Argmax,
    /// The first token with this id, as transformers pools where `eos_token_id` is not 2.
    EndToken(i64),
    /// The last token, whatever it is, as SigLIP pools.
    Last,
}

impl Pooling {
    /// Position of the token in each text; 0 where a text has no end token.
    ///
    /// # Shapes
    ///
    /// - `ids`: `[B, L]`
    /// - output: `[B]`
    pub fn positions(self, ids: Tensor<2, Int>) -> Tensor<1, Int> {
        match self {
            Self::Argmax => first(ids.clone().equal(ids.clone().max_dim(1).expand(ids.dims()))),
            Self::EndToken(id) => first(ids.equal_elem(id)),
            Self::Last => {
                let [batch, length] = ids.dims();
                Tensor::full([batch], length as i64 - 1, &ids.device())
            }
        }
    }
}

/// Position of the first `true` in each row. Backends do not agree on which of several equal
/// values `argmax` returns (padding repeats the end token), so earlier positions weigh more.
fn first(flags: Tensor<2, Bool>) -> Tensor<1, Int> {
    let [_, length] = flags.dims();
    let length = length as i64;
    let earlier = Tensor::<1, Int>::arange(0..length, &flags.device()).neg() + length;
    let weights = flags.int() * length + earlier.unsqueeze();
    weights.argmax(1).squeeze_dim(1)
}
