//! The parts against plain loops, on the default device of the build.
#![cfg(any(feature = "flex", feature = "ndarray", feature = "wgpu"))]

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, Tensor, TensorData};
use clip_nn::{
    Activation, AttentionMask, MlpConfig, MultiHeadAttention, MultiHeadAttentionConfig,
    ResidualAttentionBlockConfig, TransformerConfig,
};
use clip_testkit::{Random, assert_close};

const WIDTH: usize = 24;
const LENGTH: usize = 7;

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn random<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
    let values = Random::new(seed).values(shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The same parameters in every run, up to a size: what is drawn from the backend depends on what else
/// draws.
struct Fill(u64, f32);

/// So large that attention is far from even.
const WIDE: f32 = 0.7;

impl ModuleMapper for Fill {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.0 += 1;
        param.map(|old| random(self.0, old.dims(), &old.device()) * self.1)
    }
}

/// Values of `torch.nn.functional.gelu` and of `x * sigmoid(1.702 x)` in PyTorch.
#[test]
fn activations_have_the_values_of_the_reference() {
    let x = [-3.0, -1.0, -0.1, 0.0, 0.5, 1.0, 4.0];
    let check = |activation: Activation, expected: [f32; 7]| {
        let device = Device::default();
        let y = activation.forward(Tensor::<1>::from_floats(x, &device));
        assert_close(&format!("{activation:?}"), &values(y), &expected, 1e-6);
    };
    check(
        Activation::Gelu,
        [
            -0.004_049_694,
            -0.158_655_26,
            -0.046_017_215,
            0.0,
            0.345_731_23,
            0.841_344_8,
            3.999_873_4,
        ],
    );
    check(
        Activation::GeluTanh,
        [-0.003_637_433, -0.158_808, -0.046_017_25, 0.0, 0.345_714, 0.841_192, 3.999_93],
    );
    check(
        Activation::QuickGelu,
        [-0.018_071_9, -0.154_204_24, -0.045_755_4, 0.0, 0.350_388_5, 0.845_795_75, 3.995_585_2],
    );
}

/// Scaled dot products, softmax and mixing in `f64`, written out.
fn attention_by_loops(
    attn: &MultiHeadAttention,
    x: &[f32],
    heads: usize,
    causal: bool,
) -> Vec<f32> {
    let linear = |x: &[f64], weight: Vec<f32>, bias: Vec<f32>| -> Vec<f64> {
        let (inputs, outputs) = (weight.len() / bias.len(), bias.len());
        x.chunks(inputs)
            .flat_map(|row| {
                (0..outputs).map(|o| {
                    let products = row.iter().enumerate();
                    let sum: f64 =
                        products.map(|(i, x)| x * f64::from(weight[i * outputs + o])).sum();
                    sum + f64::from(bias[o])
                })
            })
            .collect()
    };
    let params = |layer: &burn::nn::Linear| {
        (values(layer.weight.val()), values(layer.bias.as_ref().unwrap().val()))
    };
    let x: Vec<f64> = x.iter().map(|x| f64::from(*x)).collect();
    let (weight, bias) = params(&attn.in_proj);
    let qkv = linear(&x, weight, bias);
    let head_width = WIDTH / heads;
    let at = |row: usize, part: usize, head: usize, i: usize| {
        qkv[row * 3 * WIDTH + part * WIDTH + head * head_width + i]
    };
    let mut mixed = vec![0.0; LENGTH * WIDTH];
    for head in 0..heads {
        for row in 0..LENGTH {
            let last = if causal { row } else { LENGTH - 1 };
            let scores: Vec<f64> = (0..=last)
                .map(|other| {
                    let products =
                        (0..head_width).map(|i| at(row, 0, head, i) * at(other, 1, head, i));
                    (products.sum::<f64>() / (head_width as f64).sqrt()).exp()
                })
                .collect();
            let sum: f64 = scores.iter().sum();
            for i in 0..head_width {
                mixed[row * WIDTH + head * head_width + i] =
                    scores.iter().enumerate().map(|(o, s)| s / sum * at(o, 2, head, i)).sum();
            }
        }
    }
    let (weight, bias) = params(&attn.out_proj);
    linear(&mixed, weight, bias).into_iter().map(|y| y as f32).collect()
}

#[test]
fn attention_equals_the_formula() {
    for (heads, mask) in
        [(1, AttentionMask::Full), (3, AttentionMask::Full), (4, AttentionMask::Causal)]
    {
        let device = Device::default();
        let attn = MultiHeadAttentionConfig::new(WIDTH, heads).with_mask(mask).init(&device);
        let attn = attn.map(&mut Fill(20, WIDE));
        let x = random(7, [1, LENGTH, WIDTH], &device);
        let expected =
            attention_by_loops(&attn, &values(x.clone()), heads, mask == AttentionMask::Causal);
        let what = format!("{heads} heads, {mask:?}");
        assert_close(&what, &values(attn.forward(x)), &expected, 1e-5);
    }
}

/// What the attention weights pass through sees probabilities, and leaves the answer as it was.
#[test]
fn attention_in_steps_equals_attention_in_one() {
    let device = Device::default();
    for mask in [AttentionMask::Full, AttentionMask::Causal] {
        let heads = MultiHeadAttentionConfig::new(WIDTH, 3).with_mask(mask);
        let block = ResidualAttentionBlockConfig::new(heads, MlpConfig::new(WIDTH, 40));
        let block = block.init(&device).map(&mut Fill(30, WIDE));
        let x = random(9, [2, LENGTH, WIDTH], &device);
        let mut seen = Vec::new();
        let stepped = block.forward_through(x.clone(), |weights| {
            assert_eq!(weights.dims(), [2, 3, LENGTH, LENGTH]);
            seen = values(weights.clone());
            weights
        });
        assert_close(&format!("{mask:?}"), &values(stepped), &values(block.forward(x)), 1e-5);
        for (i, row) in seen.chunks_exact(LENGTH).enumerate() {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{mask:?}: {row:?}");
            let last = if mask == AttentionMask::Causal { i % LENGTH } else { LENGTH };
            assert!(row.iter().skip(last + 1).all(|weight| *weight == 0.0), "{mask:?}: {row:?}");
        }
    }
}

/// Queries that are the tokens themselves gather what attention without a mask mixes.
#[test]
fn gathering_is_attention_with_other_queries() {
    let device = Device::default();
    let attn = MultiHeadAttentionConfig::new(WIDTH, 3).init(&device).map(&mut Fill(40, WIDE));
    let tokens = random::<2>(11, [LENGTH, WIDTH], &device);
    let other = random::<2>(12, [LENGTH, WIDTH], &device);
    let batch = Tensor::stack::<3>(vec![tokens.clone(), other], 0);
    let gathered = attn.gather(tokens.clone(), batch.clone());
    assert_eq!(gathered.dims(), [2, LENGTH, WIDTH]);
    let expected = attn.forward(tokens.clone().unsqueeze());
    let first = gathered.clone().narrow(0, 0, 1);
    assert_close("gather", &values(first), &values(expected), 1e-5);

    let query = tokens.narrow(0, 3, 1);
    let one = values(attn.gather(query.clone(), batch.clone()));
    let expected = values(gathered.slice([0..2, 3..4]));
    assert_close("one query", &one, &expected, 1e-5);
    let stepped = attn.gather_through(query, batch, |weights| {
        assert_eq!(weights.dims(), [2, 3, 1, LENGTH]);
        weights
    });
    assert_close("in steps", &values(stepped), &one, 1e-5);
}

#[test]
fn a_block_adds_what_its_halves_compute() {
    let device = Device::default();
    let block = ResidualAttentionBlockConfig::new(
        MultiHeadAttentionConfig::new(WIDTH, 3),
        MlpConfig::new(WIDTH, 40),
    )
    .init(&device)
    .map(&mut Fill(50, 0.2));
    let x = random(3, [2, LENGTH, WIDTH], &device);
    let middle = x.clone() + block.attn.forward(block.ln_1.forward(x.clone()));
    let expected = middle.clone() + block.mlp.forward(block.ln_2.forward(middle));
    assert_close("block", &values(block.forward(x)), &values(expected), 1e-6);
}

/// What comes later in a text must not change what came before, layer over layer.
#[test]
fn causal_blocks_do_not_look_ahead() {
    let device = Device::default();
    let transformer =
        TransformerConfig::new(WIDTH, 3, 4, 48).with_mask(AttentionMask::Causal).init(&device);
    let x = random(5, [1, LENGTH, WIDTH], &device);
    let cut = x.clone().slice([0..1, 0..4]);
    let whole = transformer.forward(x).slice([0..1, 0..4]);
    assert_close("prefix", &values(transformer.forward(cut)), &values(whole), 1e-6);
}

#[test]
fn full_blocks_do_look_ahead() {
    let device = Device::default();
    let transformer = TransformerConfig::new(WIDTH, 1, 4, 48).init(&device);
    let x = random(5, [1, LENGTH, WIDTH], &device);
    let cut = x.clone().slice([0..1, 0..4]);
    let whole = transformer.forward(x).slice([0..1, 0..4]);
    let (difference, _) =
        clip_testkit::max_difference(&values(transformer.forward(cut)), &values(whole));
    assert!(difference > 1e-3, "{difference}");
}

#[test]
#[should_panic(expected = "5 heads do not divide a width of 24")]
fn heads_must_divide_the_width() {
    MultiHeadAttentionConfig::new(WIDTH, 5).init(&Device::default());
}
