//! The command line, as clap reads it: what commands share, and the small ones.

mod answers;
mod filters;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clip::{Device, DeviceName, Embedder, ReadOptions};

pub(crate) use answers::AnswerArgs;
pub(crate) use filters::FilterArgs;

use crate::commands::dupes::DupesArgs;
use crate::commands::eval::EvalArgs;
use crate::commands::explain::ExplainArgs;
use crate::commands::export::ExportArgs;
use crate::commands::import::ImportArgs;
use crate::commands::index::IndexArgs;
use crate::commands::library::MaintenanceArgs;
use crate::commands::map::MapArgs;
use crate::commands::models::ModelsArgs;
use crate::commands::reindex::ReindexArgs;
use crate::commands::search::SearchArgs;
use crate::commands::similar::SimilarArgs;
use crate::commands::tags::TagsArgs;
use crate::{cluster, scan};

/// Search pictures in words, and words with pictures.
///
/// Everything runs on this machine. Exit codes: 0 something was found, 1 nothing was found, 2 an
/// error.
#[derive(Debug, Parser)]
#[command(name = "clip-cli", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find pictures for a sentence or a picture, or sentences for a picture
    Search(SearchArgs),
    /// Find pictures like a picture
    Similar(SimilarArgs),
    /// Say which of several labels fits a picture
    Classify(ClassifyArgs),
    /// Draw which parts of a picture make it fit a text
    Explain(ExplainArgs),
    /// Print the unit vectors of texts and pictures
    Embed(EmbedArgs),
    /// Read pictures into the library, to search them later
    Index(IndexArgs),
    /// List the tags of the library, show, add and remove those of pictures
    Tags(TagsArgs),
    /// Find pictures of the library that are the same, or nearly
    Dupes(DupesArgs),
    /// Say what is in the library, and keep it in order
    Library(MaintenanceArgs),
    /// Make the library anew with another model
    Reindex(ReindexArgs),
    /// Write the vectors of the library into a file
    Export(ExportArgs),
    /// Read vectors from files into the library
    Import(ImportArgs),
    /// Make a page that shows the library as a map of thumbnails
    Map(MapArgs),
    /// Train or fine-tune a model
    Train(TrainArgs),
    /// Measure a model: recall, zero-shot accuracy, linear probe
    Eval(EvalArgs),
    /// List the models on this machine, convert more, compare one with a reference
    Models(ModelsArgs),
    /// Describe the program, the model and the library in use
    Info(InfoArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

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
    #[arg(long, value_name = "NAME", default_values = scan::EXCLUDED)]
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
    /// How each picture is read.
    pub(crate) fn reading(&self, embedder: &Embedder) -> ReadOptions {
        ReadOptions { max_megapixels: self.max_megapixels, ..self.detail.reading(embedder) }
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
        if self.exact { ReadOptions::default() } else { embedder.reading() }
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
    /// Whether the library lies in a cluster.
    pub(crate) fn is_cluster(&self) -> bool {
        self.index.as_deref().and_then(cluster::address).is_some()
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

#[derive(Debug, Args)]
pub(crate) struct ClassifyArgs {
    /// The pictures
    #[arg(value_name = "PICTURE", required = true)]
    pub(crate) pictures: Vec<PathBuf>,

    /// Labels with commas between them; @FILE reads one a line (repeatable)
    #[arg(short, long, value_name = "LABELS", required = true)]
    pub(crate) labels: Vec<String>,

    /// Sentence around a label, with {} in its place; several are averaged (repeatable)
    #[arg(long, value_name = "TEMPLATE", default_value = clip::DEFAULT_TEMPLATE)]
    pub(crate) template: Vec<String>,

    /// Print at most this many labels for each picture
    #[arg(short, long, value_name = "N", default_value_t = 5)]
    pub(crate) top: usize,

    /// Print one JSON array
    #[arg(long, conflicts_with = "jsonl")]
    pub(crate) json: bool,

    /// Print one JSON object a line
    #[arg(long)]
    pub(crate) jsonl: bool,

    #[command(flatten)]
    pub(crate) detail: DetailArgs,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("input").args(["text", "image"]).required(true).multiple(true)))]
pub(crate) struct EmbedArgs {
    /// A text (repeatable)
    #[arg(short, long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    pub(crate) text: Vec<String>,

    /// A picture (repeatable)
    #[arg(short, long, value_name = "FILE")]
    pub(crate) image: Vec<PathBuf>,

    /// What to print: an object with input, modality and embedding a line, or one NumPy array
    #[arg(long, value_enum, default_value_t = EmbedFormat::Jsonl)]
    pub(crate) format: EmbedFormat,

    /// Read pictures exactly as the model's reference implementation does, to compare numbers: above
    /// all, EXIF orientation and color profiles are ignored, and large pictures are decoded to the
    /// last pixel
    #[arg(long)]
    pub(crate) exact: bool,

    /// Cut texts that are too long for the model instead of refusing them
    #[arg(long)]
    pub(crate) truncate: bool,

    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EmbedFormat {
    /// One JSON object a line
    Jsonl,
    /// A NumPy array of f32, one row an input
    Npy,
}

#[derive(Debug, Args)]
pub(crate) struct InfoArgs {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) library: LibraryArgs,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli train --print-config > run.toml     every setting with its default
  clip-cli train --config run.toml             train; Ctrl-C saves
  clip-cli train --config run.toml --resume    go on where it was saved

The folder `output` of the configuration gets best.safetensors and last.safetensors, which --model
takes, the metrics as JSON lines and a plot of them.")]
#[command(group(ArgGroup::new("what").args(["config", "print_config"]).required(true).multiple(true)))]
pub(crate) struct TrainArgs {
    /// The settings of the run, as TOML
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Print the settings, defaults and all, and do nothing else
    #[arg(long)]
    pub(crate) print_config: bool,

    /// Go on with the run in the output folder
    #[arg(long)]
    pub(crate) resume: bool,

    /// Folder for checkpoints and metrics, instead of the configuration's
    #[arg(short, long, value_name = "FOLDER")]
    pub(crate) output: Option<PathBuf>,

    #[command(flatten)]
    pub(crate) device: DeviceArgs,
}
