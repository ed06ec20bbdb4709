//! A tiny classifier with the names of EfficientNet-Lite's, and the stem that is made of it.

use std::collections::BTreeMap;

use clip_checkpoint::{Checkpoint, ConvStemCard, ConvStemCheckpoint, Dtype, presets};
use clip_testkit::{Random, assert_close};
use clip_weights::{Options, convert_stem};

use super::Fixture;
use super::archive::{self, Storages};
use super::common::Tensor;

/// Blocks and channels of each stage.
const STAGES: [[usize; 2]; 7] = [[1, 2], [1, 3], [1, 2], [2, 3], [1, 2], [1, 3], [1, 4]];
const CLASSES: usize = 3;

/// A state dict: every convolution has a batch norm behind it.
fn classifier() -> BTreeMap<String, Tensor> {
    classifier_of(STAGES)
}

fn classifier_of(stages: [[usize; 2]; 7]) -> BTreeMap<String, Tensor> {
    let mut tensors = BTreeMap::new();
    let mut random = Random::new(1);
    let mut add = |name: String, shape: &[usize]| {
        let mut values = random.values(shape.iter().product());
        if name.ends_with("running_var") {
            values.iter_mut().for_each(|value| *value = value.abs());
        }
        tensors.insert(name, (shape.to_vec(), values));
    };
    let mut layer = |conv: String, norm: String, shape: [usize; 4]| {
        add(format!("{conv}.weight"), &shape);
        for of_norm in ["weight", "bias", "running_mean", "running_var"] {
            add(format!("{norm}.{of_norm}"), &shape[..1]);
        }
        add(format!("{norm}.num_batches_tracked"), &[]);
    };
    let stem = presets::efficientnet(stages);
    layer("_conv_stem".into(), "_bn0".into(), [4, 3, 3, 3]);
    for (i, block) in (clip_checkpoint::ConvStem { channels: 4, ..stem }).blocks().enumerate() {
        let (path, hidden, size) = (format!("_blocks.{i}"), block.hidden, block.kernel_size);
        let name = |name: &str| format!("{path}.{name}");
        if hidden != block.input {
            layer(name("_expand_conv"), name("_bn0"), [hidden, block.input, 1, 1]);
        }
        layer(name("_depthwise_conv"), name("_bn1"), [hidden, 1, size, size]);
        layer(name("_project_conv"), name("_bn2"), [block.output, hidden, 1, 1]);
    }
    layer("_conv_head".into(), "_bn1".into(), [5, stages[6][1], 1, 1]);
    add("_fc.weight".into(), &[CLASSES, 5]);
    add("_fc.bias".into(), &[CLASSES]);
    tensors
}

fn convert(fixture: &Fixture) -> Result<ConvStemCheckpoint, String> {
    let output = fixture.folder.path().join("stem.safetensors");
    let license = Some("MIT".to_owned());
    let options =
        Options { output: Some(output.clone()), license, force: true, ..Options::default() };
    let summary = convert_stem(&fixture.path, &options, &mut ());
    let summary = summary.map_err(|error| error.to_string())?;
    assert_eq!(summary.dtype, Dtype::F32);
    let whole = Checkpoint::open(&output).unwrap_err().to_string();
    assert!(whole.ends_with(
        "is a convolutional stem alone, which has no words: training starts a model from it"
    ));
    let stem = ConvStemCheckpoint::open(&output).unwrap();
    assert_eq!(stem.card(), &summary.card);
    Ok(stem)
}

/// A convolution and its batch norm, as PyTorch computes them at one output of one pixel, are the folded
/// convolution.
#[test]
fn batch_norms_are_folded() {
    let tensors = classifier();
    let storages = Storages::of(&tensors);
    for bytes in [archive::state_dict(&tensors), storages.legacy()] {
        let stem = convert(&Fixture::new("lite.pth", &bytes)).unwrap();
        let ConvStemCard { conv_stem, classes, license, preprocess, .. } = stem.card();
        assert_eq!((classes, license.as_deref()), (&Some(CLASSES), Some("MIT")));
        assert_eq!(conv_stem.stages, presets::efficientnet(STAGES).stages);
        assert_eq!((conv_stem.channels, conv_stem.head_channels), (4, Some(5)));
        assert_eq!((preprocess.mean[0], preprocess.std[2]), (127.0 / 255.0, 128.0 / 255.0));

        let theirs = |name: &str| &tensors[name].1;
        for (ours, conv, norm) in [
            ("visual.conv_stem.conv", "_conv_stem", "_bn0"),
            ("visual.conv_stem.blocks.0.project", "_blocks.0._project_conv", "_blocks.0._bn2"),
            ("visual.conv_stem.blocks.3.expand", "_blocks.3._expand_conv", "_blocks.3._bn0"),
            ("visual.conv_stem.blocks.3.depthwise", "_blocks.3._depthwise_conv", "_blocks.3._bn1"),
            ("visual.conv_stem.blocks.7.project", "_blocks.7._project_conv", "_blocks.7._bn2"),
            ("visual.conv_stem.head", "_conv_head", "_bn1"),
        ] {
            let of_norm = |name: &str| theirs(&format!("{norm}.{name}"));
            let weight = theirs(&format!("{conv}.weight"));
            let (gamma, beta) = (of_norm("weight"), of_norm("bias"));
            let (mean, variance) = (of_norm("running_mean"), of_norm("running_var"));
            let (outputs, inputs) = (gamma.len(), weight.len() / gamma.len());
            let (found, bias) = (
                stem.read(&format!("{ours}.weight")).unwrap(),
                stem.read(&format!("{ours}.bias")).unwrap(),
            );
            let is_matrix = tensors[&format!("{conv}.weight")].0[2..] == [1, 1];
            let x = Random::new(7).values(inputs);
            for o in 0..outputs {
                let sum: f32 = (0..inputs).map(|i| x[i] * weight[o * inputs + i]).sum();
                let expected = (sum - mean[o]) / (variance[o] + 1e-3).sqrt() * gamma[o] + beta[o];
                let at = |i: usize| if is_matrix { i * outputs + o } else { o * inputs + i };
                let folded: f32 = (0..inputs).map(|i| x[i] * found[at(i)]).sum();
                assert_close(
                    ours,
                    &[folded + bias[o]],
                    &[expected],
                    1e-5 * expected.abs().max(1.0),
                );
            }
        }
        let classifier = stem.read("classifier.weight").unwrap();
        let weight = theirs("_fc.weight");
        let turned = (0..classifier.len()).map(|at| weight[at % CLASSES * 5 + at / CLASSES]);
        assert_eq!(classifier, turned.collect::<Vec<_>>());
        assert_eq!(&stem.read("classifier.bias").unwrap(), theirs("_fc.bias"));
    }
}

/// In 8 bits biases make up for the rounding of weights: over inputs as a batch norm and ReLU6 make them,
/// outputs are off by much less on average.
#[test]
fn rounding_of_weights_does_not_move_the_mean() {
    let mut stages = STAGES;
    stages[6][1] = 500;
    let block = presets::efficientnet(stages).blocks().count() - 1;
    let mut tensors = classifier_of(stages);
    // What f16 makes of a large bias would be more than what is looked for.
    for of_norm in ["bias", "running_mean"] {
        tensors.get_mut(&format!("_blocks.{block}._bn2.{of_norm}")).unwrap().1.fill(0.0);
    }
    let fixture = Fixture::new("lite.pth", &archive::state_dict(&tensors));
    let convert = |dtype: Dtype| {
        let output = fixture.folder.path().join(dtype.name());
        let (dtype, output) = (Some(dtype), Some(output));
        let options = Options { dtype, output, ..Options::default() };
        let summary = convert_stem(&fixture.path, &options, &mut ()).unwrap();
        (ConvStemCheckpoint::open(&summary.output).unwrap(), summary)
    };
    let ((exact, _), (int8, summary)) = (convert(Dtype::F32), convert(Dtype::Int8));
    let layer = format!("visual.conv_stem.blocks.{block}.project");
    let read =
        |stem: &ConvStemCheckpoint, leaf: &str| stem.read(&format!("{layer}.{leaf}")).unwrap();
    let [weight, bias] = ["weight", "bias"].map(|leaf| read(&exact, leaf));
    let [rounded, corrected] = ["weight", "bias"].map(|leaf| read(&int8, leaf));
    let spec =
        summary.card.tensors().into_iter().find(|spec| spec.name == format!("{layer}.weight"));
    assert_eq!(rounded, spec.unwrap().rounded(&weight, Dtype::Int8));
    assert_ne!(rounded, weight);

    let of_norm = |name: &str| &tensors[&format!("_blocks.{block}._bn1.{name}")].1;
    let (gamma, beta) = (of_norm("weight"), of_norm("bias"));
    let (inputs, outputs, draws) = (gamma.len(), bias.len(), 20_000);
    let mut random = Random::new(11);
    let mut uniform = || f64::from(random.uniform()).abs().max(1e-9);
    let mut mean = vec![0.0; inputs];
    for _ in 0..draws {
        for (i, mean) in mean.iter_mut().enumerate() {
            // Box and Muller's transform.
            let z = (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos();
            *mean +=
                (f64::from(beta[i]) + f64::from(gamma[i]) * z).clamp(0.0, 6.0) / f64::from(draws);
        }
    }
    // Root mean square over the outputs.
    let off = |found: &[f32]| -> f64 {
        let squares = (0..outputs).map(|o| {
            let moved =
                |i: usize| f64::from(rounded[i * outputs + o] - weight[i * outputs + o]) * mean[i];
            let output: f64 = (0..inputs).map(moved).sum();
            (output + f64::from(found[o] - bias[o])).powi(2)
        });
        (squares.sum::<f64>() / outputs as f64).sqrt()
    };
    let (before, after) = (off(&bias), off(&corrected));
    assert!(after < 0.1 * before, "off by {after}, without correction {before}");
}

#[test]
fn tensors_are_refused_by_name() {
    let check = |change: fn(&mut BTreeMap<String, Tensor>), expected: &str| {
        let mut tensors = classifier();
        change(&mut tensors);
        let error = convert(&Fixture::new("lite.pth", &archive::state_dict(&tensors))).unwrap_err();
        assert_eq!(error, expected);
    };
    check(
        |tensors| drop(tensors.remove("_blocks.2._bn1.running_var")),
        "EfficientNet-Lite's code calls for a tensor missing from lite.pth: _blocks.2._bn1.running_var",
    );
    check(
        |tensors| drop(tensors.insert("_blocks.1._se_reduce.weight".into(), (vec![1], vec![0.0]))),
        "lite.pth holds a tensor that EfficientNet-Lite's code has no place for: _blocks.1._se_reduce.weight",
    );
    check(
        |tensors| tensors.retain(|name, _| !name.starts_with("_blocks.7.")),
        "lite.pth sets _blocks to stages with kernels [3, 3, 5, 3, 5, 5]; only EfficientNets, whose stages have kernels [3, 3, 5, 3, 5, 5, 3], can be converted",
    );
}

/// Neither the source nor what somebody has there is lost.
#[test]
fn files_that_are_there_are_kept() {
    let fixture = Fixture::new("lite.pth", &archive::state_dict(&classifier()));
    let refusal = |output: &std::path::Path, force| {
        let options = Options { output: Some(output.to_owned()), force, ..Options::default() };
        convert_stem(&fixture.path, &options, &mut ()).unwrap_err().to_string()
    };
    let other = fixture.folder.path().join("other.safetensors");
    std::fs::write(&other, "kept").unwrap();
    assert!(refusal(&other, false).contains("or replace it"));
    assert_eq!(std::fs::read(&other).unwrap(), b"kept");
    assert!(refusal(&fixture.path, true).contains("is the source itself"));
}

/// Who wants a model is told what it is.
#[test]
fn a_classifier_is_no_model() {
    let fixture = Fixture::new("lite.pth", &archive::state_dict(&classifier()));
    let expected = "lite.pth is EfficientNet-Lite, which classifies images and reads no texts: `cargo xtask convert-weights` makes a convolutional stem of it, for training to start from";
    assert_eq!(fixture.refusal(), expected);
}

/// A file that breaks off, or whose storages are not those that it lists.
#[test]
fn damaged_legacy_files_are_refused() {
    let tensors = classifier();
    let bytes = Storages::of(&tensors).legacy();
    for length in [20, 200, bytes.len() / 2, bytes.len() - 1] {
        let error = convert(&Fixture::new("lite.pth", &bytes[..length])).unwrap_err();
        assert!(error.contains("lite.pth is not a whole PyTorch archive ("), "{error}");
    }
}
