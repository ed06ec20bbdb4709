//! The command line, as clap reads it.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Args, Parser, Subcommand, ValueEnum};
use clip::{Detail, Device, DeviceName, Embedder, ReadOptions};
use clip_retrieval::{Filter, Modality, Orientation};

use crate::commands::dupes::DupesArgs;
use crate::commands::eval::EvalArgs;
use crate::commands::explain::ExplainArgs;
use crate::commands::map::MapArgs;
use crate::commands::models::ModelsArgs;
use crate::dates;

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
    /// Say which of several labels fits a picture
    Classify(ClassifyArgs),
    /// Draw which parts of a picture make it fit a text
    Explain(ExplainArgs),
    /// Print the unit vectors of texts and pictures
    Embed(EmbedArgs),
    /// Read pictures into the library, to search them later
    Index(IndexArgs),
    /// Find pictures of the library that are the same, or nearly
    Dupes(DupesArgs),
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
    /// Leave out folders of this name (repeatable)
    #[arg(long, value_name = "NAME")]
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
        ReadOptions {
            max_megapixels: self.max_megapixels,
            detail: self.detail.of(embedder),
            ..ReadOptions::default()
        }
    }
}

/// How much of a large picture is read.
#[derive(Debug, Clone, Args)]
pub(crate) struct DetailArgs {
    /// Decode every pixel of large pictures: slower, for vectors that else are within a cosine of
    /// 0.999 of these
    #[arg(long)]
    exact: bool,
}

impl DetailArgs {
    /// What the model needs, or everything.
    pub(crate) fn of(&self, embedder: &Embedder) -> Detail {
        if self.exact { Detail::Full } else { embedder.enough_detail() }
    }
}

#[derive(Debug, Clone, Args)]
pub(crate) struct LibraryArgs {
    /// The folder of the library [default: in the platform's data folder, one for each model]
    #[arg(long, value_name = "FOLDER", env = "CLIP_INDEX", hide_env_values = true)]
    pub(crate) index: Option<PathBuf>,
}

/// Which pictures of the library count.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Filters")]
pub(crate) struct FilterArgs {
    /// Taken at this date or later, by the camera's clock: 2019, 2019-07 or 2019-07-31
    #[arg(long, value_name = "DATE", value_parser = dates::parse)]
    after: Option<i64>,

    /// Taken before this date
    #[arg(long, value_name = "DATE", value_parser = dates::parse)]
    before: Option<i64>,

    /// With at least so many pixels on the longer side
    #[arg(long, value_name = "PIXELS")]
    min_side: Option<u32>,

    /// Of this shape
    #[arg(long, value_enum)]
    orientation: Option<OrientationArg>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum OrientationArg {
    /// Wider than high
    Landscape,
    /// Higher than wide
    Portrait,
    /// As wide as high
    Square,
}

impl FilterArgs {
    /// Pictures of which all of it is true.
    pub(crate) fn pictures(&self) -> Filter {
        Filter {
            taken_from: self.after,
            taken_before: self.before,
            min_side: self.min_side,
            orientation: self.orientation.map(|orientation| match orientation {
                OrientationArg::Landscape => Orientation::Landscape,
                OrientationArg::Portrait => Orientation::Portrait,
                OrientationArg::Square => Orientation::Square,
            }),
            ..Filter::of(Modality::Image)
        }
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
#[command(after_help = "\
Examples:
  clip-cli search \"a dog on a beach\" ~/Pictures     index a folder and search it
  clip-cli search \"a dog on a beach\"                search what was indexed before
  clip-cli search ./dog.jpg ~/Pictures              pictures like this one
  clip-cli search beach + 2:sunset - people         add and subtract weighted terms
  clip-cli search --image dog.jpg --texts captions.txt   rank sentences for a picture

Scores are cosine similarities: compare them within one answer, not between queries. A picture that
fits a text well scores near 0.2 to 0.35 with OpenAI's weights.")]
pub(crate) struct SearchArgs {
    /// What to look for: words, or a picture where it starts with ./, / or file://; a prefix such
    /// as 2: is its weight
    #[arg(value_name = "QUERY", required_unless_present = "image")]
    pub(crate) query: Option<String>,

    /// Folders and pictures to search, indexed on the way; without any, the whole library
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Look for pictures like this file instead of a QUERY
    #[arg(long, value_name = "FILE")]
    pub(crate) image: Option<PathBuf>,

    /// Rank the lines of this file instead of pictures
    #[arg(long, value_name = "FILE")]
    pub(crate) texts: Option<PathBuf>,

    /// Another term to look for, written like QUERY; a bare + does the same (repeatable)
    #[arg(short, long, value_name = "TERM", allow_hyphen_values = true)]
    pub(crate) add: Vec<String>,

    /// A term to keep away from, written like QUERY; a bare - does the same (repeatable)
    #[arg(short, long, value_name = "TERM", allow_hyphen_values = true)]
    pub(crate) subtract: Vec<String>,

    /// Print at most this many results
    #[arg(short, long, value_name = "N", default_value_t = 10)]
    pub(crate) top: usize,

    /// Print only what scores at least so much; scores of texts and pictures differ much between
    /// models, so look at some first
    #[arg(long, value_name = "SCORE", allow_negative_numbers = true)]
    pub(crate) min_score: Option<f32>,

    /// Search what is indexed already, without looking for new pictures
    #[arg(short, long)]
    pub(crate) no_indexing: bool,

    /// Cut texts that are too long for the model instead of refusing them
    #[arg(long)]
    pub(crate) truncate: bool,

    #[command(flatten)]
    pub(crate) filter: FilterArgs,
    #[command(flatten)]
    pub(crate) format: FormatArgs,
    #[command(flatten)]
    pub(crate) library: LibraryArgs,
    #[command(flatten)]
    pub(crate) scan: ScanArgs,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
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
    /// all, EXIF orientation is ignored, and large pictures are decoded to the last pixel
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
#[command(after_help = "\
Examples:
  clip-cli index ~/Pictures              add what is new, follow what was moved, drop what is gone
  clip-cli index ~/Pictures --dry-run    say what that would do
  clip-cli index --errors                which files could not be read, and why
  clip-cli index --prune                 drop what is gone, wherever it was

A file that could not be read is not tried again until it changes.")]
#[command(group(ArgGroup::new("work").args(["paths", "errors", "stats", "verify", "compact", "prune"]).required(true)))]
pub(crate) struct IndexArgs {
    /// Folders and pictures
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,

    /// Say what would be done, and do nothing
    #[arg(long, requires = "paths")]
    pub(crate) dry_run: bool,

    /// Keep pictures that are gone, as those on a drive that is not plugged in
    #[arg(long, requires = "paths")]
    pub(crate) keep_missing: bool,

    /// List the files that could not be read, and why
    #[arg(long)]
    pub(crate) errors: bool,

    /// Say how large the library is
    #[arg(long)]
    pub(crate) stats: bool,

    /// Read all of the library and compare it with its checksums
    #[arg(long)]
    pub(crate) verify: bool,

    /// Write the library anew, without the room of what is gone
    #[arg(long)]
    pub(crate) compact: bool,

    /// Drop the pictures that are gone, whatever folder they were in
    #[arg(long)]
    pub(crate) prune: bool,

    /// Print one JSON object, or one a line with --errors
    #[arg(long, conflicts_with_all = ["paths", "verify", "compact", "prune"])]
    pub(crate) json: bool,

    #[command(flatten)]
    pub(crate) library: LibraryArgs,
    #[command(flatten)]
    pub(crate) scan: ScanArgs,
    #[command(flatten)]
    pub(crate) model: ModelArgs,
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
