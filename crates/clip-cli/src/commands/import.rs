//! `clip-cli import`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, anyhow};
use clap::Args;
use clip_retrieval::exchange::{self, ImportObserver, Importer, TextLine, Warning};
use clip_search::{GRAPH_ABOVE, build_graph};

use crate::args::LibraryArgs;
use crate::progress::Reporter;
use crate::report::{self, Bar, Skipped};
use crate::{Outcome, hints, library, model, output};

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

    /// The model that made the vectors: a checkpoint file, or a name that `models` lists
    #[arg(long, value_name = "MODEL", env = "CLIP_MODEL", hide_env_values = true)]
    model: Option<PathBuf>,
}

pub(crate) fn run(args: &ImportArgs) -> Result<Outcome> {
    let checkpoint = model::checkpoint(args.model.as_deref())?;
    let collection = library::open_or_create(&args.library, &checkpoint)?;
    let mut observer = Observer { bar: Bar::spinner("imports"), skipped: Skipped::default() };
    let mut writer = collection.store().writer()?;
    let mut importer = Importer::new(&mut *writer, &lines)?;
    let mut failed = None;
    for file in &args.files {
        if let Err(error) = importer.import(file, &mut observer) {
            failed = Some(hinted(error).context(format!("cannot import {}", file.display())));
            break;
        }
    }
    let imported = importer.imported();
    // What was read before is whole.
    writer.commit()?;
    drop(writer);
    let Observer { bar, skipped } = observer;
    drop(bar);
    if let Some(error) = failed {
        if imported > 0 {
            report::note(format_args!("{} imported before", output::count(imported, "item")));
        }
        return Err(error);
    }
    build_graph(&collection, GRAPH_ABOVE, &mut Reporter::new())?;
    let mut out = output::stdout();
    writeln!(out, "{} imported", output::count(imported, "item"))?;
    library::print(&mut out, collection.location().as_path(), collection.store().count()?)?;
    out.flush()?;
    skipped.summarize();
    Ok(if imported > 0 { Outcome::Found } else { Outcome::Nothing })
}

/// Text files of people, in whatever encoding they have.
fn lines(path: &Path) -> exchange::Result<Box<dyn Iterator<Item = TextLine>>> {
    let lines =
        clip_data::text::lines(path).map_err(|error| exchange::Error::Text(error.into()))?;
    Ok(Box::new(lines.map(|line| {
        let line = line?;
        Ok((line.number, line.text))
    })))
}

/// Names the option that helps.
fn hinted(error: exchange::Error) -> anyhow::Error {
    match error {
        exchange::Error::OtherModel { .. } => anyhow!("{error}: name the model with --model"),
        error => error.into(),
    }
}

/// Says what happens.
struct Observer {
    bar: Bar,
    skipped: Skipped,
}

impl ImportObserver for Observer {
    fn skipped(&mut self, file: &Path, record: usize, error: &exchange::Error) {
        let error: &(dyn std::error::Error + 'static) = error;
        let reason = hints::message(std::iter::successors(Some(error), |error| error.source()));
        self.skipped.add(&self.bar, file, format_args!("record {record}: {reason}"));
    }

    fn warning(&mut self, warning: Warning<'_>) {
        let Warning::NoProvenance { file, model } = warning else { return };
        let file = file.display();
        self.bar.suspend(|| {
            report::warning(format_args!(
                "{file} does not say which model made its vectors: they are taken for those of {model}"
            ));
        });
    }
}
