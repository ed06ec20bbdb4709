//! What stands between the embedding of patches and the blocks of a tower, forward only: the class token,
//! positions and a layer norm, image by image while its tokens are near.

use rayon::prelude::*;

use crate::ops;
use crate::residual::Norm;

/// Makes the tokens of an image of its embedded patches.
#[derive(Debug)]
pub struct PackedTokens {
    /// The token before all patches, where there is one.
    pub class: Option<Vec<f32>>,
    /// Added to the tokens of each image, where there are any.
    pub positions: Option<Vec<f32>>,
    /// Of what enters the blocks, where there is one.
    pub norm: Option<Norm>,
}

impl PackedTokens {
    /// Class token and patches with their positions, of `batch` images, in tokens of `width` values.
    ///
    /// # Panics
    ///
    /// Where the images have other patches than there are positions.
    pub fn place(&self, patches: &[f32], batch: usize, width: usize) -> Vec<f32> {
        self.run(patches, batch, width, None)
    }

    /// As [`Self::place`], normalized: what enters the blocks.
    ///
    /// # Panics
    ///
    /// As [`Self::place`].
    pub fn enter(&self, patches: &[f32], batch: usize, width: usize) -> Vec<f32> {
        self.run(patches, batch, width, self.norm.as_ref())
    }

    fn run(&self, patches: &[f32], batch: usize, width: usize, norm: Option<&Norm>) -> Vec<f32> {
        let (class, count) = (self.class.as_deref().unwrap_or_default(), patches.len() / batch);
        let size = class.len() + count;
        if let Some(positions) = &self.positions {
            let [expected, got] =
                [positions.len() - class.len(), count].map(|values| values / width);
            assert_eq!(expected, got, "patches of a picture: expected {expected}, got {got}");
        }
        let mut tokens = vec![0.0; batch * size];
        tokens.par_chunks_mut(size).zip(patches.par_chunks(count)).for_each(|(tokens, patches)| {
            let (of_class, of_patches) = tokens.split_at_mut(class.len());
            of_class.copy_from_slice(class);
            of_patches.copy_from_slice(patches);
            if let Some(positions) = &self.positions {
                ops::add_to_rows(tokens, positions);
            }
            if let Some(norm) = norm {
                let mut before = vec![0.0; width];
                for token in tokens.chunks_exact_mut(width) {
                    before.copy_from_slice(token);
                    norm.apply(&before, token);
                }
            }
        });
        tokens
    }
}
