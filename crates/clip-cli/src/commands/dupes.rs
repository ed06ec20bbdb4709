//! `clip-cli dupes`.

use std::io::{self, Write};
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clip_retrieval::{Filter, Modality, Store};
use clip_search::{DuplicateGroup, DuplicateKind, Duplicates, LeftOutFiles, absolute};
use serde::Serialize;

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

/// Pictures that are much alike, the best first.
#[derive(Debug, Serialize)]
struct Group {
    /// `copies` of one content, or `near`.
    kind: &'static str,
    /// The least similarity of one of them to the best; 1 for copies.
    score: f32,
    pictures: Vec<Picture>,
}

#[derive(Debug, Serialize)]
struct Picture {
    #[serde(serialize_with = "output::lossy")]
    path: PathBuf,
    /// Other names of the same file.
    #[serde(skip_serializing_if = "Vec::is_empty", serialize_with = "lossy_paths")]
    links: Vec<PathBuf>,
    /// How much alike it is to the best.
    score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
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
    let groups: Vec<Group> = copies.into_iter().chain(near).map(Group::from).collect();
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

impl From<DuplicateGroup> for Group {
    fn from(DuplicateGroup { kind, score, images }: DuplicateGroup) -> Self {
        let pictures = images.into_iter().map(|image| Picture {
            path: output::short(&image.path),
            links: image.links.iter().map(|link| output::short(link)).collect(),
            score: image.score,
            width: image.size.map(|[width, _]| width),
            height: image.size.map(|[_, height]| height),
            bytes: image.bytes,
        });
        let kind = match kind {
            DuplicateKind::Copies => "copies",
            DuplicateKind::Near => "near",
        };
        Self { kind, score, pictures: pictures.collect() }
    }
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

fn lossy_paths<S: serde::Serializer>(paths: &[PathBuf], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(paths.iter().map(|path| path.to_string_lossy()))
}

fn print(format: Format, groups: &[Group]) -> Result<()> {
    Ok(output::list(format, groups, |out| {
        if format == Format::Plain {
            return groups.iter().enumerate().try_for_each(|(i, group)| plain(out, i, group));
        }
        let end: &[u8] = if format == Format::Null { b"\0" } else { b"\n" };
        for picture in groups.iter().flat_map(|group| group.pictures.iter().skip(1)) {
            // A file goes when its last name does.
            for name in std::iter::once(&picture.path).chain(&picture.links) {
                out.path(name)?;
                out.write_all(end)?;
            }
        }
        Ok(())
    })?)
}

fn plain(out: &mut output::Stdout, number: usize, group: &Group) -> io::Result<()> {
    if number > 0 {
        writeln!(out)?;
    }
    for (place, picture) in group.pictures.iter().enumerate() {
        let label = match (place, group.kind) {
            (0, _) => "best".to_owned(),
            (_, "copies") => "copy".to_owned(),
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
fn facts(picture: &Picture) -> String {
    let size = match (picture.width, picture.height) {
        (Some(width), Some(height)) => format!("{width}×{height}"),
        _ => "?".to_owned(),
    };
    match picture.bytes {
        Some(bytes) => format!("{size}, {:.0} kB", bytes as f64 / 1e3),
        None => size,
    }
}
