//! Arguments that commands share.

mod answers;
mod filters;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args;
use clip::{Checkpoint, Device, DeviceName, Embedder, ReadOptions};
use clip_search::{DecodeOptions, EXCLUDED, Location, ScanOptions};

pub(crate) use answers::AnswerArgs;
pub(crate) use filters::FilterArgs;

/// What runs the model.
#[derive(Debug, Clone, Args)]
pub(crate) struct ModelArgs {
    /// A checkpoint file, or the name of a model that `models` lists
    #[arg(long, value_name = "MODEL", env = "CLIP_MODEL", hide_env_values = true)]
    pub(crate) model: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) device: DeviceArgs,

    /// Pictures or texts that run through the model at once
    #[arg(short, long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) batch_size: u16,
}

/// Where it runs.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeviceArgs {
    /// auto, flex, ndarray, wgpu, vulkan, metal or cuda; GPUs also by number, as in cuda:1
    #[arg(
        long = "device",
        value_name = "DEVICE",
        env = "CLIP_DEVICE",
        hide_env_values = true,
        default_value_t
    )]
    name: DeviceName,
}

impl DeviceArgs {
    /// Opens the device.
    pub(crate) fn open(&self) -> Result<Device> {
        self.name.open().with_context(|| format!("cannot use --device {}", self.name))
    }

    /// The name as given.
    pub(crate) fn name(&self) -> &DeviceName {
        &self.name
    }
}

/// Which pictures are read, and how.
#[derive(Debug, Clone, Args)]
pub(crate) struct ScanArgs {
    /// Leave out folders of this name, instead of those that photo tools and systems make
    /// (repeatable); a file .clipignore leaves out more, written like .gitignore
    #[arg(long, value_name = "NAME", default_values = EXCLUDED)]
    pub(crate) exclude_dir: Vec<PathBuf>,

    /// Read hidden files and folders too
    #[arg(long)]
    pub(crate) include_hidden: bool,

    /// Refuse larger pictures before decoding them
    #[arg(long, value_name = "N", default_value_t = ReadOptions::default().max_megapixels)]
    pub(crate) max_megapixels: u32,

    #[command(flatten)]
    pub(crate) detail: DetailArgs,
}

impl ScanArgs {
    /// What is looked for.
    pub(crate) fn options(&self) -> ScanOptions {
        ScanOptions { exclude: self.exclude_dir.clone(), hidden: self.include_hidden }
    }

    /// How each picture is decoded.
    pub(crate) fn decode(&self) -> DecodeOptions {
        DecodeOptions { max_megapixels: self.max_megapixels, exact: self.detail.exact }
    }
}

/// How pixels are read.
#[derive(Debug, Clone, Args)]
pub(crate) struct DetailArgs {
    /// Decode every pixel of large pictures, and ignore color profiles as the model's reference does:
    /// slower; for sRGB the vectors else are within a cosine of 0.999 of these
    #[arg(long)]
    pub(crate) exact: bool,
}

impl DetailArgs {
    /// What the model needs in the colors of sRGB, or everything as it is stored.
    pub(crate) fn reading(&self, embedder: &Embedder) -> ReadOptions {
        DecodeOptions { exact: self.exact, ..DecodeOptions::default() }.reading(embedder)
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LibraryArgs {
    /// The folder of the library, or a collection of a Milvus cluster such as
    /// milvus://host:19530/photos [default: in the platform's data folder, one for each model]
    #[arg(long, value_name = "PLACE", env = "CLIP_INDEX", hide_env_values = true)]
    pub(crate) index: Option<PathBuf>,
}

impl LibraryArgs {
    /// Where the library is, if that is said.
    pub(crate) fn named(&self) -> Option<Location> {
        self.index.as_deref().map(Location::from)
    }

    /// Where the library is; unless it is said, that of the model.
    pub(crate) fn location(&self, checkpoint: &Checkpoint) -> clip_search::Result<Location> {
        self.named().map_or_else(|| Location::default_for(checkpoint), Ok)
    }

    /// Whether the library lies in a cluster.
    pub(crate) fn is_cluster(&self) -> bool {
        self.named().is_some_and(|location| location.is_cluster())
    }
}

/// How results are printed.
#[derive(Debug, Clone, Default, Args)]
#[group(multiple = false)]
pub(crate) struct FormatArgs {
    /// Print one JSON array
    #[arg(long)]
    json: bool,
    /// Print one JSON object a line
    #[arg(long)]
    jsonl: bool,
    /// Print paths alone, each ended by a NUL byte, for `xargs -0`
    #[arg(short = '0', long = "null")]
    null: bool,
    /// Print paths alone, one a line
    #[arg(short, long)]
    filepath_only: bool,
}

/// How results are printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Plain,
    Json,
    JsonLines,
    Null,
    Paths,
}

impl FormatArgs {
    pub(crate) fn format(&self) -> Format {
        match self {
            Self { json: true, .. } => Format::Json,
            Self { jsonl: true, .. } => Format::JsonLines,
            Self { null: true, .. } => Format::Null,
            Self { filepath_only: true, .. } => Format::Paths,
            _ => Format::Plain,
        }
    }
}
