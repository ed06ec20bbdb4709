//! The tower's own parts; its parity with the reference is tested in `clip-model`.
#![cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]

use burn::tensor::{Device, Int, Tensor, TensorData};
use clip_kernels::{Isa, MAX_CPU_ISA};
use clip_testkit::{Random, assert_close, rerun_tests};
use clip_vision::{
    Packer, Pixels, Pooling, Stem, VisionTransformer, VisionTransformerConfig, WeightDtype,
};

const SIDE: usize = 17;
const PATCH: usize = 5;
const WIDTH: usize = 12;

fn config() -> VisionTransformerConfig {
    VisionTransformerConfig::new(SIDE, PATCH, WIDTH, 2, 3, 20)
}

fn tower() -> VisionTransformer {
    config().init(&Device::default())
}

/// As SigLIP's.
fn gathering_tower() -> VisionTransformer {
    config().with_stem(Stem::Biased).with_pooling(Pooling::Attention).init(&Device::default())
}

fn pixels(batch: usize) -> Tensor<4> {
    let shape = [batch, 3, SIDE, SIDE];
    let values = Random::new(1).values(shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), &Device::default())
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

/// Values of pixels in a file, from dark to light, as the tower reads them.
fn levels(batch: usize, Pixels { mean, std }: &Pixels) -> Tensor<4> {
    let shape = [batch, 3, SIDE, SIDE];
    let values = Random::new(3).values(shape.iter().product());
    let values = values.into_iter().enumerate().map(|(i, value)| {
        let channel = i / (SIDE * SIDE) % 3;
        let level = (127.5 * (value + 1.0)).round();
        (level / 255.0 - mean[channel]) / std[channel]
    });
    Tensor::from_data(TensorData::new(values.collect(), shape), &Device::default())
}

/// The other tests again, with the kernels of each instruction set that this processor has.
#[test]
fn every_instruction_set_agrees() {
    rerun_tests("every_instruction_set", MAX_CPU_ISA, Isa::enabled().map(Isa::name));
}

/// Patches of a tower with packed weights, against those of the same tower as it was. In 8 bits what
/// comes from a file loses nothing but the last bits of the weight; other values are rounded.
#[test]
fn patches_by_packed_weights_agree() {
    let pixels_of = Pixels { mean: [0.48, 0.46, 0.41], std: [0.27, 0.26, 0.28] };
    for (tower, dtype, batch) in [
        (tower as fn() -> _, WeightDtype::F32, 1),
        (tower, WeightDtype::F16, 30),
        (tower, WeightDtype::Bf16, 1),
        (tower, WeightDtype::Bf16, 30),
        (tower, WeightDtype::Int8, 1),
        (tower, WeightDtype::Int8, 30),
        (gathering_tower, WeightDtype::Int8, 30),
    ] {
        let Some(packer) = Packer::on(&Device::default(), dtype) else { continue };
        let plain: VisionTransformer = tower();
        let packed = plain.clone().pack(&pixels_of, packer);
        let exact = levels(batch, &pixels_of);
        let bounds = match dtype {
            WeightDtype::F32 => [1e-5; 2],
            WeightDtype::F16 => [2e-3; 2],
            WeightDtype::Bf16 => [1.6e-2, 3e-2],
            WeightDtype::Int8 => [5e-4, 5e-2],
        };
        for (pixels, bound) in [exact.clone(), exact * 1.3 + 0.1].into_iter().zip(bounds) {
            let expected = values(plain.embed(pixels.clone()));
            let what = format!("{dtype:?}");
            assert_close(&what, &values(packed.embed(pixels)), &expected, bound);
        }
    }
}

/// The whole tower with packed weights is the tower.
#[test]
fn packed_towers_agree() {
    let pixels_of = Pixels { mean: [0.48, 0.46, 0.41], std: [0.27, 0.26, 0.28] };
    for tower in [tower(), gathering_tower()] {
        let Some(packer) = Packer::on(&Device::default(), WeightDtype::F32) else { continue };
        let expected = values(tower.forward(pixels(30)));
        let packed = tower.pack(&pixels_of, packer);
        assert_close("packed", &values(packed.forward(pixels(30))), &expected, 1e-5);
    }
}

/// Token 0 is the class token; token `1 + y * grid + x` is the product of patch `(y, x)` with the
/// kernel; the last two pixels of 17 belong to no patch of 5.
#[test]
fn tokens_are_products_of_patches() {
    check_tokens(&tower());
}

/// Without a class token the first is that of the first patch.
#[test]
fn tokens_of_patches_may_have_a_bias() {
    let mut tower = gathering_tower();
    let patches = tower.patch_embedding.as_mut().unwrap();
    let bias = patches.bias.take().unwrap();
    let drawn = Random::new(2).values(WIDTH);
    let bias = bias.map(|bias| Tensor::from_floats(drawn.as_slice(), &bias.device()));
    patches.bias = Some(bias);
    check_tokens(&tower);
}

fn check_tokens(tower: &VisionTransformer) {
    let (picture, grid) = (pixels(1), SIDE / PATCH);
    let patches = tower.patch_embedding.as_ref().unwrap();
    let kernel = values(patches.weight.val());
    let position = values(tower.positional_embedding.as_ref().unwrap().val());
    let bias = patches.bias.as_ref().map(|bias| values(bias.val()));
    let class = tower.class_embedding.as_ref().map(|class| values(class.val()));
    let class = class.unwrap_or_default();
    let mut expected: Vec<f32> = class.iter().zip(&position).map(|(c, p)| c + p).collect();
    let image = values(picture.clone());
    for token in 0..grid * grid {
        for w in 0..WIDTH {
            let mut sum = 0.0;
            for c in 0..3 {
                for (y, x) in (0..PATCH).flat_map(|y| (0..PATCH).map(move |x| (y, x))) {
                    let (row, column) = (token / grid * PATCH + y, token % grid * PATCH + x);
                    sum += image[(c * SIDE + row) * SIDE + column]
                        * kernel[((w * 3 + c) * PATCH + y) * PATCH + x];
                }
            }
            let bias = bias.as_ref().map_or(0.0, |bias| bias[w]);
            expected.push(sum + bias + position[class.len() + token * WIDTH + w]);
        }
    }
    assert_close("tokens", &values(tower.embed(picture)), &expected, 1e-5);
}

#[test]
fn pictures_of_a_batch_do_not_mix() {
    for tower in [tower(), gathering_tower()] {
        let batch = pixels(3);
        let together = values(tower.forward(batch.clone()));
        let alone = (0..3).map(|i| tower.forward(batch.clone().slice_dim(0, i..i + 1)));
        let alone: Vec<f32> = alone.flat_map(values).collect();
        assert_close("batch", &together, &alone, 1e-5);
    }
}

/// All patches by their numbers, in another order, are the same picture.
#[test]
fn patches_keep_their_positions() {
    for tower in [tower(), gathering_tower()] {
        let (picture, count) = (pixels(1), (SIDE / PATCH) * (SIDE / PATCH));
        let order: Vec<i32> = (0..count as i32).rev().collect();
        let kept = Tensor::<1, Int>::from_ints(order.as_slice(), &Device::default());
        let patches = tower.patches(picture.clone()).select(1, kept.clone());
        let shuffled = tower.forward_patches(patches, Some(kept.unsqueeze()));
        assert_close("order", &values(shuffled), &values(tower.forward(picture)), 1e-5);
    }
}

#[test]
#[should_panic(expected = "expected 9, got 16")]
fn pictures_of_another_size_are_refused() {
    tower().forward(Tensor::zeros([1, 3, SIDE + PATCH, SIDE + PATCH], &Device::default()));
}

#[test]
#[should_panic(expected = "does not fit a picture of 4")]
fn a_patch_must_fit_the_picture() {
    VisionTransformerConfig::new(4, 5, WIDTH, 1, 3, 20).init(&Device::default());
}
