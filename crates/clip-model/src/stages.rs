//! What happens between an input and its unit vector, stage by stage, under the names of the
//! reference files.

use burn::tensor::{Int, Tensor};

use crate::{ImageEncoder, TextEncoder};

/// The output of one stage.
#[derive(Debug, Clone, PartialEq)]
pub struct Stage {
    /// Its name: `vision.embeddings`, `vision.block.0`, .., `image_embeds`.
    pub name: String,
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The values, row-major.
    pub values: Vec<f32>,
}

impl Stage {
    pub(crate) fn of<const D: usize>(name: impl Into<String>, tensor: Tensor<D>) -> Self {
        let shape = tensor.dims().to_vec();
        let data = tensor.into_data().convert::<f32>();
        let values = data.try_to_vec().expect("converted to f32");
        Self { name: name.into(), shape, values }
    }
}

impl ImageEncoder {
    /// Every stage of [`Self::forward`], from the embedded patches to the unit vectors. Runs block
    /// by block and reads each result back, so it is slower than the whole.
    ///
    /// # Shapes
    ///
    /// - `pixels`: `[B, 3, H, W]`, normalized
    /// - `vision.*`: `[B, L, width]`, the pooled one `[B, width]`; `image_embeds`: `[B, E]`
    ///
    /// # Panics
    ///
    /// Where the pictures are of another size than the tower's.
    pub fn stages(&self, pixels: Tensor<4>) -> Vec<Stage> {
        let visual = &self.visual;
        let tokens = visual.embed(pixels);
        let mut stages = vec![Stage::of("vision.embeddings", tokens.clone())];
        let mut tokens = visual.enter(tokens);
        if visual.ln_pre.is_some() {
            stages.push(Stage::of("vision.ln_pre", tokens.clone()));
        }
        for (i, block) in visual.transformer.resblocks.iter().enumerate() {
            tokens = block.forward(tokens);
            stages.push(Stage::of(format!("vision.block.{i}"), tokens.clone()));
        }
        let pooled = visual.pool(tokens);
        stages.push(Stage::of("vision.pooled", pooled.clone()));
        stages.push(Stage::of("image_embeds", self.project(pooled)));
        stages
    }
}

impl TextEncoder {
    /// Every stage of [`Self::forward`], as [`ImageEncoder::stages`].
    ///
    /// # Shapes
    ///
    /// - `ids`: `[B, L]`
    /// - `text.*`: `[B, L, width]`, the pooled one `[B, width]`; `text_embeds`: `[B, E]`
    ///
    /// # Panics
    ///
    /// Where `L` is more than the context length.
    pub fn stages(&self, ids: Tensor<2, Int>) -> Vec<Stage> {
        let text = &self.text;
        let mut tokens = text.embed(ids.clone());
        let mut stages = vec![Stage::of("text.embeddings", tokens.clone())];
        for (i, block) in text.transformer.resblocks.iter().enumerate() {
            tokens = block.forward(tokens);
            stages.push(Stage::of(format!("text.block.{i}"), tokens.clone()));
        }
        stages.push(Stage::of("text.ln_final", text.ln_final.forward(tokens.clone())));
        let pooled = text.pool(tokens, ids);
        stages.push(Stage::of("text.pooled", pooled.clone()));
        stages.push(Stage::of("text_embeds", self.project(pooled)));
        stages
    }
}
