//! `clip-cli dupes`.

use std::cmp::Reverse;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args;
use clip_retrieval::{Filter, Item, Modality};
use serde::Serialize;

use crate::args::{Format, FormatArgs, LibraryArgs};
use crate::report::Bar;
use crate::{Outcome, output, places, report, scan};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli dupes                          groups of the whole library, the best copy of each first
  clip-cli dupes ~/Pictures/2019          of one folder
  clip-cli dupes --copies -0 | xargs -0 -p rm    ask about removing each copy but the best

Nothing is removed by this program. The best copy is the one with the most pixels, then the one with
the most bytes, then the one indexed first. -f and -0 leave the best copy of each group out.")]
pub(crate) struct DupesArgs {
    /// Folders and pictures of the library; without any, the whole library
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Only files of the very same content
    #[arg(long, conflicts_with = "near")]
    copies: bool,

    /// How much alike pictures have to be, as a cosine similarity
    #[arg(long, value_name = "SCORE", default_value_t = 0.98)]
    near: f32,

    #[command(flatten)]
    format: FormatArgs,

    #[command(flatten)]
    library: LibraryArgs,

    /// The model whose library is meant: a checkpoint file, or a name that `models` lists
    #[arg(long, value_name = "MODEL", env = "CLIP_MODEL", hide_env_values = true)]
    model: Option<PathBuf>,
}

/// Pictures that are much alike, the best first.
#[derive(Debug, Serialize)]
struct Group {
    /// `copies` of one content, or `near`.
    kind: &'static str,
    /// The least similarity by which one hangs together with another; 1 for copies.
    score: f32,
    pictures: Vec<Picture>,
}

#[derive(Debug, Serialize)]
struct Picture {
    #[serde(serialize_with = "output::lossy")]
    path: PathBuf,
    #[serde(skip_serializing_if = "Option::is_none")]
    width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    height: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
}

pub(crate) fn run(args: &DupesArgs) -> Result<Outcome> {
    let library = places::open_library(&args.library, args.model.as_deref())?;
    let under = args.paths.iter().map(|path| scan::absolute(path)).collect::<Result<_>>()?;
    let filter = Filter { under, ..Filter::of(Modality::Image) };
    let copies = library.copies(&filter)?;
    let mut groups: Vec<Group> =
        copies.into_iter().map(|items| group("copies", 1.0, items)).collect();
    if !args.copies {
        let bar = Bar::pictures(0);
        let alike = library.alike(args.near, &filter, |done, of| bar.stand(done, of))?;
        drop(bar);
        groups.extend(alike.into_iter().map(|alike| group("near", alike.score, alike.items)));
    }
    print(args.format.format(), &groups)?;
    if groups.is_empty() {
        return Ok(Outcome::Nothing);
    }
    let spare = |kind| -> usize {
        let groups = groups.iter().filter(|group| group.kind == kind);
        groups.map(|group| group.pictures.len() - 1).sum()
    };
    report::note(format_args!(
        "{} of the same content and {} much alike beside the best of each group",
        output::count(spare("copies"), "file"),
        output::count(spare("near"), "picture")
    ));
    Ok(Outcome::Found)
}

fn group(kind: &'static str, score: f32, mut items: Vec<Item>) -> Group {
    let pixels = |item: &Item| item.facts.size.map(|[w, h]| u64::from(w) * u64::from(h));
    // The order of insertion stays among equals.
    items.sort_by_key(|item| Reverse((pixels(item), item.stamp.map(|stamp| stamp.size))));
    let current = std::env::current_dir().ok();
    let picture = |item: &Item| {
        let path = output::shorten(item.path()?, current.as_deref()).to_owned();
        let [width, height] =
            item.facts.size.map_or([None; 2], |[width, height]| [Some(width), Some(height)]);
        Some(Picture { path, width, height, bytes: item.stamp.map(|stamp| stamp.size) })
    };
    Group { kind, score, pictures: items.iter().filter_map(picture).collect() }
}

fn print(format: Format, groups: &[Group]) -> Result<()> {
    let mut out = output::stdout();
    match format {
        Format::Json => output::json(&mut out, groups)?,
        Format::JsonLines => output::json_lines(&mut out, groups)?,
        Format::Plain => {
            for (i, group) in groups.iter().enumerate() {
                if i > 0 {
                    writeln!(out)?;
                }
                for (place, picture) in group.pictures.iter().enumerate() {
                    let label = match (place, group.kind) {
                        (0, _) => "best".to_owned(),
                        (_, "copies") => "copy".to_owned(),
                        _ => format!("{:.3}", group.score),
                    };
                    write!(out, "{label}\t{}\t", facts(picture))?;
                    path(&mut out, &picture.path, b"\n")?;
                }
            }
        }
        Format::Paths | Format::Null => {
            let end: &[u8] = if format == Format::Null { b"\0" } else { b"\n" };
            for picture in groups.iter().flat_map(|group| group.pictures.iter().skip(1)) {
                path(&mut out, &picture.path, end)?;
            }
        }
    }
    out.flush()?;
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

fn path(out: &mut output::Stdout, path: &Path, end: &[u8]) -> std::io::Result<()> {
    out.path(path)?;
    out.write_all(end)
}
