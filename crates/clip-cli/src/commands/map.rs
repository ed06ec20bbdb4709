//! `clip-cli map`.

mod page;

use std::io::Write;
use std::num::NonZero;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use clip_retrieval::{Content, Filter, Flat, Item, Modality, Store};
use clip_search::{map, thumbnail};

use crate::args::LibraryArgs;
use crate::files::Target;
use crate::progress::Reporter;
use crate::{Outcome, library, output, report};

/// Longer side of a thumbnail in pixels; smaller on a large map, so that a browser bears it.
const SIDE: u32 = 224;
const SIDE_OF_MANY: u32 = 112;
const MANY: usize = 1000;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli map                                        map.html of the whole library
  clip-cli map --index trips.clipindex -o trips.html
  clip-cli map --limit 20000 -o large.html

Pictures that the model finds alike lie close together (t-SNE). The page is one file that needs
nothing else; a click opens the picture where it lies on this machine.")]
pub(crate) struct MapArgs {
    /// The page
    #[arg(short, long, value_name = "FILE", default_value = "map.html")]
    output: PathBuf,

    /// Overwrite the page of an earlier run
    #[arg(long)]
    force: bool,

    /// Show at most this many pictures, evenly taken from the library
    #[arg(long, value_name = "N", default_value_t = NonZero::new(5000).expect("not zero"))]
    limit: NonZero<u32>,

    #[command(flatten)]
    library: LibraryArgs,

    /// The model whose library is shown: a checkpoint file, or a name that `models` lists
    #[arg(long, value_name = "MODEL", env = "CLIP_MODEL", hide_env_values = true)]
    model: Option<PathBuf>,
}

pub(crate) fn run(args: &MapArgs) -> Result<Outcome> {
    let target = Target::new(args.output.clone(), "html", args.force)?;
    let collection = library::open_folder(&args.library, args.model.as_deref())?;
    let snapshot = collection.library()?.snapshot()?;
    let mut pictures = snapshot.items(&Filter::of(Modality::Image))?;
    pictures.retain(|item| item.path().is_some());
    let total = pictures.len();
    if total == 0 {
        bail!(
            "there are no pictures in the library: add some first, as in `clip-cli index ~/Pictures`"
        );
    }
    let limit = args.limit.get() as usize;
    let (mut shown, mut paths) = (Flat::new(snapshot.dimension()), Vec::new());
    for (i, item) in pictures.into_iter().enumerate() {
        if is_taken(i, total, limit)
            && let Some((Item { content: Content::Path(path), id, .. }, vector)) =
                snapshot.get(&item.id)?
        {
            shown.push(&id, &vector)?;
            paths.push(path);
        }
    }
    if shown.len() < total {
        report::note(format_args!(
            "{} of {total} pictures are shown, evenly taken: --limit shows more",
            shown.len()
        ));
    }
    let points = map::layout(&shown)?;
    let paths: Vec<&Path> = paths.iter().map(PathBuf::as_path).collect();
    let side = if paths.len() < MANY { SIDE } else { SIDE_OF_MANY };
    let thumbnails = thumbnail::jpegs(&paths, side, &mut Reporter::new());
    let html = page::html(&page::Map {
        model: snapshot.model_name(),
        total,
        pictures: page::pictures(&paths, &points, &thumbnails),
    })?;
    target.write(html.as_bytes())?;
    warn_of_placeholders(&paths, &thumbnails);

    let mut out = output::stdout();
    let count = output::count(shown.len(), "picture");
    write!(out, "map: ")?;
    out.path(target.path())?;
    writeln!(out, " ({count})")?;
    out.flush()?;
    Ok(Outcome::Found)
}

/// Says once what has no copy: a drive that is not plugged in may hold all of them.
fn warn_of_placeholders(paths: &[&Path], thumbnails: &[clip_search::Result<Vec<u8>>]) {
    let failed = || paths.iter().zip(thumbnails).filter(|(_, thumbnail)| thumbnail.is_err());
    if let Some((path, Err(error))) = failed().next() {
        let count = match failed().count() {
            1 => "1 picture has".to_owned(),
            n => format!("{n} pictures have"),
        };
        let path = path.display().to_string();
        let error = error.to_string();
        let named = if error.contains(&path) { error } else { format!("{path}: {error}") };
        report::warning(format_args!("{count} only a placeholder; the first: {named}"));
    }
}

/// Whether the picture at place `i` of `total` is among `limit` even ones.
fn is_taken(i: usize, total: usize, limit: usize) -> bool {
    let before = |i: usize| (i as u128 * limit as u128).div_ceil(total as u128);
    total <= limit || before(i) < before(i + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(total: usize, limit: usize, expected: &[usize]) {
        let taken: Vec<usize> = (0..total).filter(|i| is_taken(*i, total, limit)).collect();
        assert_eq!(taken, expected, "{limit} of {total}");
    }

    #[test]
    fn a_limit_takes_even_ones() {
        check(3, 5, &[0, 1, 2]);
        check(6, 3, &[0, 2, 4]);
        check(7, 3, &[0, 2, 4]);
        check(5, 4, &[0, 1, 2, 3]);
        check(9, 1, &[0]);
        for limit in 1..40 {
            let count = (0..37).filter(|i| is_taken(*i, 37, limit)).count();
            assert_eq!(count, limit.min(37));
        }
    }
}
