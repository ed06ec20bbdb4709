//! Where patches and the class token stand.

use burn::tensor::{Int, Tensor, s};

/// The class token, where there is one, and the positions of it and of all patches, where they have any.
#[derive(Debug, Clone)]
pub(crate) struct Positions {
    /// `[W]`.
    pub(crate) class: Option<Tensor<1>>,
    /// One vector for the class token, where there is one, and for each patch: `[L, W]`.
    pub(crate) positions: Option<Tensor<2>>,
}

impl Positions {
    /// Adds positions to embedded patches, and the class token where there is one.
    ///
    /// # Shapes
    ///
    /// - `patches`: `[B · K, W]`
    /// - `kept`: `[B, K]`, the number of each patch; nothing where all are there, in order
    /// - output: `[B, K, W]`, or `[B, 1 + K, W]` with a class token
    ///
    /// # Panics
    ///
    /// Where all patches have a position and are not there.
    pub(crate) fn place(
        &self,
        patches: Tensor<2>,
        batch: usize,
        kept: Option<Tensor<2, Int>>,
    ) -> Tensor<3> {
        let [rows, width] = patches.dims();
        let count = rows / batch.max(1);
        let Some(positions) = &self.positions else {
            return patches.reshape([batch, count, width]);
        };
        let [tokens, _] = positions.dims();
        // Positions of the class token come first.
        let first = usize::from(self.class.is_some());
        let expected = tokens - first;
        assert!(
            kept.is_some() || count == expected,
            "patches of a picture: expected {expected}, got {count}"
        );
        let of_patches = match kept {
            Some(kept) => positions.clone().select(0, kept.reshape([batch * count]) + first as i64),
            None => positions
                .clone()
                .slice(s![first.., ..])
                .unsqueeze::<3>()
                .expand([batch, count, width])
                .reshape([batch * count, width]),
        };
        let patches = (patches + of_patches).reshape([batch, count, width]);
        match &self.class {
            Some(class) => {
                let class = class.clone().reshape([1, 1, width])
                    + positions.clone().slice(s![0..1, ..]).unsqueeze();
                Tensor::cat(vec![class.expand([batch, 1, width]), patches], 1)
            }
            None => patches,
        }
    }
}
