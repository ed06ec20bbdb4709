//! `clip-cli dupes`.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clip_retrieval::Store;
use clip_search::{DuplicateGroup, DuplicateKind, find_duplicates, usual_near};

use crate::args::{Format, FormatArgs, WhichArgs};
use crate::progress::Reporter;
use crate::{Outcome, output, report};

#[derive(Debug, Args)]
#[command(after_help = include_str!("../help/dupes.txt"))]
pub(crate) struct DupesArgs {
    /// Folders and pictures of the library; without any, the whole library
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Only files of the very same content
    #[arg(long, conflicts_with = "near")]
    copies: bool,

    /// How much alike each picture has to be to the best of its group, as a cosine similarity [default:
    /// 0.98; 0.9 with the built-in model]
    #[arg(long, value_name = "SCORE")]
    near: Option<f32>,

    #[command(flatten)]
    format: FormatArgs,

    #[command(flatten)]
    which: WhichArgs,
}

pub(crate) fn run(args: &DupesArgs) -> Result<Outcome> {
    let collection = args.which.open_folder()?;
    let library = collection.library()?;
    let near = || args.near.unwrap_or_else(|| usual_near(library.model_name()));
    let near = (!args.copies).then(near);
    let mut found = find_duplicates(library, &args.paths, near, &mut Reporter::new())?;
    for image in found.groups.iter_mut().flat_map(|group| &mut group.images) {
        image.names_mut().for_each(|name| *name = output::short(name));
    }
    let (format, groups) = (args.format.format(), &found.groups);
    output::list(format, groups, |out| match format {
        Format::Plain => groups.iter().enumerate().try_for_each(|(i, group)| plain(out, i, group)),
        _ => spare(out, format, groups),
    })?;
    found.left_out.notes(output::named).into_iter().for_each(report::warning);
    if !groups.is_empty() {
        report::note(&found);
    }
    Ok(Outcome::found(!groups.is_empty()))
}

/// The names of all but the best: a file goes when its last name does.
fn spare(out: &mut output::Stdout, format: Format, groups: &[DuplicateGroup]) -> io::Result<()> {
    let images = groups.iter().flat_map(|group| group.images.iter().skip(1));
    images.flat_map(|image| image.names()).try_for_each(|name| {
        out.path(name)?;
        out.write_all(format.end())
    })
}

fn plain(out: &mut output::Stdout, number: usize, group: &DuplicateGroup) -> io::Result<()> {
    if number > 0 {
        writeln!(out)?;
    }
    for (place, image) in group.images.iter().enumerate() {
        let label = match (place, group.kind) {
            (0, _) => "best".to_owned(),
            (_, DuplicateKind::Copies) => "copy".to_owned(),
            _ => format!("{:.3}", image.score),
        };
        let labels = std::iter::once(&*label).chain(std::iter::repeat("link"));
        for (label, name) in labels.zip(image.names()) {
            write!(out, "{label}\t{image}\t")?;
            out.line(name)?;
        }
    }
    Ok(())
}
