//! Which parts of an image make it fit a text.

use clip_checkpoint::{Checkpoint, PreprocessConfig, ResizeMode};
use clip_model::{Device, ImageEncoder, float_tensor, relevance};
use clip_preprocess::{Preprocessor, RgbImage};

use crate::{Embedding, Result};

/// Explains images with the image half of one checkpoint on one device, by gradient-weighted attention
/// (Chefer, Gur and Wolf 2021, arXiv:2103.15679). Nothing is trained: the weights are constants.
#[derive(Debug)]
pub struct Explainer {
    encoder: ImageEncoder,
    preprocess: PreprocessConfig,
    preprocessor: Preprocessor,
    device: Device,
}

/// What an image has to do with a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Cosine similarity of image and text.
    pub cosine: f32,
    /// How much each patch speaks for the text, row by row, at least 0. Compare within one image.
    pub relevance: Vec<f32>,
    /// Patches in a row, and in a column.
    pub grid: usize,
    /// The part of the image's side that the patches cover; the rest, at the right and bottom
    /// edge, is not seen.
    pub covered: f32,
}

impl Explainer {
    /// Reads the image half of a checkpoint.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Model`] where the weights are damaged, [`crate::Error::Picture`] where the card
    /// asks for a preprocessing that cannot be done.
    pub fn load(checkpoint: &Checkpoint, device: &Device) -> Result<Self> {
        let device = device.clone().autodiff();
        let preprocess = checkpoint.card().preprocess.clone();
        Ok(Self {
            encoder: ImageEncoder::load_frozen(checkpoint, &device)?,
            preprocessor: Preprocessor::new(&preprocess)?,
            preprocess,
            device,
        })
    }

    /// The part of an image that the model sees, as a square of at least `side` pixels.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Picture`] for a side beyond [`Preprocessor::MAX_SIZE`].
    pub fn view(&self, image: &RgbImage, side: usize) -> Result<RgbImage> {
        // The model's own crop, some times as fine.
        let times = side.div_ceil(self.preprocess.crop_size).max(1);
        let config = PreprocessConfig {
            resize_size: times * self.preprocess.resize_size,
            crop_size: times * self.preprocess.crop_size,
            ..self.preprocess.clone()
        };
        Ok(Preprocessor::new(&config)?.resize_and_crop(image))
    }

    /// Where the part of an image of this size that the model sees lies: left, top, width and height as
    /// fractions of the image's sides. Where the preprocessing pads, it reaches beyond the edges.
    pub fn region(&self, width: u32, height: u32) -> [f32; 4] {
        region(&self.preprocess, width as f32, height as f32)
    }

    /// Which patches of an image speak for a text.
    ///
    /// # Panics
    ///
    /// Where the vector comes from a model of another width.
    pub fn explain(&self, image: &RgbImage, text: &Embedding) -> Explanation {
        let size = self.preprocessor.crop_size();
        let pixels =
            float_tensor(self.preprocessor.pixels(image), [1, 3, size, size], &self.device);
        let text = text.as_slice().to_vec();
        let width = text.len();
        let text = float_tensor(text, [1, width], &self.device);
        let (cosine, relevance) = relevance(&self.encoder, pixels, text);
        let grid = relevance.len().isqrt();
        let patch = self.encoder.visual.patch_side();
        // Padding lets a feature map reach to the edges.
        let covered = match self.encoder.visual.conv_stem {
            Some(_) => 1.0,
            None => (grid * patch) as f32 / size as f32,
        };
        Explanation { cosine, relevance, grid, covered }
    }
}

fn region(preprocess: &PreprocessConfig, width: f32, height: f32) -> [f32; 4] {
    let size = preprocess.resize_size as f32;
    let resized = match preprocess.resize {
        ResizeMode::Shortest => [width, height].map(|side| side * size / width.min(height)),
        ResizeMode::Longest => [width, height].map(|side| side * size / width.max(height)),
        // `Squash`; another mode that is added needs a line here.
        _ => [size, size],
    };
    // The crop is at the center.
    let [x, y] = resized.map(|side| preprocess.crop_size as f32 / side);
    [(1.0 - x) / 2.0, (1.0 - y) / 2.0, x, y]
}

#[cfg(test)]
mod tests {
    use clip_checkpoint::{Interpolation, PreprocessMode};

    use super::*;

    #[test]
    fn the_part_that_is_seen() {
        let check = |resize, expected| {
            let preprocess = PreprocessConfig {
                mode: PreprocessMode::Openai,
                resize,
                resize_size: 64,
                interpolation: Interpolation::Bicubic,
                crop_size: 64,
                mean: [0.5; 3],
                std: [0.5; 3],
            };
            assert_eq!(region(&preprocess, 400.0, 200.0), expected);
        };
        check(ResizeMode::Shortest, [0.25, 0.0, 0.5, 1.0]);
        check(ResizeMode::Longest, [0.0, -0.5, 1.0, 2.0]);
        check(ResizeMode::Squash, [0.0, 0.0, 1.0, 1.0]);
    }
}
