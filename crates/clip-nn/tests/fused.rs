//! Branches in one piece (Flex) against the same blocks composed of Burn's operations (NdArray):
//! outputs and every gradient.
#![cfg(all(feature = "flex", feature = "ndarray", feature = "autodiff"))]

use std::collections::BTreeMap;

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamGroup};
use burn::tensor::{Device, Gradients, Tensor, TensorData, bf16, f16};
use clip_kernels::gemm::select;
use clip_kernels::{Isa, MAX_CPU_ISA};
use clip_nn::{
    Activation, AttentionMask, PackedTransformer, Packer, Precision, Transformer,
    TransformerConfig, WeightDtype,
};
use clip_testkit::{Random, assert_close, rerun_tests, say};

#[derive(Debug, Clone, Copy)]
struct Case {
    batch: usize,
    length: usize,
    width: usize,
    heads: usize,
    mlp_width: usize,
    activation: Activation,
    mask: AttentionMask,
}

/// One that takes several passes with a rest, and sizes that no register divides.
const CASE: Case = Case {
    batch: 37,
    length: 17,
    width: 40,
    heads: 4,
    mlp_width: 52,
    activation: Activation::QuickGelu,
    mask: AttentionMask::Full,
};

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

fn random<const D: usize>(seed: u64, shape: [usize; D], device: &Device) -> Tensor<D> {
    let values = Random::new(seed).values(shape.iter().product());
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// The same random parameters on every device: norms near 1, the rest small.
struct Fill(u64);

impl ModuleMapper for Fill {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        self.0 += 1;
        param.map(|old| {
            let shape: [usize; D] = old.dims();
            let fresh = random(self.0, shape, &old.device()) * 0.2;
            let fresh = if D == 1 && self.0 % 12 == 1 { fresh + 1.0 } else { fresh };
            fresh.detach().require_grad()
        })
    }
}

struct Slopes<'a> {
    path: Vec<String>,
    gradients: &'a Gradients,
    found: BTreeMap<String, Vec<f32>>,
}

impl ModuleVisitor for Slopes<'_> {
    fn enter_module(&mut self, name: &str, _: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _: &str, _: &str) {
        self.path.pop();
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(slope) = param.val().grad(self.gradients) {
            self.found.insert(self.path.join("."), values(slope));
        }
    }
}

fn transformer(case: &Case, device: &Device) -> Transformer {
    TransformerConfig::new(case.width, 2, case.heads, case.mlp_width)
        .with_activation(case.activation)
        .with_mask(case.mask)
        .init(device)
        .map(&mut Fill(0))
}

/// Output, and the gradient of each parameter and of the input, for a random slope of the output.
fn run(model: &Transformer, case: &Case, device: &Device) -> BTreeMap<String, Vec<f32>> {
    let shape = [case.batch, case.length, case.width];
    let x = random(100, shape, device).require_grad();
    let y = model.forward(x.clone());
    let gradients = (y.clone() * random(200, shape, device)).sum().backward();
    let mut slopes = Slopes { path: Vec::new(), gradients: &gradients, found: BTreeMap::new() };
    model.visit(&mut slopes);
    let mut found = slopes.found;
    found.insert("output".to_owned(), values(y));
    found.insert("input".to_owned(), values(x.grad(&gradients).unwrap()));
    found
}

#[expect(deprecated, reason = "the composed form runs there")]
fn composed() -> Device {
    Device::ndarray().autodiff()
}

fn check(case: &Case) {
    let fused = Device::flex().autodiff();
    let expected = run(&transformer(case, &composed()), case, &composed());
    for device in [fused.clone(), fused.gradient_checkpointing()] {
        let found = run(&transformer(case, &device), case, &device);
        assert!(found.keys().eq(expected.keys()));
        for (name, expected) in &expected {
            let largest = expected.iter().fold(1.0_f32, |a, b| a.max(b.abs()));
            let what = format!("{name} of {case:?}");
            assert_close(&what, &found[name], expected, 2e-5 * largest);
        }
    }
}

#[test]
fn both_forms_agree() {
    check(&CASE);
    check(&Case { activation: Activation::Gelu, ..CASE });
    check(&Case { activation: Activation::GeluTanh, ..CASE });
    check(&Case { mask: AttentionMask::Causal, ..CASE });
    check(&Case { batch: 1, ..CASE });
    check(&Case { length: 1, ..CASE });
    check(&Case { length: 300, batch: 3, ..CASE });
    check(&Case { width: 3, heads: 3, mlp_width: 1, ..CASE });
}

/// Without a tape, too: that is what serves.
#[test]
fn both_forms_agree_where_nothing_is_learned() {
    for case in [&CASE, &Case { activation: Activation::Gelu, mask: AttentionMask::Causal, ..CASE }]
    {
        let shape = [case.batch, case.length, case.width];
        let forward = |device: Device| {
            values(transformer(case, &device).valid().forward(random(100, shape, &device.inner())))
        };
        let (fused, expected) = (forward(Device::flex().autodiff()), forward(composed()));
        assert_close("output", &fused, &expected, 2e-5);
    }
}

/// On Flex, without a tape.
fn inferring(case: &Case) -> Transformer {
    transformer(case, &Device::flex().autodiff()).valid()
}

fn packed(model: Transformer, dtype: WeightDtype) -> PackedTransformer {
    model.pack(Packer::on(&Device::flex(), dtype).unwrap())
}

/// Blocks with packed weights, for batches that are shared out by sequences and by columns.
#[test]
fn packed_blocks_agree() {
    let long = Case { length: 300, batch: 3, ..CASE };
    let tiny = Case { width: 3, heads: 3, mlp_width: 1, ..CASE };
    let causal = Case { activation: Activation::GeluTanh, mask: AttentionMask::Causal, ..CASE };
    for case in [CASE, long, tiny, causal] {
        for batch in [case.batch, 1] {
            let shape = [batch, case.length, case.width];
            let model = packed(inferring(&case), WeightDtype::F32);
            let packed = values(model.forward(random(100, shape, &Device::flex())));
            let expected = transformer(&case, &composed()).valid();
            let expected = values(expected.forward(random(100, shape, &composed().inner())));
            assert_close(&format!("{batch} of {case:?}"), &packed, &expected, 2e-5);
        }
    }
}

/// The other tests again, with the kernels of each instruction set that this processor has.
#[test]
fn every_instruction_set_agrees() {
    for isa in Isa::ALL.into_iter().filter(|isa| !isa.is_enabled()) {
        say(format_args!("{isa}: skipped, not on this processor or above the limit"));
    }
    rerun_tests("every_instruction_set", MAX_CPU_ISA, Isa::enabled().map(Isa::name));
}

/// The matrices of blocks as a type keeps them.
struct Rounded(WeightDtype);

impl ModuleMapper for Rounded {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.shape();
        if shape.len() < 2 {
            return param;
        }
        let columns = shape[1];
        param.map(|matrix| {
            let (device, mut rounded) = (matrix.device(), values(matrix));
            match self.0 {
                WeightDtype::F32 => {}
                WeightDtype::F16 => {
                    rounded.iter_mut().for_each(|x| *x = f16::from_f32(*x).to_f32())
                }
                WeightDtype::Bf16 => {
                    rounded.iter_mut().for_each(|x| *x = bf16::from_f32(*x).to_f32())
                }
                WeightDtype::Int8 => (0..columns).for_each(|column| {
                    let of_column = || (column..rounded.len()).step_by(columns);
                    let largest = of_column().fold(0.0_f32, |most, i| most.max(rounded[i].abs()));
                    let scale = largest / 127.0;
                    of_column().for_each(|i| rounded[i] = (rounded[i] / scale).round() * scale);
                }),
            }
            Tensor::from_data(TensorData::new(rounded, shape), &device)
        })
    }
}

/// Blocks that are kept in fewer bits, against blocks of the same rounded weights: the same for 16
/// bits, whose arithmetic is f32; near it where rows are rounded too: to bf16, to 12 bits, or to 8.
#[test]
fn blocks_in_fewer_bits_agree_with_their_parameters() {
    let wide = Case { width: 256, mlp_width: 300, ..CASE };
    let rounds_to_8_bits = select(WeightDtype::Int8).activation_bits() == 8;
    let int8 = if rounds_to_8_bits { 4e-2 } else { 4e-2 / 15.0 };
    let device = Device::flex();
    let bf16 = if select(WeightDtype::Bf16).arithmetic() == "bf16" { 1e-2 } else { 5e-6 };
    let bounds = [(WeightDtype::F16, 5e-6), (WeightDtype::Bf16, bf16), (WeightDtype::Int8, int8)];
    for (dtype, bound) in bounds {
        for (case, batch) in [(CASE, 37), (wide, 5), (wide, 1)] {
            let model = inferring(&case);
            let plain = model.clone().map(&mut Rounded(dtype));
            let packed = packed(model, dtype);
            let x = || random(100, [batch, case.length, case.width], &device);
            let tokens = || Tensor::from_ints(vec![2; batch].as_slice(), &device);
            let off = |packed: Vec<f32>, plain: Vec<f32>| {
                let norm = |values: &[f32]| values.iter().map(|x| x * x).sum::<f32>().sqrt();
                let off: Vec<f32> = packed.iter().zip(&plain).map(|(a, b)| a - b).collect();
                norm(&off) / norm(&plain)
            };
            let whole = off(values(packed.forward(x())), values(plain.forward(x())));
            let token = off(
                values(packed.forward_token(x(), tokens())),
                values(plain.forward_token(x(), tokens())),
            );
            let what = format!("{dtype:?}, {batch} of {case:?}: {whole}, {token}");
            assert!(whole < bound && token < bound, "{what}");
            if dtype == WeightDtype::Int8 {
                assert!(token > 0.0, "{what}: nothing was rounded");
                // Where attention does not drown it, the row that is read is off by less.
                let differs = rounds_to_8_bits && case.width <= 40;
                assert!(!differs || token < 0.7 * whole, "{what}");
            }
        }
    }
}

/// One row of the last block is the row of all, packed and composed, causal and not.
#[test]
fn one_token_is_that_of_all() {
    let wide = Case { width: 64, mlp_width: 96, ..CASE };
    for (case, batch) in [(CASE, 37), (wide, 37), (wide, 1), (wide, 5)] {
        for mask in [AttentionMask::Full, AttentionMask::Causal] {
            let case = Case { mask, batch, ..case };
            let places: Vec<i32> = (0..batch as i32).map(|i| i * 5 % case.length as i32).collect();
            let shape = [batch, case.length, case.width];
            let input = |device: &Device| {
                let tokens = Tensor::from_ints(places.as_slice(), device);
                (random(100, shape, device), tokens)
            };
            let plain_row = |device: Device| {
                let model = transformer(&case, &device).valid();
                let (x, tokens) = input(&device.inner());
                values(model.forward_token(x, tokens))
            };
            let packed_row = || {
                let model = packed(inferring(&case), WeightDtype::F32);
                let (x, tokens) = input(&Device::flex());
                values(model.forward_token(x, tokens))
            };
            let whole = transformer(&case, &composed()).valid();
            let whole = values(whole.forward(random(100, shape, &composed().inner())));
            let expected = places.iter().enumerate().flat_map(|(i, place)| {
                let row = i * case.length + *place as usize;
                whole[row * case.width..][..case.width].iter().copied()
            });
            let expected: Vec<f32> = expected.collect();
            for (what, found) in [
                ("packed", packed_row()),
                ("plain", plain_row(Device::flex().autodiff())),
                ("composed", plain_row(composed())),
            ] {
                assert_close(&format!("{what}, {case:?}"), &found, &expected, 2e-5);
            }
        }
    }
}

/// Whoever wants gradients, or another backend, keeps the module.
#[test]
fn weights_are_packed_where_kernels_of_ours_answer() {
    let packs = |device: &Device| Packer::on(device, WeightDtype::F32).is_some();
    assert!(packs(&Device::flex()));
    assert!(!packs(&Device::flex().autodiff()));
    assert!(!packs(&composed()) && !packs(&composed().inner()));
}

/// Frozen parameters get no gradient, and what stands before them gets the right one.
#[test]
fn frozen_parameters_let_the_gradient_through() {
    let device = Device::flex().autodiff();
    let whole = run(&transformer(&CASE, &device), &CASE, &device);
    let frozen = transformer(&CASE, &device)
        .set_require_grad_group(ParamGroup::from_predicate("resblocks.1."), false);
    let found = run(&frozen, &CASE, &device);
    assert!(found.keys().all(|name| !name.contains("resblocks.1.")));
    assert!(found.keys().any(|name| name.contains("resblocks.0.")));
    for (name, values) in found {
        assert_eq!(values, whole[&name], "{name}");
    }
}

/// Factors rounded to bf16 change outputs and gradients by the rounding, not more. Where the
/// processor has no such products, nothing changes.
#[test]
fn bf16_is_near() {
    let device = Device::flex().autodiff();
    let case = Case { width: 64, mlp_width: 96, ..CASE };
    let exact = run(&transformer(&case, &device), &case, &device);
    let mut model = transformer(&case, &device);
    model.set_precision(Precision::Bf16);
    for (name, rounded) in run(&model, &case, &device) {
        let norm = |values: &[f32]| values.iter().map(|x| x * x).sum::<f32>().sqrt();
        let expected = &exact[&name];
        let off: Vec<f32> = rounded.iter().zip(expected).map(|(a, b)| a - b).collect();
        assert!(norm(&off) < 0.03 * norm(expected), "{name}: {} of {}", norm(&off), norm(expected));
    }
}

/// On a processor without bf16 products both are the same product.
#[test]
fn products_of_bf16_are_those_of_f32_but_for_rounding() {
    let device = Device::flex();
    for [rows, inner, columns] in [[1, 1, 1], [5, 33, 40], [64, 48, 64]] {
        let (a, b) = (random(1, [rows, inner], &device), random(2, [inner, columns], &device));
        let turned = |tensor: &Tensor<2>| {
            Tensor::from_data(tensor.clone().transpose().into_data(), &device).transpose()
        };
        let expected = values(Precision::F32.matmul(a.clone(), b.clone()));
        for (a, b) in [(a.clone(), b.clone()), (turned(&a), b.clone()), (a.clone(), turned(&b))] {
            let product = values(Precision::Bf16.matmul(a, b));
            let bound = 8e-3 * (inner as f32).sqrt();
            assert_close("product", &product, &expected, bound);
        }
    }
}
