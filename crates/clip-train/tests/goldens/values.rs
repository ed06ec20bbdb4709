//! The golden files, and the model that they speak of.

use burn::tensor::{Bool, Tensor, TensorData};
use clip_checkpoint::ModelConfig;
use clip_model::{Backend, Clip, Device, int_tensor};
use clip_testkit::goldens_dir;
use clip_train::parameters::{self, canonical};
use clip_train::{ImageInputs, Inputs, Learner, LossKind};
use safetensors::{Dtype, SafeTensors};

/// One file of `goldens/training`.
pub(crate) struct Values(Vec<u8>);

impl Values {
    pub(crate) fn open(name: &str) -> Self {
        Self(std::fs::read(goldens_dir().join("training").join(name)).unwrap())
    }

    pub(crate) fn names(&self) -> Vec<String> {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        file.names().into_iter().map(str::to_owned).collect()
    }

    /// Shape and values, whatever the number format.
    pub(crate) fn get(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let file = SafeTensors::deserialize(&self.0).unwrap();
        let view = file.tensor(name).unwrap_or_else(|error| panic!("{name}: {error}"));
        let bytes = view.data();
        let values = match view.dtype() {
            Dtype::F32 => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            Dtype::I32 => {
                bytes.as_chunks().0.iter().map(|b| i32::from_le_bytes(*b) as f32).collect()
            }
            Dtype::U8 => bytes.iter().map(|b| f32::from(*b)).collect(),
            other => panic!("{name} is {other:?}"),
        };
        (view.shape().to_vec(), values)
    }

    pub(crate) fn number(&self, name: &str) -> f32 {
        self.get(name).1[0]
    }

    fn tensor<const D: usize>(&self, name: &str, device: &Device) -> Tensor<D> {
        let (shape, values) = self.get(name);
        Tensor::from_data(TensorData::new(values, shape), device)
    }
}

pub(crate) fn devices() -> impl Iterator<Item = (Backend, Device)> {
    let cpus = [Backend::Flex, Backend::NdArray].into_iter();
    cpus.flat_map(|backend| backend.devices().into_iter().map(move |d| (backend, d.autodiff())))
}

/// The golden model, with the bias that the golden starts from.
pub(crate) fn learner(loss: LossKind, device: &Device) -> Learner {
    let json = std::fs::read(goldens_dir().join("training/config.json")).unwrap();
    let config: ModelConfig = serde_json::from_slice(&json).unwrap();
    let clip = Clip::init(&config, device);
    let fresh = Learner::new(clip, loss, true, device);
    let weights = Values::open("model.safetensors");
    let bias = match loss {
        LossKind::InfoNce => None,
        LossKind::Sigmoid => {
            Some(Values::open("run-sigmoid.safetensors").number("start.logit_bias"))
        }
    };
    parameters::update(
        fresh,
        |_| true,
        |about, old| {
            let values = match (canonical(about.name), bias) {
                ("logit_bias", Some(bias)) => vec![bias],
                (name, _) => weights.get(name).1,
            };
            Tensor::from_data(TensorData::new(values, old.shape()), &old.device())
        },
    )
}

/// The one batch of the gradients.
pub(crate) fn batch(learner: &Learner, device: &Device) -> Inputs {
    let file = Values::open("batch.safetensors");
    let pixels: Tensor<4> = file.tensor("pixels", device);
    let (shape, ids) = file.get("ids");
    inputs(learner, pixels, &ids, shape[1], &file.get("groups").1, device)
}

pub(crate) fn inputs(
    learner: &Learner,
    pixels: Tensor<4>,
    ids: &[f32],
    length: usize,
    groups: &[f32],
    device: &Device,
) -> Inputs {
    let ints = |values: &[f32]| values.iter().map(|v| *v as u32).collect::<Vec<_>>();
    Inputs {
        images: ImageInputs::Patches {
            patches: learner.clip.image.visual.patches(pixels),
            kept: None,
        },
        texts: int_tensor(&ints(ids), [ids.len() / length, length], device),
        matches: matches(&ints(groups), device),
        translations: None,
    }
}

/// Rows of one group match.
pub(crate) fn matches(groups: &[u32], device: &Device) -> Tensor<2, Bool> {
    let same: Vec<bool> = groups.iter().flat_map(|a| groups.iter().map(move |b| a == b)).collect();
    Tensor::from_data(TensorData::new(same, [groups.len(), groups.len()]), device)
}

/// `|a − b| / |b|`: some gradients hold values that are zero but for rounding.
pub(crate) fn distance(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len());
    let square = |x: f64| x * x;
    let off: f64 = a.iter().zip(b).map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
    let norm: f64 = b.iter().map(|b| square(f64::from(*b))).sum();
    (off / norm).sqrt()
}
