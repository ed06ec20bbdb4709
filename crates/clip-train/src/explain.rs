//! Which parts of a picture make it fit a text: gradient-weighted attention.
//!
//! The rule is that of Chefer, Gur and Wolf 2021 (arXiv:2103.15679) for a tower that attends to
//! itself, equations 5 and 6: attention that would raise the answer counts, averaged over heads,
//! and is followed from the last block to the patches. The answer here is the cosine of picture and
//! text. Attention alone says where a tower looks; its gradient says where it looks for this text.
//!
//! Gradients come from Burn's tape, so any device does. Nothing is trained: the weights are
//! constants, and only attention is on the tape.

use burn::module::Module;
use burn::tensor::{Tensor, s};
use clip_checkpoint::{Checkpoint, PreprocessConfig};
use clip_model::{Device, ImageEncoder, float_tensor, normalize};
use clip_preprocess::{Preprocessor, RgbImage};
use clip_projection::similarity;

use crate::Result;

/// Explains pictures with the picture half of one checkpoint on one device.
#[derive(Debug)]
pub struct Explainer {
    encoder: ImageEncoder,
    preprocess: PreprocessConfig,
    preprocessor: Preprocessor,
    device: Device,
}

/// What a picture has to do with a text.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Cosine similarity of picture and text.
    pub cosine: f32,
    /// How much each patch speaks for the text, row by row, at least 0. Compare within one picture.
    pub relevance: Vec<f32>,
    /// Patches in a row, and in a column.
    pub grid: usize,
    /// The part of the picture's side that the patches cover; the rest, at the right and bottom
    /// edge, is not seen.
    pub covered: f32,
}

impl Explainer {
    /// Reads the picture half of a checkpoint.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Model`] where the weights are damaged, [`crate::Error::Data`] where the card
    /// asks for a preprocessing that cannot be done.
    pub fn load(checkpoint: &Checkpoint, device: &Device) -> Result<Self> {
        let device = device.clone().autodiff();
        let preprocess = checkpoint.card().preprocess.clone();
        Ok(Self {
            encoder: ImageEncoder::load(checkpoint, &device)?.no_grad(),
            preprocessor: Preprocessor::new(&preprocess).map_err(clip_data::Error::from)?,
            preprocess,
            device,
        })
    }

    /// The part of a picture that the model sees, as a square of at least `side` pixels.
    ///
    /// # Errors
    ///
    /// [`crate::Error::Data`] for a side beyond [`Preprocessor::MAX_SIZE`].
    pub fn view(&self, picture: &RgbImage, side: usize) -> Result<RgbImage> {
        // The model's own crop, some times as fine.
        let times = side.div_ceil(self.preprocess.crop_size).max(1);
        let config = PreprocessConfig {
            resize_size: times * self.preprocess.resize_size,
            crop_size: times * self.preprocess.crop_size,
            ..self.preprocess.clone()
        };
        let preprocessor = Preprocessor::new(&config).map_err(clip_data::Error::from)?;
        Ok(preprocessor.resize_and_crop(picture))
    }

    /// Which patches of a picture speak for the text of a unit vector.
    ///
    /// # Panics
    ///
    /// Where the vector comes from a model of another width.
    pub fn explain(&self, picture: &RgbImage, text: &[f32]) -> Explanation {
        let size = self.preprocessor.crop_size();
        let pixels =
            float_tensor(self.preprocessor.pixels(picture), [1, 3, size, size], &self.device);
        let text = float_tensor(text.to_vec(), [1, text.len()], &self.device);
        let (cosine, relevance) = relevance(&self.encoder, pixels, text);
        let [_, _, patch, _] = self.encoder.visual.patch_embedding.weight.dims();
        let grid = size / patch;
        Explanation { cosine, relevance, grid, covered: (grid * patch) as f32 / size as f32 }
    }
}

/// The cosine of a picture and a text, and the relevance of each patch for it. Reads both back from
/// the device.
///
/// # Shapes
///
/// - `pixels`: `[1, 3, H, W]`
/// - `text`: `[1, E]`, a unit vector
///
/// # Panics
///
/// Where the encoder is not on a device with gradients, or is under training.
fn relevance(encoder: &ImageEncoder, pixels: Tensor<4>, text: Tensor<2>) -> (f32, Vec<f32>) {
    let tower = &encoder.visual;
    let mut attentions = Vec::new();
    let tokens = tower.ln_pre.forward(tower.embed(pixels));
    let tokens = tower.transformer.resblocks.iter().fold(tokens, |tokens, block| {
        block.forward_through(tokens, |weights| {
            // The gradient of what is added is that of the sum, which is no leaf of the tape.
            let leaf = Tensor::zeros(weights.dims(), &weights.device()).require_grad();
            attentions.push((weights.clone().without_autodiff(), leaf.clone()));
            weights + leaf
        })
    });
    let image = normalize(encoder.visual_projection.forward(tower.pool(tokens)));
    let cosine = similarity(image, text);
    let mut gradients = cosine.backward();
    let blocks = attentions.into_iter().map(|(weights, leaf)| {
        let gradient = leaf.grad_remove(&mut gradients).expect("a leaf of the cosine");
        (weights, gradient)
    });
    let relevance = class_row(blocks);
    (cosine.into_scalar(), relevance)
}

/// What the class token gathers from each other token: `R ← R + Ā R` block by block, from the
/// identity, where `Ā` is the mean over heads of what the gradient raises.
///
/// # Shapes
///
/// - weights and their gradients: `[1, heads, L, L]` each, first block first
fn class_row(blocks: impl Iterator<Item = (Tensor<4>, Tensor<4>)>) -> Vec<f32> {
    let relevancy = blocks.fold(None, |relevancy: Option<Tensor<2>>, (weights, gradient)| {
        let [_, _, length, _] = weights.dims();
        let raised = (gradient * weights).clamp_min(0.0).mean_dim(1).reshape([length, length]);
        let relevancy = relevancy.unwrap_or_else(|| Tensor::eye(length, &raised.device()));
        Some(relevancy.clone() + raised.matmul(relevancy))
    });
    let Some(relevancy) = relevancy else { return Vec::new() };
    let row: Tensor<2> = relevancy.slice(s![0..1, 1..]);
    row.into_data().try_to_vec().expect("values of f32")
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::TensorData;
    use clip_checkpoint::presets;
    use clip_testkit::{Random, assert_close};

    use super::*;

    const LENGTH: usize = 5;
    const HEADS: usize = 2;

    fn random<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
        let values = Random::new(seed).values(shape.iter().product());
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// A tower of two blocks over four patches.
    fn tiny(device: &Device) -> ImageEncoder {
        let mut config = presets::PRESETS[0].1.clone();
        config.embed_dim = 6;
        let vision = &mut config.vision;
        (vision.image_size, vision.patch_size) = (8, 4);
        (vision.width, vision.mlp_width) = (8, 16);
        (vision.layers, vision.heads) = (2, HEADS);
        ImageEncoder::init(&config, device)
    }

    /// The paper's rule in loops, with the slope of each attention weight measured.
    #[test]
    fn relevance_is_what_the_measured_slopes_give() {
        let device = Device::flex();
        let (encoder, text) = (tiny(&device), normalize(random(2, [1, 6], &device)));
        let pixels = random::<4>(1, [1, 3, 8, 8], &device);

        let tower = &encoder.visual;
        // The cosine where one weight is moved, and all the weights of the blocks.
        let run = |moved: Option<(usize, usize)>, by: f32| {
            let tokens = tower.ln_pre.forward(tower.embed(pixels.clone()));
            let mut seen = Vec::new();
            let blocks = tower.transformer.resblocks.iter().enumerate();
            let tokens = blocks.fold(tokens, |tokens, (i, block)| {
                block.forward_through(tokens, |weights| {
                    let shape = weights.dims();
                    let mut values = weights.into_data().try_to_vec::<f32>().unwrap();
                    seen.push(values.clone());
                    if let Some((_, at)) = moved.filter(|(block, _)| *block == i) {
                        values[at] += by;
                    }
                    Tensor::from_data(TensorData::new(values, shape), &device)
                })
            });
            let image = normalize(encoder.visual_projection.forward(tower.pool(tokens)));
            (similarity(image, text.clone()).into_scalar::<f32>(), seen)
        };
        let (cosine, weights) = run(None, 0.0);
        let step = 0.02;
        let mut relevancy = [[0.0; LENGTH]; LENGTH];
        for (i, row) in relevancy.iter_mut().enumerate() {
            row[i] = 1.0;
        }
        for (block, weights) in weights.iter().enumerate() {
            let mut raised = [[0.0; LENGTH]; LENGTH];
            for (at, weight) in weights.iter().enumerate() {
                let moved = |by| run(Some((block, at)), by).0;
                let slope = (moved(step) - moved(-step)) / (2.0 * step);
                raised[at / LENGTH % LENGTH][at % LENGTH] +=
                    (slope * weight).max(0.0) / HEADS as f32;
            }
            let before = relevancy;
            for (i, row) in relevancy.iter_mut().enumerate() {
                for (j, value) in row.iter_mut().enumerate() {
                    *value += (0..LENGTH).map(|k| raised[i][k] * before[k][j]).sum::<f32>();
                }
            }
        }

        let device = device.autodiff();
        let record = encoder.train().no_grad();
        let put = |tensor: Tensor<2>| Tensor::from_data(tensor.into_data(), &device);
        let pixels = Tensor::from_data(pixels.into_data(), &device);
        let (found, patches) = relevance(&record, pixels, put(text));
        assert!((found - cosine).abs() < 1e-6, "{found} {cosine}");
        let largest = relevancy[0][1..].iter().copied().fold(0.0, f32::max);
        let scaled = |values: &[f32]| values.iter().map(|v| v / largest).collect::<Vec<_>>();
        assert_close("relevance", &scaled(&patches), &scaled(&relevancy[0][1..]), 0.01);
    }
}
