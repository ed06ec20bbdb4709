//! `clip-cli import`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clip_search::{GRAPH_ABOVE, build_graph, import};

use crate::args::{LibraryArgs, ModelName};
use crate::progress::Reporter;
use crate::{Outcome, library, model, output};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli import vectors.parquet              what `export` wrote
  clip-cli import embeddings/img_emb/*.npy     what clip-retrieval wrote, with ../metadata beside
  clip-cli import mine.jsonl                   lines such as {\"path\": \"/a/dog.jpg\", \"embedding\": [..]}

Vectors have to be the model's own; --model says which it is. A file that says that they are another's
is refused.")]
pub(crate) struct ImportArgs {
    /// The files: .parquet, .jsonl, or .npy with a .jsonl or .parquet of the same name
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,

    #[command(flatten)]
    library: LibraryArgs,
    #[command(flatten)]
    model: ModelName,
}

pub(crate) fn run(args: &ImportArgs) -> Result<Outcome> {
    let checkpoint = model::checkpoint(args.model.get())?;
    let collection = library::open_or_create(&args.library, &checkpoint)?;
    let mut reporter = Reporter::new();
    let imported = import(collection.store(), &args.files, &mut reporter)?;
    build_graph(&collection, GRAPH_ABOVE, &mut reporter)?;
    let items = collection.store().count()?;
    output::print(|out| {
        writeln!(out, "{} imported", output::count(imported, "item"))?;
        library::print(out, collection.location().as_path(), items)
    })?;
    reporter.summarize();
    Ok(if imported > 0 { Outcome::Found } else { Outcome::Nothing })
}
