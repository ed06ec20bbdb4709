//! The model of a run, its weights and its inputs: all from fixed seeds, so that every process has the same.

use std::f32::consts::TAU;

use anyhow::{Result, anyhow};
use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{FloatDType, Int, TensorData};
use clip_benches::Random;
use clip_checkpoint::{ModelConfig, presets};
use clip_model::{Device, ImageEncoder, Tensor, TextEncoder, float_tensor, int_tensor};

use crate::record::{Dtype, Tower};

/// What is run, and how much of it.
#[derive(Debug)]
pub(crate) struct Sizes {
    pub(crate) config: ModelConfig,
    /// Items that run at once, the largest first: it says most.
    pub(crate) batches: &'static [usize],
    /// Batches, of the largest size, whose vectors are compared.
    pub(crate) checked: usize,
    /// How long a pass is repeated, at the least.
    pub(crate) seconds: f64,
    /// Pictures with a text each in a step of training.
    pub(crate) training: usize,
    /// What is trained, where it is not the baseline.
    pub(crate) trained: Option<ModelConfig>,
}

impl Sizes {
    /// ViT-B/32, or something tiny.
    pub(crate) fn new(quick: bool) -> Self {
        let mut config = presets::find("ViT-B-32").expect("a preset").clone();
        if !quick {
            let (batches, checked) = (&[256, 32, 1], 4);
            return Self { config, batches, checked, seconds: 1.0, training: 256, trained: None };
        }
        config.embed_dim = 32;
        let (vision, text) = (&mut config.vision, &mut config.text);
        (vision.image_size, vision.width, vision.layers, vision.heads) = (64, 64, 2, 2);
        (text.vocab_size, text.context_length) = (1000, 16);
        (text.width, text.layers, text.heads) = (64, 2, 2);
        (vision.mlp_width, text.mlp_width) = (256, 256);
        let trained = Some(config.clone());
        Self { config, batches: &[8, 1], checked: 2, seconds: 0.1, training: 8, trained }
    }

    /// Items that are compared.
    pub(crate) fn items(&self) -> usize {
        self.checked * self.batches[0]
    }

    /// Items from `first` on, as the device takes them.
    pub(crate) fn input(
        &self,
        tower: Tower,
        first: usize,
        count: usize,
        dtype: Dtype,
        device: &Device,
    ) -> Input {
        match tower {
            Tower::Image => {
                let side = self.config.vision.image_size;
                let values = (first..first + count).flat_map(|number| picture(number, side));
                let shape = [count, 3, side, side];
                let pixels = float_tensor(values.collect(), shape, device);
                Input::Pixels(pixels.cast(float_dtype(dtype)))
            }
            Tower::Text => {
                let length = self.config.text.context_length;
                let vocabulary = self.config.text.vocab_size;
                let ids = (first..first + count).flat_map(|row| text(row, length, vocabulary));
                Input::Ids(int_tensor(&ids.collect::<Vec<_>>(), [count, length], device))
            }
        }
    }
}

/// A batch on a device.
#[derive(Debug, Clone)]
pub(crate) enum Input {
    Pixels(Tensor<4>),
    Ids(Tensor<2, Int>),
}

/// A tower with its head.
#[derive(Debug)]
pub(crate) enum Encoder {
    Image(Box<ImageEncoder>),
    Text(Box<TextEncoder>),
}

impl Encoder {
    /// Draws the weights.
    pub(crate) fn draw(sizes: &Sizes, tower: Tower, dtype: Dtype, device: &Device) -> Self {
        let mut drawing = Drawing { device, dtype, path: Vec::new() };
        match tower {
            Tower::Image => {
                let fresh = ImageEncoder::init(&sizes.config, device);
                Self::Image(Box::new(fresh.map(&mut drawing)))
            }
            Tower::Text => {
                let fresh = TextEncoder::init(&sizes.config, device);
                Self::Text(Box::new(fresh.map(&mut drawing)))
            }
        }
    }

    /// Unit vectors, read from the device.
    ///
    /// # Errors
    ///
    /// Where the device cannot be read.
    ///
    /// # Panics
    ///
    /// Where the input is that of the other tower.
    pub(crate) fn forward(&self, input: &Input) -> Result<Vec<f32>> {
        values(match (self, input) {
            (Self::Image(encoder), Input::Pixels(pixels)) => encoder.forward(pixels.clone()),
            (Self::Text(encoder), Input::Ids(ids)) => encoder.forward(ids.clone()),
            _ => panic!("the input of the other tower"),
        })
    }
}

/// What a device holds, as f32.
///
/// # Errors
///
/// Where the device cannot be read.
pub(crate) fn values(vectors: Tensor<2>) -> Result<Vec<f32>> {
    vectors.into_data().try_to_vec_as().map_err(|error| anyhow!("cannot read vectors: {error:?}"))
}

/// Burn's name.
pub(crate) fn float_dtype(dtype: Dtype) -> FloatDType {
    match dtype {
        Dtype::F32 => FloatDType::F32,
        Dtype::Bf16 => FloatDType::BF16,
        Dtype::F16 => FloatDType::F16,
    }
}

/// Fills each parameter with values that follow from its name.
struct Drawing<'a> {
    device: &'a Device,
    dtype: Dtype,
    path: Vec<String>,
}

impl ModuleMapper for Drawing<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.lazy_shape();
        let name = self.path.join(".");
        // FNV-1a.
        let seed = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut values = Random::new(seed).values(shape.iter().product());
        let (middle, spread) = range(&name, &shape);
        values.iter_mut().for_each(|value| *value = middle + spread * *value);
        let tensor: Tensor<D> = Tensor::from_data(TensorData::new(values, shape), self.device);
        Param::from_tensor(tensor.cast(float_dtype(self.dtype)))
    }
}

/// Gains near 1, biases near 0, and matrices that keep the size of what they multiply: uniform values of `±√3` have
/// variance 1.
fn range(name: &str, shape: &[usize]) -> (f32, f32) {
    let inner: usize = match shape {
        [inner, _] => *inner,
        // A convolution's outputs come first.
        [_, rest @ ..] => rest.iter().product(),
        [] => 1,
    };
    match shape.len() {
        1 if name.ends_with("gamma") => (1.0, 0.1),
        1 => (0.0, 0.1),
        _ => (0.0, (3.0 / inner as f32).sqrt()),
    }
}

/// Normalized pixels of a picture: a color, waves of its own across it, and grain.
fn picture(number: usize, side: usize) -> Vec<f32> {
    let mut random = Random::new(number as u64);
    let mut values = Vec::with_capacity(3 * side * side);
    for _ in 0..3 {
        let [color, strength, across, down, phase] = std::array::from_fn(|_| random.uniform());
        for row in 0..side {
            for column in 0..side {
                let along = across * column as f32 + down * row as f32;
                let wave = (TAU * (8.0 * along / side as f32 + phase)).sin();
                values.push(color + strength * wave + 0.2 * random.uniform());
            }
        }
    }
    values
}

/// Token ids of a text: a start, words, an end, and ends behind it.
fn text(number: usize, length: usize, vocabulary: usize) -> Vec<u32> {
    let mut random = Random::new(!(number as u64));
    let (start, end) = (vocabulary as u32 - 2, vocabulary as u32 - 1);
    let last = 2 + random.bits() as usize % (length - 2);
    let mut ids = vec![end; length];
    ids[0] = start;
    ids[1..last].fill_with(|| (random.bits() % u64::from(start)) as u32);
    ids
}

#[cfg(test)]
mod tests {
    use super::*;
    use clip_model::{Backend, DeviceName};

    #[test]
    fn a_run_has_a_thousand_images_and_the_batches_that_are_compared() {
        let sizes = Sizes::new(false);
        assert!(sizes.items() >= 1000);
        assert_eq!(sizes.batches, [256, 32, 1]);
        assert!(Sizes::new(true).config.validate().is_ok());
    }

    #[test]
    fn texts_have_an_end_and_ids_of_the_vocabulary() {
        for number in 0..100 {
            let ids = text(number, 16, 1000);
            assert_eq!((ids.len(), ids[0], ids[15]), (16, 998, 999));
            assert!(ids[1..].iter().all(|&id| id != 998 && id < 1000));
        }
    }

    #[test]
    fn every_process_draws_the_same_and_vectors_differ() {
        let sizes = Sizes::new(true);
        for backend in Backend::compiled() {
            let device = DeviceName::On(backend, 0).open().unwrap();
            for tower in [Tower::Image, Tower::Text] {
                let vectors = || {
                    let encoder = Encoder::draw(&sizes, tower, Dtype::F32, &device);
                    encoder.forward(&sizes.input(tower, 3, 2, Dtype::F32, &device)).unwrap()
                };
                let (once, again) = (vectors(), vectors());
                assert_eq!(once, again);
                let between = crate::cosine::neighbors(&once, sizes.config.embed_dim);
                assert!(between < 0.99, "{tower} look alike on {backend}: {between}");
            }
        }
    }
}
