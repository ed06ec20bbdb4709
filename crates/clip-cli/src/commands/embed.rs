//! `clip-cli embed`.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, ArgMatches, Args, ValueEnum};
use clip::{Embedder, Embedding, ReadOptions};
use npyz::WriterBuilder;
use serde::Serialize;

use crate::args::ModelArgs;
use crate::report::{Bar, Skipped};
use crate::{Outcome, model, output};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("input").args(["text", "image"]).required(true).multiple(true)))]
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

    /// Read pictures exactly as the model's reference implementation does, to compare numbers: above
    /// all, EXIF orientation and color profiles are ignored, and large pictures are decoded to the
    /// last pixel
    #[arg(long)]
    exact: bool,

    /// Cut texts that are too long for the model instead of refusing them
    #[arg(long)]
    truncate: bool,

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

/// An input, in the order of the command line.
#[derive(Debug, Clone, Copy)]
enum Input<'a> {
    Text(&'a str),
    Image(&'a Path),
}

#[derive(Serialize)]
struct Row<'a> {
    input: String,
    modality: &'static str,
    embedding: &'a [f32],
}

pub(crate) fn run(args: &EmbedArgs, matches: Option<&ArgMatches>) -> Result<Outcome> {
    if args.format == EmbedFormat::Npy && io::stdout().is_terminal() {
        bail!("a NumPy array is not for reading: send it to a file with `> vectors.npy`");
    }
    let inputs = inputs(args, matches);
    let embedder = model::embedder(&args.model, super::overflow(args.truncate))?;
    let mut skipped = Skipped::default();
    let embeddings = embed(&embedder, args, &inputs, &mut skipped)?;

    let mut out = output::stdout();
    match args.format {
        EmbedFormat::Jsonl => {
            let rows: Vec<Row<'_>> =
                embeddings.iter().map(|(input, embedding)| row(input, embedding)).collect();
            output::json_lines(&mut out, &rows)?;
        }
        EmbedFormat::Npy => {
            let width = embedder.card().config.embed_dim as u64;
            let mut array = npyz::WriteOptions::new()
                .default_dtype()
                .shape(&[embeddings.len() as u64, width])
                .writer(&mut out)
                .begin_nd()?;
            for (_, embedding) in &embeddings {
                array.extend(embedding.as_slice().iter().copied())?;
            }
            array.finish()?;
        }
    }
    out.flush()?;
    skipped.summarize();
    Ok(if skipped.count() > 0 { Outcome::Partial } else { Outcome::Found })
}

fn row<'a>(input: &Input<'_>, embedding: &'a Embedding) -> Row<'a> {
    let (input, modality) = match input {
        Input::Text(text) => ((*text).to_owned(), "text"),
        Input::Image(path) => (path.to_string_lossy().into_owned(), "image"),
    };
    Row { input, modality, embedding: embedding.as_slice() }
}

/// Texts and pictures as they alternate on the command line: clap keeps two lists, and where each
/// value stood.
fn inputs<'a>(args: &'a EmbedArgs, matches: Option<&ArgMatches>) -> Vec<Input<'a>> {
    let places = |name| matches.and_then(|m| m.indices_of(name)).into_iter().flatten();
    let texts = places("text").zip(args.text.iter().map(|text| Input::Text(text)));
    let images = places("image").zip(args.image.iter().map(|path| Input::Image(path)));
    let mut inputs: Vec<_> = texts.chain(images).collect();
    inputs.sort_by_key(|(place, _)| *place);
    inputs.into_iter().map(|(_, input)| input).collect()
}

/// The vectors of all inputs that can be read, in the order given.
fn embed<'a>(
    embedder: &Embedder,
    args: &EmbedArgs,
    inputs: &[Input<'a>],
    skipped: &mut Skipped,
) -> Result<Vec<(Input<'a>, Embedding)>> {
    let mut texts = embedder.texts(&args.text).map_err(super::name_truncate)?.into_iter();
    let options = match args.exact {
        true => ReadOptions::reference(embedder.card().preprocess.mode),
        false => embedder.reading(),
    };
    let bar = Bar::pictures(args.image.len());
    let images: clip::Result<Vec<_>> = embedder.stream(
        &args.image,
        |path, room| room.read(path, &options),
        |results| results.inspect(|_| bar.advance(1)).map(|result| Ok(result?.1)).collect(),
    );
    let mut images = images?.into_iter();
    let mut embeddings = Vec::with_capacity(inputs.len());
    for &input in inputs {
        match input {
            Input::Text(_) => embeddings.extend(texts.next().map(|text| (input, text))),
            Input::Image(path) => match images.next() {
                Some(Ok(image)) => embeddings.push((input, image)),
                Some(Err(error)) => skipped.add(&bar, path, error),
                None => {}
            },
        }
    }
    Ok(embeddings)
}
