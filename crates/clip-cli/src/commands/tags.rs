//! `clip-cli tags`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use clip_retrieval::Store;
use clip_search::{
    TagChange, change_tags, image_tags, images_below, parse_tag, paths_without_images, tag_counts,
};

use crate::args::{Format, WhichArgs};
use crate::{Outcome, hints, output, report};

#[derive(Debug, Args)]
#[command(after_help = include_str!("../help/tags.txt"))]
#[command(mut_args(|arg| arg.global(true)))]
pub(crate) struct TagsArgs {
    #[command(subcommand)]
    action: Option<Action>,

    /// Print one JSON array, or what was changed as an object
    #[arg(long)]
    json: bool,

    #[command(flatten)]
    which: WhichArgs,
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

pub(crate) fn run(args: &TagsArgs) -> Result<Outcome> {
    let collection = args.which.open()?;
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
    let rows = tag_counts(store)?;
    output::list(Format::json(json), &rows, |out| {
        rows.iter().try_for_each(|row| writeln!(out, "{}\t{}", row.items, row.tag))
    })?;
    Ok(Outcome::found(!rows.is_empty()))
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
    Ok(Outcome::found(!rows.is_empty()))
}

fn change(
    store: &dyn Store,
    paths: &[PathBuf],
    change: TagChange<'_>,
    json: bool,
) -> Result<Outcome> {
    warn_of_missing(store, paths)?;
    let done = change_tags(store, &images_below(paths), &[change])?;
    output::object(json, &done, |out| writeln!(out, "{}", change.describe(&done)))?;
    Ok(Outcome::found(done.changed > 0))
}

fn warn_of_missing(store: &dyn Store, paths: &[PathBuf]) -> Result<()> {
    for (path, is_unread) in paths_without_images(store, paths)? {
        report::warning(hints::untagged(path, is_unread));
    }
    Ok(())
}
