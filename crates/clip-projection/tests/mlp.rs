//! The projection with an MLP against PyTorch (`tests/scripts/projection.py`).
#![cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use clip_kernels::{Isa, MAX_CPU_ISA};
use clip_projection::{
    Activation, Packer, Projection, ProjectionConfig, ProjectionMlpConfig, WeightDtype,
};
use clip_testkit::{Random, TensorFile, assert_close, goldens_dir, rerun_tests};

const ACTIVATIONS: [(&str, Activation); 2] =
    [("gelu", Activation::Gelu), ("gelu-tanh", Activation::GeluTanh)];

fn golden() -> TensorFile {
    TensorFile::open(&goldens_dir().join("projection.safetensors"))
}

fn tensor<const D: usize>(name: &str, device: &Device) -> Tensor<D> {
    let golden = golden().f32(name);
    Tensor::from_data(TensorData::new(golden.values, golden.shape), device)
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// The head with the golden's weights.
fn head(activation: Activation, device: &Device) -> Projection {
    let [width, embed_dim] = tensor::<2>("weight", device).dims();
    let [_, hidden] = tensor::<2>("mlp.c_fc.weight", device).dims();
    let mlp =
        ProjectionMlpConfig::new(hidden).with_activation(activation).with_layer_norm_eps(1e-3);
    let mut head = ProjectionConfig::new(width, embed_dim).with_mlp(Some(mlp)).init(device);
    let (ln, mlp) = (head.ln.as_mut().unwrap(), head.mlp.as_mut().unwrap());
    ln.gamma = parameter("ln.gamma", device);
    ln.beta = Some(parameter("ln.beta", device));
    head.weight = parameter("weight", device);
    mlp.c_fc = Linear {
        weight: parameter("mlp.c_fc.weight", device),
        bias: Some(parameter("mlp.c_fc.bias", device)),
    };
    mlp.c_proj = Linear { weight: parameter("mlp.c_proj.weight", device), bias: None };
    head
}

fn parameter<const D: usize>(name: &str, device: &Device) -> Param<Tensor<D>> {
    Param::from_tensor(tensor(name, device))
}

#[test]
fn outputs_are_the_references() {
    let device = Device::default();
    for (name, activation) in ACTIVATIONS {
        let found = head(activation, &device).forward(tensor("features", &device));
        assert_close(name, &values(found), &golden().f32(name).values, 1e-5);
    }
}

#[cfg(feature = "autodiff")]
#[test]
fn gradients_are_the_references() {
    let device = Device::default().autodiff();
    for (name, activation) in ACTIVATIONS {
        let head = head(activation, &device);
        let features = tensor::<2>("features", &device).require_grad();
        let loss = (head.forward(features.clone()) * tensor("upstream", &device)).sum();
        let gradients = loss.backward();
        let check = |of: &str, found: Vec<f32>| {
            let what = format!("{name}.{of}");
            assert_close(&what, &found, &golden().f32(&what).values, 2e-5);
        };
        let matrix = |of: &Param<Tensor<2>>| values(of.val().grad(&gradients).unwrap());
        let row = |of: &Param<Tensor<1>>| values(of.val().grad(&gradients).unwrap());
        let (ln, mlp) = (head.ln.as_ref().unwrap(), head.mlp.as_ref().unwrap());
        check("features", values(features.grad(&gradients).unwrap()));
        check("ln.gamma", row(&ln.gamma));
        check("ln.beta", row(ln.beta.as_ref().unwrap()));
        check("weight", matrix(&head.weight));
        check("mlp.c_fc.weight", matrix(&mlp.c_fc.weight));
        check("mlp.c_fc.bias", row(mlp.c_fc.bias.as_ref().unwrap()));
        check("mlp.c_proj.weight", matrix(&mlp.c_proj.weight));
    }
}

/// A packed head is the head, in batches and alone, as wide as one that is used.
#[test]
fn packed_heads_agree() {
    let device = Device::default();
    for (dtype, bound) in [
        (WeightDtype::F32, 1e-5),
        (WeightDtype::F16, 1e-3),
        (WeightDtype::Bf16, 1e-2),
        (WeightDtype::Int8, 1e-2),
    ] {
        let Some(packer) = Packer::on(&device, dtype) else { continue };
        let config = ProjectionConfig::new(320, 96);
        for config in [config.clone().with_mlp(Some(ProjectionMlpConfig::new(250))), config] {
            let head = with_fixed_weights(config.init(&device), &device);
            let packed = head.clone().pack(packer);
            for rows in [1, 7, 40] {
                let features = Random::new(rows as u64).values(rows * 320);
                let features =
                    Tensor::<2>::from_data(TensorData::new(features, [rows, 320]), &device);
                let expected = values(head.forward(features.clone()));
                let found = values(packed.forward(features));
                let off = deviation(&found, &expected);
                assert!(off < bound, "{dtype:?}, {rows} rows: off by {off}");
            }
        }
    }
}

/// Weights that are the same in every run: of a few of those that a device draws, 8 bits cost more than
/// the bound allows.
fn with_fixed_weights(mut head: Projection, device: &Device) -> Projection {
    let mut random = Random::new(5);
    let mut matrix = |of: &Param<Tensor<2>>| {
        let [inputs, outputs] = of.lazy_shape().dims();
        let scale = (inputs as f32).powf(-0.5);
        let values = random.values(inputs * outputs).into_iter().map(|value| value * scale);
        let data = TensorData::new(values.collect::<Vec<_>>(), [inputs, outputs]);
        Param::from_tensor(Tensor::from_data(data, device))
    };
    head.weight = matrix(&head.weight);
    if let Some(mlp) = &mut head.mlp {
        mlp.c_fc.weight = matrix(&mlp.c_fc.weight);
        mlp.c_fc.bias = mlp.c_fc.bias.take().map(|of| Param::from_tensor(of.val().zeros_like()));
        mlp.c_proj.weight = matrix(&mlp.c_proj.weight);
    }
    head
}

/// How far values are off, relative to their norm.
fn deviation(found: &[f32], expected: &[f32]) -> f32 {
    let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|x| x * x).sum::<f32>().sqrt();
    norm(&mut found.iter().zip(expected).map(|(a, b)| a - b)) / norm(&mut expected.iter().copied())
}

/// The other tests again, with the kernels of each instruction set that this processor has.
#[test]
fn every_instruction_set_agrees() {
    rerun_tests("every_instruction_set", MAX_CPU_ISA, Isa::enabled().map(Isa::name));
}
