//! `clip-cli tags`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use clip_retrieval::Store;
use clip_search::{
    TagChange, change_tags, image_tags, images_below, parse_tag, paths_without_images, tag_counts,
};
use serde::Serialize;

use crate::args::{Format, LibraryArgs};
use crate::{Outcome, library, output, report};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli tags                              all tags, and how many pictures have each
  clip-cli tags show ~/Pictures/2020         what the pictures there are tagged with
  clip-cli tags add holiday ~/Pictures/2020
  clip-cli tags remove holiday ~/Pictures/2020/office.jpg

`search --tag holiday` searches among what is tagged so. Keywords that stand in a file are tags of it,
too: removing one leaves the file as it is. What is added or removed here stays so when a picture is
moved, changed and read anew.")]
pub(crate) struct TagsArgs {
    #[command(subcommand)]
    action: Option<Action>,

    /// Print one JSON array, or what was changed as an object
    #[arg(long, global = true)]
    json: bool,

    /// The folder of the library, or a collection of a Milvus cluster such as
    /// milvus://host:19530/photos [default: in the platform's data folder, one for each model]
    #[arg(long, value_name = "PLACE", env = "CLIP_INDEX", hide_env_values = true, global = true)]
    index: Option<PathBuf>,

    /// The model whose library is meant, where --index does not say which: a file, or a name that
    /// `models` lists
    #[arg(long, value_name = "MODEL", env = "CLIP_MODEL", hide_env_values = true, global = true)]
    model: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Print the tags of pictures
    Show(PathsArgs),
    /// Give pictures a tag
    Add {
        /// The tag
        #[arg(value_name = "TAG", value_parser = parse_tag)]
        tag: String,
        #[command(flatten)]
        below: PathsArgs,
    },
    /// Take a tag off pictures
    Remove {
        /// The tag
        #[arg(value_name = "TAG", value_parser = parse_tag)]
        tag: String,
        #[command(flatten)]
        below: PathsArgs,
    },
}

#[derive(Debug, Args)]
struct PathsArgs {
    /// Pictures, and folders with all that is below them
    #[arg(value_name = "PATH", required = true)]
    paths: Vec<PathBuf>,
}

/// A tag and how many items have it.
#[derive(Serialize)]
struct TagRow {
    tag: String,
    items: usize,
}

pub(crate) fn run(args: &TagsArgs) -> Result<Outcome> {
    let library = LibraryArgs { index: args.index.clone() };
    let collection = library::open(&library, args.model.as_deref())?;
    let store = collection.store();
    match &args.action {
        None => list(store, args.json),
        Some(Action::Show(below)) => show(store, &below.paths, args.json),
        Some(Action::Add { tag, below }) => {
            change(store, &below.paths, TagChange::Add(tag), args.json)
        }
        Some(Action::Remove { tag, below }) => {
            change(store, &below.paths, TagChange::Remove(tag), args.json)
        }
    }
}

fn list(store: &dyn Store, json: bool) -> Result<Outcome> {
    let rows = tag_counts(store)?.into_iter().map(|(tag, items)| TagRow { tag, items });
    let rows: Vec<TagRow> = rows.collect();
    output::list(Format::json(json), &rows, |out| {
        rows.iter().try_for_each(|row| writeln!(out, "{}\t{}", row.items, row.tag))
    })?;
    Ok(if rows.is_empty() { Outcome::Nothing } else { Outcome::Found })
}

fn show(store: &dyn Store, paths: &[PathBuf], json: bool) -> Result<Outcome> {
    let mut rows = image_tags(store, &images_below(paths))?;
    warn_of_missing(store, paths)?;
    rows.iter_mut().for_each(|row| row.path = output::short(&row.path));
    output::list(Format::json(json), &rows, |out| {
        rows.iter().try_for_each(|row| {
            out.write_all(row.path.as_os_str().as_encoded_bytes())?;
            writeln!(out, "\t{}", row.tags.join(", "))
        })
    })?;
    Ok(if rows.is_empty() { Outcome::Nothing } else { Outcome::Found })
}

fn change(
    store: &dyn Store,
    paths: &[PathBuf],
    change: TagChange<'_>,
    json: bool,
) -> Result<Outcome> {
    let filter = images_below(paths);
    warn_of_missing(store, paths)?;
    let done = change_tags(store, &filter, &[change])?;
    let (pictures, same) = (output::count(done.items, "picture"), done.items - done.changed);
    output::object(json, &done, |out| match change {
        TagChange::Add(tag) => {
            writeln!(out, "{pictures}: {} tagged {tag}, {same} before", done.changed)
        }
        TagChange::Remove(tag) => {
            writeln!(out, "{pictures}: {} no longer tagged {tag}, {same} not before", done.changed)
        }
    })?;
    Ok(if done.changed > 0 { Outcome::Found } else { Outcome::Nothing })
}

fn warn_of_missing(store: &dyn Store, paths: &[PathBuf]) -> Result<()> {
    for (path, is_unread) in paths_without_images(store, paths)? {
        let name = path.display();
        match is_unread {
            true => report::warning(format_args!(
                "{name} could not be read (`clip-cli library errors` says why): its tags wait until it can be"
            )),
            false => report::warning(format_args!(
                "{name} is not in the library: `clip-cli index` takes it in"
            )),
        }
    }
    Ok(())
}
