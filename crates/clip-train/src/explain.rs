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
use clip_model::{Device, ImageEncoder, float_tensor};
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
    let mut watch = |weights: Tensor<4>| {
        // The gradient of what is added is that of the sum, which is no leaf of the tape.
        let leaf = Tensor::zeros(weights.dims(), &weights.device()).require_grad();
        attentions.push((weights.clone().without_autodiff(), leaf.clone()));
        weights + leaf
    };
    let tokens = tower.enter(tower.embed(pixels));
    let blocks = tower.transformer.resblocks.iter();
    let tokens = blocks.fold(tokens, |tokens, block| block.forward_through(tokens, &mut watch));
    let moved = Tensor::zeros(tokens.dims(), &tokens.device()).require_grad();
    let pooled = tower.pool_through(tokens.clone() + moved.clone(), &mut watch);
    let cosine = similarity(encoder.project(pooled), text);
    let mut gradients = cosine.backward();
    let mut slopes = |leaf: Tensor<4>| leaf.grad_remove(&mut gradients);
    let blocks: Vec<_> = attentions
        .into_iter()
        .map(|(weights, leaf)| (weights, slopes(leaf).expect("a leaf of the cosine")))
        .collect();
    let is_mean = tower.attn_pool.is_none() && tower.class_embedding.is_none();
    let shares = is_mean.then(|| {
        let slopes = moved.grad_remove(&mut gradients).expect("a leaf of the cosine");
        shares(tokens.without_autodiff(), slopes)
    });
    let relevance = followed(blocks.into_iter(), shares);
    (cosine.into_scalar(), relevance)
}

/// What each token adds to a mean: the product with its slope, where that raises the cosine (HiResCAM,
/// Draelos and Carin 2020, arXiv:2011.08891). `[1, L, W]` to `[1, L]`.
fn shares(tokens: Tensor<3>, slopes: Tensor<3>) -> Tensor<2> {
    (tokens * slopes).sum_dim(2).squeeze_dim::<2>(2).clamp_min(0.0)
}

/// What stands for the picture gathers from each patch: `R ← R + Ā R` block by block, from the
/// identity, where `Ā` is the mean over heads of what the gradient raises. A class token's row is
/// the answer; a query that gathers from all tokens after the blocks makes it `Ā R` (equation 10), a mean
/// of them the rows in those shares.
///
/// # Shapes
///
/// - weights and their gradients: `[1, heads, Q, L]` each, first block first; `Q` is `L` in a block
fn followed(
    steps: impl Iterator<Item = (Tensor<4>, Tensor<4>)>,
    shares: Option<Tensor<2>>,
) -> Vec<f32> {
    let mut relevancy: Option<Tensor<2>> = None;
    let mut gathered = None;
    for (weights, gradient) in steps {
        let [_, _, queries, length] = weights.dims();
        let raised = (gradient * weights).clamp_min(0.0).mean_dim(1).reshape([queries, length]);
        let before = relevancy.unwrap_or_else(|| Tensor::eye(length, &raised.device()));
        let step = raised.matmul(before.clone());
        if queries == length {
            relevancy = Some(before + step);
        } else {
            gathered = Some(step);
            relevancy = Some(before);
        }
    }
    let of_class = |relevancy: Tensor<2>| relevancy.slice(s![0..1, 1..]);
    let row = match (shares, relevancy) {
        (Some(shares), Some(relevancy)) => Some(shares.matmul(relevancy)),
        (Some(shares), None) => Some(shares),
        (None, relevancy) => gathered.or_else(|| relevancy.map(of_class)),
    };
    row.map_or_else(Vec::new, |row| row.into_data().try_to_vec().expect("values of f32"))
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use burn::tensor::TensorData;
    use clip_checkpoint::{VisionPooling, presets};
    use clip_model::normalize;
    use clip_testkit::{Random, assert_close};

    use super::*;
    use crate::parameters::update;

    const HEADS: usize = 2;

    fn random<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
        let values = Random::new(seed).values(shape.iter().product());
        Tensor::from_data(TensorData::new(values, shape), device)
    }

    /// A tower over four patches. Its weights are the same in every run: of some that
    /// are drawn, no patch speaks for the text, and there is nothing to compare.
    fn tiny(pooling: VisionPooling, layers: usize, device: &Device) -> ImageEncoder {
        let mut config = presets::PRESETS[0].1.clone();
        config.embed_dim = 6;
        let vision = &mut config.vision;
        (vision.image_size, vision.patch_size) = (8, 4);
        (vision.width, vision.mlp_width) = (8, 16);
        (vision.layers, vision.heads, vision.pooling) = (layers, HEADS, pooling);
        let mut weights = Random::new(3);
        update(
            ImageEncoder::init(&config, device),
            |_| true,
            |_, old| {
                let values = weights.values(old.shape().num_elements());
                Tensor::from_floats(values.as_slice(), &old.device())
            },
        )
    }

    /// Attention weights of one step, `[heads, queries, length]`, and the slope of each.
    struct Step {
        queries: usize,
        weights: Vec<f32>,
        slopes: Vec<f32>,
    }

    /// The paper's rule in loops.
    fn by_loops(steps: &[Step]) -> Vec<f32> {
        let length = steps[0].queries;
        let identity = |i: usize| (0..length).map(|j| f32::from(u8::from(i == j))).collect();
        let mut relevancy: Vec<Vec<f32>> = (0..length).map(identity).collect();
        for Step { queries, weights, slopes } in steps {
            let mut raised = vec![vec![0.0; length]; *queries];
            for (at, (weight, slope)) in weights.iter().zip(slopes).enumerate() {
                raised[at / length % queries][at % length] +=
                    (slope * weight).max(0.0) / HEADS as f32;
            }
            let gathered = |row: &Vec<f32>, j: usize| -> f32 {
                (0..length).map(|k| row[k] * relevancy[k][j]).sum()
            };
            let of_row = |row| (0..length).map(|j| gathered(row, j)).collect::<Vec<_>>();
            let rows: Vec<_> = raised.iter().map(of_row).collect();
            if *queries == 1 {
                return rows[0].clone();
            }
            for (row, step) in relevancy.iter_mut().zip(rows) {
                row.iter_mut().zip(step).for_each(|(value, step)| *value += step);
            }
        }
        relevancy[0][1..].to_vec()
    }

    fn check(pooling: VisionPooling) {
        let device = Device::flex();
        let (encoder, text) = (tiny(pooling, 2, &device), normalize(random(2, [1, 6], &device)));
        let pixels = random::<4>(1, [1, 3, 8, 8], &device);

        let tower = &encoder.visual;
        // The cosine where one weight of one step is moved, and all the weights of the steps.
        let run = |moved: Option<(usize, usize)>, by: f32| {
            let mut seen = Vec::new();
            let mut watch = |weights: Tensor<4>| {
                let shape = weights.dims();
                let mut values = weights.into_data().try_to_vec::<f32>().unwrap();
                seen.push((shape[2], values.clone()));
                if let Some((_, at)) = moved.filter(|(step, _)| step + 1 == seen.len()) {
                    values[at] += by;
                }
                Tensor::from_data(TensorData::new(values, shape), &device)
            };
            let tokens = tower.enter(tower.embed(pixels.clone()));
            let blocks = tower.transformer.resblocks.iter();
            let tokens = blocks.fold(tokens, |x, block| block.forward_through(x, &mut watch));
            let image = encoder.project(tower.pool_through(tokens, &mut watch));
            (similarity(image, text.clone()).into_scalar::<f32>(), seen)
        };
        let (cosine, seen) = run(None, 0.0);
        let slope = |step: usize, at: usize| {
            let moved = |by| run(Some((step, at)), by).0;
            (moved(0.02) - moved(-0.02)) / 0.04
        };
        let step = |(i, (queries, weights)): (usize, (usize, Vec<f32>))| {
            let slopes = (0..weights.len()).map(|at| slope(i, at)).collect();
            Step { queries, weights, slopes }
        };
        let steps: Vec<_> = seen.into_iter().enumerate().map(step).collect();
        let expected = by_loops(&steps);
        assert_eq!(expected.len(), 4);

        let device = device.autodiff();
        let record = encoder.train().no_grad();
        let put = |tensor: Tensor<2>| Tensor::from_data(tensor.into_data(), &device);
        let pixels = Tensor::from_data(pixels.into_data(), &device);
        let (found, patches) = relevance(&record, pixels, put(text));
        assert!((found - cosine).abs() < 1e-6, "{found} {cosine}");
        let largest = expected.iter().copied().fold(0.0, f32::max);
        assert!(largest > 0.0, "no patch speaks for the text");
        let scaled = |values: &[f32]| values.iter().map(|v| v / largest).collect::<Vec<_>>();
        assert_close("relevance", &scaled(&patches), &scaled(&expected), 0.01);
    }

    #[test]
    fn relevance_is_what_the_measured_slopes_give() {
        check(VisionPooling::ClassToken);
        check(VisionPooling::Attention);
    }

    /// Without blocks a patch's relevance is the slope of the cosine where its token grows.
    #[test]
    fn a_mean_is_explained_by_what_each_patch_adds() {
        let device = Device::flex();
        let encoder = tiny(VisionPooling::Mean, 0, &device);
        let (text, pixels) =
            (normalize(random(2, [1, 6], &device)), random(1, [1, 3, 8, 8], &device));
        let tower = &encoder.visual;
        let tokens = tower.enter(tower.embed(pixels.clone()));
        let cosine = |patch: usize, by: f32| {
            let grown = tokens.clone().slice(s![.., patch..patch + 1, ..]) * (1.0 + by);
            let tokens = tokens.clone().slice_assign(s![.., patch..patch + 1, ..], grown);
            similarity(encoder.project(tower.pool(tokens)), text.clone()).into_scalar::<f32>()
        };
        let slope = |patch| ((cosine(patch, 0.05) - cosine(patch, -0.05)) / 0.1).max(0.0);
        let expected: Vec<f32> = (0..4).map(slope).collect();
        let device = device.autodiff();
        let [text, pixels] = [text.clone().into_data(), pixels.into_data()];
        let record = encoder.clone().train().no_grad();
        let text = Tensor::from_data(text, &device);
        let (_, patches) = relevance(&record, Tensor::from_data(pixels, &device), text);
        let largest = expected.iter().copied().fold(0.0, f32::max);
        assert!(largest > 0.0, "no patch speaks for the text");
        let scaled = |values: &[f32]| values.iter().map(|v| v / largest).collect::<Vec<_>>();
        assert_close("relevance", &scaled(&patches), &scaled(&expected), 0.01);
    }
}
