//! A second witness: a golden that PyTorch exported to ONNX, made a module of Burn by burn-onnx.
//!
//! `tests/scripts/onnx_export.py` and `cargo xtask import-onnx` wrote it. It runs on the operations of
//! Burn that our towers run on, and on none of our code. So where a golden fails on a backend, the
//! witness says which of the two is off.

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{DType, Int, TensorData};
use clip_model::{Backend, Clip, Device, Tensor};
use clip_testkit::{Golden, assert_close, goldens_dir, max_difference};
use safetensors::{Dtype, SafeTensors};

use crate::common::{check_on_every_backend, convert, pixels, token_ids, values};
use crate::golden::tolerance;

/// The golden that was exported.
const GOLDEN: &str = "context-77";

#[expect(clippy::allow_attributes, unreachable_pub, reason = "generated")]
mod image {
    include!("../../../clip-testkit/goldens/onnx/image.rs");
}

#[expect(clippy::allow_attributes, clippy::identity_op, unreachable_pub, reason = "generated")]
mod text {
    include!("../../../clip-testkit/goldens/onnx/text.rs");
}

/// Constants of a generated module, by path.
type Weights = BTreeMap<String, TensorData>;

fn weights(half: &str) -> Weights {
    let path = goldens_dir().join("onnx").join(format!("{half}.safetensors"));
    let bytes = std::fs::read(&path).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let data = file.iter().map(|(name, view)| {
        let dtype = match view.dtype() {
            Dtype::F32 => DType::F32,
            Dtype::I64 => DType::I64,
            other => panic!("{}: {name} is {other:?}", path.display()),
        };
        let data = TensorData::from_bytes_vec(view.data().to_vec(), view.shape().to_vec(), dtype);
        (name.to_owned(), data)
    });
    data.collect()
}

/// Takes each parameter's tensor out of the weights.
struct Filler {
    weights: Weights,
    path: Vec<String>,
}

impl Filler {
    fn take(&mut self, shape: &[usize]) -> TensorData {
        let name = self.path.join(".");
        let data = self.weights.remove(&name).unwrap_or_else(|| panic!("no tensor {name}"));
        assert_eq!(&data.shape()[..], shape, "{name}");
        data
    }
}

impl ModuleMapper for Filler {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let data = self.take(&param.lazy_shape());
        let tensor = Tensor::from_data(data, (&param.lazy_device(), DType::F32));
        let id = param.id;
        param.transform_for_load(tensor, id)
    }

    fn map_int<const D: usize>(&mut self, param: Param<Tensor<D, Int>>) -> Param<Tensor<D, Int>> {
        let data = self.take(&param.lazy_shape());
        let tensor = Tensor::from_data(data, (&param.lazy_device(), DType::I64));
        let id = param.id;
        param.transform_for_load(tensor, id)
    }
}

fn fill<M: Module>(module: M, weights: Weights) -> M {
    let mut filler = Filler { weights, path: Vec::new() };
    let module = module.map(&mut filler);
    assert!(filler.weights.is_empty(), "left over: {:?}", filler.weights.keys());
    module
}

fn image_embeds(golden: &Golden, weights: Weights, device: &Device) -> Vec<f32> {
    let module = fill(image::Model::new(device), weights);
    values(module.forward(pixels(golden, device)))
}

fn text_embeds(golden: &Golden, weights: Weights, device: &Device) -> Vec<f32> {
    let module = fill(text::Model::new(device), weights);
    values(module.forward(token_ids(&golden.ids("input_ids"), device)))
}

/// ONNX's `ArgMax` has 64 bits, in the code that was made from it too.
#[expect(clippy::print_stderr, reason = "a check that is skipped says so")]
fn runs_text(backend: Backend, device: &Device) -> bool {
    let runs = device.supports_dtype(DType::I64);
    if !runs {
        eprintln!("skipped: the text half on {backend}, which has no integers of 64 bits");
    }
    runs
}

#[test]
#[expect(clippy::print_stderr, reason = "the differences are to be reported")]
fn the_towers_are_the_witness() {
    let golden = Golden::open(GOLDEN);
    let (_folder, checkpoint) = convert(golden.checkpoint_dir());
    check_on_every_backend(|backend, device| {
        let agree = |name: &str, ours: &[f32], witness: &[f32]| {
            let (what, allowed) = (format!("{GOLDEN} on {backend}: {name}"), tolerance(backend));
            let expected = golden.f32(name).values;
            let from = assert_close(&format!("{what}: witness"), witness, &expected, allowed);
            let apart = assert_close(&format!("{what}: ours"), ours, witness, allowed);
            eprintln!("{what}: {apart:.1e} from the witness, which is {from:.1e} from the golden");
        };
        let clip = Clip::load(&checkpoint, device).unwrap();
        let ours = values(clip.image.forward(pixels(&golden, device)));
        agree("image_embeds", &ours, &image_embeds(&golden, weights("image"), device));
        if runs_text(backend, device) {
            let ours = values(clip.text.forward(token_ids(&golden.ids("input_ids"), device)));
            agree("text_embeds", &ours, &text_embeds(&golden, weights("text"), device));
        }
    });
}

/// The witness computes with its weights: one value of one of them moves what it says.
#[test]
fn a_changed_weight_shows() {
    let golden = Golden::open(GOLDEN);
    let changed = |half: &str| {
        let mut weights = weights(half);
        let weight = weights.get_mut("linear1.weight").unwrap();
        weight.as_mut_slice::<f32>().unwrap()[0] += 0.1;
        weights
    };
    check_on_every_backend(|backend, device| {
        let moved = |name: &str, embeds: &[f32]| {
            let (difference, _) = max_difference(embeds, &golden.f32(name).values);
            assert!(difference > tolerance(backend), "{name} on {backend}: {difference:e}");
        };
        moved("image_embeds", &image_embeds(&golden, changed("image"), device));
        if runs_text(backend, device) {
            moved("text_embeds", &text_embeds(&golden, changed("text"), device));
        }
    });
}
