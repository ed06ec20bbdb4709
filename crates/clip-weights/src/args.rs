//! The options as a command line has them, for every program that converts.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::{Activation, Dtype, HubOptions, Options, PreprocessMode, Source};

/// What to convert, and how.
///
/// A source is a folder in Hugging Face layout (weights in one file or in shards, config.json,
/// preprocessor_config.json) or in OpenCLIP's (open_clip_config.json), a weights file inside one, a
/// file with OpenAI's tensor names such as its own ViT-B-32.pt, the address of such a file, or a
/// model of the Hugging Face hub such as openai/clip-vit-base-patch32. Downloads honor HF_ENDPOINT, HF_HOME and HF_TOKEN, and go on where an earlier run stopped.
#[derive(Debug, Clone, Args)]
pub struct ConvertArgs {
    /// Folder, weights file, its https:// address, or OWNER/NAME (or OWNER/NAME@REVISION) on the hub
    pub source: String,
    /// File to write [default: named after the model]
    #[arg(short, long, value_name = "OUT")]
    pub output: Option<PathBuf>,
    /// Number format to write [default: that of the source]
    #[arg(long)]
    dtype: Option<Format>,
    /// Name of the model [default: the folder's or OpenAI's file's, or the last part of the hub id]
    #[arg(long)]
    name: Option<String>,
    /// Replace a file of that name that is another model
    #[arg(long)]
    force: bool,
    /// License of the weights, where the source does not say
    #[arg(long)]
    license: Option<String>,
    /// Activation that the model was trained with, where the source does not say: a plain state dict
    #[arg(long)]
    activation: Option<Nonlinearity>,
    /// Whose pixels to reproduce [default: those of the source's own code]
    #[arg(long, value_name = "MODE")]
    preprocess: Option<Preprocess>,
}

/// Number formats as a command line has them.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Format {
    /// 32 bits
    F32,
    /// 16 bits: half the size
    F16,
    /// 16 bits with the range of f32
    Bf16,
    /// Matrices and the token embedding in 8 bits, all else in f16: faster on a CPU, and slightly off
    Int8,
}

impl From<Format> for Dtype {
    fn from(format: Format) -> Self {
        match format {
            Format::F32 => Self::F32,
            Format::F16 => Self::F16,
            Format::Bf16 => Self::Bf16,
            Format::Int8 => Self::Int8,
        }
    }
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Nonlinearity {
    QuickGelu,
    Gelu,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Preprocess {
    /// OpenAI's and OpenCLIP's transform
    Openai,
    /// transformers' processor on Pillow
    HfPil,
    /// transformers' processor on torchvision
    HfTorchvision,
}

impl ConvertArgs {
    /// The source, and the options with the hub as the environment says.
    pub fn parts(&self) -> (Source, Options) {
        let options = Options {
            output: self.output.clone(),
            folder: None,
            dtype: self.dtype.map(Dtype::from),
            name: self.name.clone(),
            license: self.license.clone(),
            activation: self.activation.map(|activation| match activation {
                Nonlinearity::QuickGelu => Activation::QuickGelu,
                Nonlinearity::Gelu => Activation::Gelu,
            }),
            preprocess: self.preprocess.map(|mode| match mode {
                Preprocess::Openai => PreprocessMode::Openai,
                Preprocess::HfPil => PreprocessMode::HfPil,
                Preprocess::HfTorchvision => PreprocessMode::HfTorchvision,
            }),
            sha256: None,
            force: self.force,
            hub: HubOptions::from_env(),
        };
        (Source::parse(&self.source), options)
    }
}
