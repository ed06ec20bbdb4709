//! `clip-cli embed`.

use std::io::{self, IsTerminal};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, ArgMatches, Args, ValueEnum};
use clip::{Embedding, ReadOptions};
use clip_retrieval::exchange;
use clip_search::encode_files;
use serde::Serialize;

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

#[derive(Serialize)]
struct Row<'a> {
    input: String,
    modality: &'static str,
    embedding: &'a [f32],
}

/// An input, in the order of the command line.
enum Input<'a> {
    Text(&'a str),
    Image(&'a Path),
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
    let texts = embedder.texts(&args.text)?;
    let images = encode_files(&embedder, &args.image, &options, &mut reporter)?;
    let embeddings = ordered(args, matches, texts, images);
    match args.format {
        EmbedFormat::Jsonl => {
            let rows: Vec<_> = embeddings.iter().map(|(input, it)| row(input, it)).collect();
            output::list(Format::JsonLines, &rows, |_| Ok(()))?;
        }
        EmbedFormat::Npy => {
            let rows: Vec<&[f32]> = embeddings.iter().map(|(_, it)| it.as_slice()).collect();
            let width = embedder.card().config.embed_dim;
            output::print(|out| exchange::write_array(out, &rows, width))?;
        }
    }
    Ok(reporter.outcome())
}

fn row<'a>(input: &Input<'_>, embedding: &'a Embedding) -> Row<'a> {
    let (input, modality) = match input {
        Input::Text(text) => ((*text).to_owned(), "text"),
        Input::Image(path) => (path.to_string_lossy().into_owned(), "image"),
    };
    Row { input, modality, embedding: embedding.as_slice() }
}

/// Texts and pictures that were read, as they alternate on the command line: clap keeps two lists, and
/// where each value stood.
fn ordered<'a>(
    args: &'a EmbedArgs,
    matches: Option<&ArgMatches>,
    texts: Vec<Embedding>,
    images: Vec<Option<Embedding>>,
) -> Vec<(Input<'a>, Embedding)> {
    let places = |name| matches.and_then(|m| m.indices_of(name)).into_iter().flatten();
    let texts = args.text.iter().map(|text| Input::Text(text)).zip(texts.into_iter().map(Some));
    let images = args.image.iter().map(|path| Input::Image(path)).zip(images);
    let mut inputs: Vec<_> = places("text").zip(texts).chain(places("image").zip(images)).collect();
    inputs.sort_by_key(|(place, _)| *place);
    inputs.into_iter().filter_map(|(_, (input, embedding))| Some((input, embedding?))).collect()
}
