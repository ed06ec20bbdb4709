//! `clip-cli embed`.

use std::io::{self, IsTerminal};
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, ArgMatches, Args, ValueEnum};
use clip::ReadOptions;
use clip_retrieval::{Content, exchange};
use clip_search::encode_inputs;

use crate::args::{Format, ModelArgs, TruncateArgs};
use crate::progress::Reporter;
use crate::{Outcome, model, output};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("input").args(["text", "image"]).required(true).multiple(true)))]
#[command(mut_arg("truncate", |arg| arg.requires("text")))]
pub(crate) struct EmbedArgs {
    /// A text (repeatable)
    #[arg(short, long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    text: Vec<String>,

    /// A picture (repeatable)
    #[arg(short, long, value_name = "FILE")]
    image: Vec<PathBuf>,

    /// What to print: an object with input, modality and embedding a line, or one NumPy array
    #[arg(long, value_enum, default_value_t = EmbedFormat::Jsonl)]
    format: EmbedFormat,

    /// Read pictures exactly as the model's reference does, to compare numbers: EXIF orientation and
    /// color profiles are ignored, and every pixel of large pictures is decoded
    #[arg(long, requires = "image")]
    exact: bool,

    #[command(flatten)]
    truncate: TruncateArgs,
    #[command(flatten)]
    model: ModelArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum EmbedFormat {
    /// One JSON object a line
    Jsonl,
    /// A NumPy array of f32, one row an input
    Npy,
}

pub(crate) fn run(args: &EmbedArgs, matches: Option<&ArgMatches>) -> Result<Outcome> {
    if args.format == EmbedFormat::Npy && io::stdout().is_terminal() {
        bail!("a NumPy array is not for reading: send it to a file with `> vectors.npy`");
    }
    let embedder = model::embedder(&args.model, args.truncate.overflow())?;
    let options = match args.exact {
        true => ReadOptions::reference(embedder.card().preprocess.mode),
        false => embedder.reading(),
    };
    let mut reporter = Reporter::new();
    let encoded = encode_inputs(&embedder, &inputs(args, matches), &options, &mut reporter)?;
    match args.format {
        EmbedFormat::Jsonl => output::list(Format::JsonLines, &encoded, |_| Ok(()))?,
        EmbedFormat::Npy => {
            let rows: Vec<&[f32]> = encoded.iter().map(|row| row.embedding.as_slice()).collect();
            let width = embedder.card().config.embed_dim;
            output::print(|out| exchange::write_array(out, &rows, width))?;
        }
    }
    Ok(reporter.outcome())
}

/// Texts and pictures as they alternate on the command line: clap keeps two lists, and where each value
/// stood.
fn inputs(args: &EmbedArgs, matches: Option<&ArgMatches>) -> Vec<Content> {
    let places = |name| matches.and_then(|m| m.indices_of(name)).into_iter().flatten();
    let texts = args.text.iter().cloned().map(Content::Text);
    let images = args.image.iter().cloned().map(Content::Path);
    let mut inputs: Vec<_> = places("text").zip(texts).chain(places("image").zip(images)).collect();
    inputs.sort_by_key(|(place, _)| *place);
    inputs.into_iter().map(|(_, input)| input).collect()
}
