//! Arguments that commands share.

mod answers;
mod filters;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::Args;
use clip::{Checkpoint, Device, DeviceName, Embedder, Overflow, ReadOptions};
use clip_search::{DecodeOptions, EXCLUDED, Location, ScanOptions};

pub(crate) use answers::AnswerArgs;
pub(crate) use filters::FilterArgs;

/// What runs the model.
#[derive(Debug, Clone, Args)]
pub(crate) struct ModelArgs {
    #[command(flatten)]
    pub(crate) model: ModelName,
    #[command(flatten)]
    pub(crate) device: DeviceArgs,
    /// Pictures or texts that run through the model in one batch
    #[arg(short, long, value_name = "N", default_value_t = 32, value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) batch_size: u16,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ModelName {
    /// A checkpoint file, or the name of a model that `models` lists
    #[arg(long, value_name = "MODEL", env = "CLIP_MODEL", hide_env_values = true)]
    model: Option<PathBuf>,
}

impl ModelName {
    pub(crate) fn get(&self) -> Option<&Path> {
        self.model.as_deref()
    }

    /// Another name, where none was given.
    pub(crate) fn or_else(self, other: impl FnOnce() -> Result<Option<PathBuf>>) -> Result<Self> {
        Ok(Self { model: self.model.map_or_else(other, |name| Ok(Some(name)))? })
    }
}

/// Where it runs.
#[derive(Debug, Clone, Args)]
pub(crate) struct DeviceArgs {
    /// auto, flex, ndarray, wgpu, vulkan, metal or cuda; GPUs also by number, as in cuda:1
    #[arg(
        long,
        value_name = "DEVICE",
        env = "CLIP_DEVICE",
        hide_env_values = true,
        default_value_t
    )]
    pub(crate) device: DeviceName,
}

impl DeviceArgs {
    /// Opens the device.
    pub(crate) fn open(&self) -> Result<Device> {
        self.device.open().with_context(|| format!("cannot use --device {}", self.device))
    }
}

#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct TruncateArgs {
    /// Cut texts that are too long for the model instead of refusing them
    #[arg(long)]
    truncate: bool,
}

impl TruncateArgs {
    pub(crate) fn overflow(self) -> Overflow {
        if self.truncate { Overflow::Truncate } else { Overflow::Error }
    }
}

/// Which files are pictures.
#[derive(Debug, Clone, Args)]
pub(crate) struct ScanArgs {
    /// Leave out folders of this name, instead of these (repeatable); a file .clipignore leaves out
    /// more, written like .gitignore
    #[arg(long, value_name = "NAME", default_values = EXCLUDED)]
    exclude_dir: Vec<PathBuf>,

    /// Read hidden files and folders too
    #[arg(long)]
    include_hidden: bool,
}

impl ScanArgs {
    pub(crate) fn options(&self) -> ScanOptions {
        ScanOptions { exclude: self.exclude_dir.clone(), hidden: self.include_hidden }
    }
}

/// How pictures are decoded.
#[derive(Debug, Clone, Args)]
pub(crate) struct DecodeArgs {
    /// Refuse larger pictures before decoding them
    #[arg(long, value_name = "N", default_value_t = ReadOptions::default().max_megapixels)]
    max_megapixels: u32,

    #[command(flatten)]
    detail: DetailArgs,
}

impl DecodeArgs {
    pub(crate) fn options(&self) -> DecodeOptions {
        DecodeOptions { max_megapixels: self.max_megapixels, exact: self.detail.exact }
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct DetailArgs {
    /// Decode every pixel of large pictures and ignore color profiles, as the model's reference does:
    /// slower, and for sRGB within a cosine of 0.999 of the default
    #[arg(long)]
    exact: bool,
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
}

/// A library for which nothing is encoded.
#[derive(Debug, Clone, Args)]
pub(crate) struct WhichArgs {
    #[command(flatten)]
    pub(crate) library: LibraryArgs,

    /// The model whose library is meant, where --index does not say which: a file, or a name that
    /// `models` lists
    #[arg(long, value_name = "MODEL", env = "CLIP_MODEL", hide_env_values = true)]
    pub(crate) model: Option<PathBuf>,
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

impl Format {
    /// JSON where that is asked for.
    pub(crate) fn json(json: bool) -> Self {
        if json { Self::Json } else { Self::Plain }
    }

    /// What ends a row that is not JSON.
    pub(crate) fn end(self) -> &'static [u8] {
        if self == Self::Null { b"\0" } else { b"\n" }
    }
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
