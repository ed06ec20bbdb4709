//! The convolutional stem against PyTorch (`tests/scripts/conv_stem.py`), block by block.
#![cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]

use burn::module::Param;
use burn::nn::Linear;
use burn::nn::conv::Conv2d;
use burn::tensor::{Device, Tensor, TensorData, s};
use clip_kernels::{Isa, MAX_CPU_ISA};
use clip_testkit::{Random, TensorFile, assert_close, goldens_dir, rerun_tests};
use clip_vision::{
    ConvPadding, ConvStageConfig, ConvStem, ConvStemConfig, Packer, Pixels, Pooling, Stem,
    VisionTransformerConfig, WeightDtype,
};

fn golden() -> TensorFile {
    TensorFile::open(&goldens_dir().join("conv-stem.safetensors"))
}

fn config(padding: ConvPadding) -> ConvStemConfig {
    let stage = ConvStageConfig::new;
    let stages = vec![stage(1, 3, 1, 3, 1), stage(2, 5, 2, 5, 2), stage(2, 6, 3, 3, 2)];
    ConvStemConfig::new(4, stages).with_head_channels(Some(7)).with_padding(padding)
}

fn tensor<const D: usize>(name: &str, device: &Device) -> Tensor<D> {
    let golden = golden().f32(name);
    Tensor::from_data(TensorData::new(golden.values, golden.shape), device)
}

/// The stem with the golden's weights.
fn stem(padding: ConvPadding, device: &Device) -> ConvStem {
    let convolution = |layer: Conv2d, name: &str| Conv2d {
        weight: Param::from_tensor(tensor(&format!("{name}.weight"), device)),
        bias: Some(Param::from_tensor(tensor(&format!("{name}.bias"), device))),
        ..layer
    };
    let linear = |_: Linear, name: &str| Linear {
        weight: Param::from_tensor(tensor(&format!("{name}.weight"), device)),
        bias: Some(Param::from_tensor(tensor(&format!("{name}.bias"), device))),
    };
    let mut stem = config(padding).init(device);
    stem.conv = convolution(stem.conv, "conv");
    stem.head = stem.head.map(|head| linear(head, "head"));
    for (i, block) in stem.blocks.iter_mut().enumerate() {
        let path = |layer: &str| format!("blocks.{i}.{layer}");
        block.expand = block.expand.take().map(|layer| linear(layer, &path("expand")));
        block.depthwise = convolution(block.depthwise.clone(), &path("depthwise"));
        block.project = linear(block.project.clone(), &path("project"));
    }
    stem
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

const PADDINGS: [(&str, ConvPadding); 2] =
    [("same", ConvPadding::Same), ("symmetric", ConvPadding::Symmetric)];

#[test]
fn every_stage_is_the_references() {
    let device = Device::default();
    for (name, padding) in PADDINGS {
        let stem = stem(padding, &device);
        let check = |stage: &str, map: &Tensor<4>| {
            let (what, expected) =
                (format!("{name}.{stage}"), golden().f32(&format!("{name}.{stage}")));
            assert_eq!(map.dims().to_vec(), expected.shape, "{what}");
            // Sums of maps grow: the bound is relative to the largest value, as of other goldens.
            let largest = expected.values.iter().fold(1f32, |largest, x| largest.max(x.abs()));
            assert_close(&what, &values(map.clone()), &expected.values, 1e-5 * largest);
        };
        let mut map = stem.enter(tensor("pixels", &device));
        check("conv", &map);
        for (i, block) in stem.blocks.iter().enumerate() {
            map = block.forward(map);
            check(&format!("blocks.{i}"), &map);
        }
        let map = stem.leave(map);
        check("head", &map);
        let whole = stem.forward(tensor("pixels", &device));
        assert_eq!(values(whole), values(map));
    }
}

/// How far values are off, relative to their norm.
fn deviation(found: &[f32], expected: &[f32]) -> f32 {
    let norm = |values: &mut dyn Iterator<Item = f32>| values.map(|x| x * x).sum::<f32>().sqrt();
    norm(&mut found.iter().zip(expected).map(|(a, b)| a - b)) / norm(&mut expected.iter().copied())
}

/// The packed stem is the stem, for batches that are shared out among cores and for single images. In
/// fewer bits every layer rounds, and what it loses adds up over five blocks.
#[test]
#[cfg_attr(
    not(feature = "flex"),
    expect(unused_variables, unreachable_code, reason = "nothing is packed in such a build")
)]
fn packed_stems_agree() {
    let device = Device::default();
    for (_, padding) in PADDINGS {
        for (dtype, bound) in [
            (WeightDtype::F32, 1e-5),
            (WeightDtype::F16, 2e-3),
            (WeightDtype::Bf16, 2e-2),
            (WeightDtype::Int8, 3e-2),
        ] {
            let Some(packer) = Packer::on(&device, dtype) else { continue };
            let packed = stem(padding, &device).pack(packer);
            let pixels = tensor::<4>("pixels", &device);
            let scaled = |i| pixels.clone() * (1.0 - 0.1 * i as f32);
            let many = Tensor::cat((0..9).map(scaled).collect(), 0);
            for pixels in [pixels.clone().slice(s![0..1]), pixels, many] {
                let expected = values(stem(padding, &device).forward(pixels.clone()));
                let found = values(packed.forward(pixels).permute([0, 3, 1, 2]));
                let off = deviation(&found, &expected);
                assert!(off < bound, "{dtype:?}, {padding:?}: off by {off}");
            }
        }
    }
}

/// A tower with packed weights above a stem, with and without blocks, with patches of one position and of
/// four; positions embedded, and as they are.
#[test]
fn packed_towers_agree() {
    let device = Device::default();
    let Some(packer) = Packer::on(&device, WeightDtype::F32) else { return };
    let pixels_of = Pixels { mean: [127.0 / 255.0; 3], std: [128.0 / 255.0; 3] };
    for (layers, patch, pooling, stem) in [
        (0, 8, Pooling::Mean, Stem::Biased),
        (0, 16, Pooling::Mean, Stem::Biased),
        (0, 8, Pooling::Attention, Stem::Biased),
        (1, 8, Pooling::Mean, Stem::Biased),
        (2, 8, Pooling::ClassToken, Stem::Biased),
        (1, 16, Pooling::Attention, Stem::Biased),
        (0, 8, Pooling::Mean, Stem::Identity),
        (1, 8, Pooling::ClassToken, Stem::Identity),
    ] {
        let (width, heads) = if stem == Stem::Identity { (7, 1) } else { (12, 3) };
        let pixels = Random::new(3).values(5 * 3 * 37 * 37);
        let pixels = Tensor::<4>::from_data(TensorData::new(pixels, [5, 3, 37, 37]), &device);
        let tower = VisionTransformerConfig::new(37, patch, width, layers, heads, 20)
            .with_conv_stem(Some(config(ConvPadding::Same)))
            .with_stem(stem)
            .with_pooling(pooling)
            .init(&device);
        let expected = values(tower.forward(pixels.clone()));
        let largest = expected.iter().fold(1f32, |largest, x| largest.max(x.abs()));
        let found = values(tower.pack(&pixels_of, packer).forward(pixels));
        assert_close(
            &format!("{layers} {patch} {pooling:?} {stem:?}"),
            &found,
            &expected,
            1e-5 * largest,
        );
    }
}

/// The other tests again, with the kernels of each instruction set that this processor has.
#[test]
fn every_instruction_set_agrees() {
    rerun_tests("every_instruction_set", MAX_CPU_ISA, Isa::enabled().map(Isa::name));
}

/// Tokens are the positions of the map, row by row; the mean of a tower without blocks is the linear
/// layer of the map's mean.
#[test]
fn positions_of_the_map_become_tokens() {
    let device = Device::default();
    let pixels = tensor::<4>("pixels", &device).slice([0..2, 0..3, 0..18, 0..18]);
    let tower = VisionTransformerConfig::new(18, 8, 7, 0, 1, 1)
        .with_conv_stem(Some(config(ConvPadding::Same)))
        .with_stem(Stem::Biased)
        .with_pooling(Pooling::Mean)
        .init(&device);
    let map = tower.conv_stem.as_ref().unwrap().forward(pixels.clone());
    assert_eq!(map.dims(), [2, 7, 3, 3]);
    let patches = tower.patches(pixels.clone());
    assert_eq!(values(patches), values(map.clone().reshape([2, 7, 9]).swap_dims(1, 2)));
    assert!(tower.positional_embedding.is_none() && tower.ln_post.is_none());
    let mean = map.mean_dim(2).mean_dim(3);
    let expected = tower.patch_embedding.as_ref().unwrap().forward(mean);
    assert_close("mean", &values(tower.forward(pixels)), &values(expected), 1e-5);
}

#[test]
#[should_panic(expected = "patches of 12 pixels, 8 apart")]
fn patches_are_whole_positions() {
    VisionTransformerConfig::new(24, 12, 7, 1, 1, 1)
        .with_conv_stem(Some(config(ConvPadding::Same)))
        .init(&Device::default());
}
