//! `clip-cli dupes`.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clip_retrieval::{Filter, Modality, Store};
use clip_search::{
    DuplicateGroup, DuplicateImage, DuplicateKind, Duplicates, LeftOutFiles, absolute,
};

use crate::args::{Format, FormatArgs, WhichArgs};
use crate::progress::Reporter;
use crate::{Outcome, output, report};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli dupes                          groups of the whole library, the best copy of each first
  clip-cli dupes ~/Pictures/2019          of one folder
  clip-cli dupes --copies -0 | xargs -0 -p rm    ask about removing each copy but the best

Nothing is removed by this program. The best copy is the one with the most pixels, then the one with
the most bytes, then the one with the most names (hard links), then the one indexed first. -f and -0
leave the best copy of each group out.

Each file that is listed was read just now, and is what was indexed. What is gone or was changed is left
out, and so are the other names of one file, by which nothing is stored twice.")]
pub(crate) struct DupesArgs {
    /// Folders and pictures of the library; without any, the whole library
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Only files of the very same content
    #[arg(long, conflicts_with = "near")]
    copies: bool,

    /// How much alike each picture has to be to the best of its group, as a cosine similarity
    #[arg(long, value_name = "SCORE", default_value_t = 0.98)]
    near: f32,

    #[command(flatten)]
    format: FormatArgs,

    #[command(flatten)]
    which: WhichArgs,
}

pub(crate) fn run(args: &DupesArgs) -> Result<Outcome> {
    let collection = args.which.open_folder()?;
    let library = collection.library()?;
    let under = args.paths.iter().map(|path| absolute(path)).collect::<clip_search::Result<_>>()?;
    let filter = Filter { under, ..Filter::of(Modality::Image) };
    let mut duplicates = Duplicates::new(library.items(&filter)?);
    let mut reporter = Reporter::new();
    let copies = duplicates.copies(&mut reporter);
    let near = match args.copies {
        true => Vec::new(),
        false => duplicates.near(library, args.near, &mut reporter)?,
    };
    let spare = [&copies, &near]
        .map(|groups| -> usize { groups.iter().map(|group| group.images.len() - 1).sum() });
    let mut groups: Vec<DuplicateGroup> = copies.into_iter().chain(near).collect();
    for image in groups.iter_mut().flat_map(|group| &mut group.images) {
        let names = std::iter::once(&mut image.path).chain(&mut image.links);
        names.for_each(|name| *name = output::short(name));
    }
    print(args.format.format(), &groups)?;
    warn_of_left_out(duplicates.left_out());
    if groups.is_empty() {
        return Ok(Outcome::Nothing);
    }
    report::note(format_args!(
        "{} of the same content and {} much alike beside the best of each group",
        output::count(spare[0], "file"),
        output::count(spare[1], "picture")
    ));
    Ok(Outcome::Found)
}

/// Says what was left out, and what helps.
fn warn_of_left_out(left_out: &LeftOutFiles) {
    for (tally, reason, advice) in [
        (&left_out.gone, "no longer there", "index its folder again, or plug in its drive"),
        (&left_out.changed, "changed since it was indexed", "index its folder again"),
        (
            &left_out.other_content,
            "of another content than was indexed, with the same size and time",
            "give it a new time, as with `touch`, and index its folder again",
        ),
        (&left_out.unreadable, "cannot be read", "see who may read it"),
    ] {
        if let Some(first) = &tally.first {
            let pictures = output::count(tally.count, "picture");
            let first = output::short(first);
            let such = if tally.count > 1 { "such as " } else { "" };
            report::warning(format_args!(
                "{pictures} left out ({reason}), {such}{}: {advice}",
                first.display()
            ));
        }
    }
}

fn print(format: Format, groups: &[DuplicateGroup]) -> Result<()> {
    Ok(output::list(format, groups, |out| {
        if format == Format::Plain {
            return groups.iter().enumerate().try_for_each(|(i, group)| plain(out, i, group));
        }
        let end: &[u8] = if format == Format::Null { b"\0" } else { b"\n" };
        for picture in groups.iter().flat_map(|group| group.images.iter().skip(1)) {
            // A file goes when its last name does.
            for name in std::iter::once(&picture.path).chain(&picture.links) {
                out.path(name)?;
                out.write_all(end)?;
            }
        }
        Ok(())
    })?)
}

fn plain(out: &mut output::Stdout, number: usize, group: &DuplicateGroup) -> io::Result<()> {
    if number > 0 {
        writeln!(out)?;
    }
    for (place, picture) in group.images.iter().enumerate() {
        let label = match (place, group.kind) {
            (0, _) => "best".to_owned(),
            (_, DuplicateKind::Copies) => "copy".to_owned(),
            _ => format!("{:.3}", picture.score),
        };
        write!(out, "{label}\t{}\t", facts(picture))?;
        out.line(&picture.path)?;
        for link in &picture.links {
            write!(out, "link\t{}\t", facts(picture))?;
            out.line(link)?;
        }
    }
    Ok(())
}

/// What makes one copy better than another.
fn facts(picture: &DuplicateImage) -> String {
    let size = match (picture.width, picture.height) {
        (Some(width), Some(height)) => format!("{width}×{height}"),
        _ => "?".to_owned(),
    };
    match picture.bytes {
        Some(bytes) => format!("{size}, {:.0} kB", bytes as f64 / 1e3),
        None => size,
    }
}
