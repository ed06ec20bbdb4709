//! `clip-cli library`: what is in the library, and keeping it in order.

use std::ffi::OsString;
use std::fmt::Display;
use std::io::Write;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use clip_search::{
    Collection, GRAPH_ABOVE, UnreadableFile, compact, prune, prune_plan, remove, remove_plan,
};

use crate::args::{Format, WhichArgs};
use crate::progress::{self, Reporter};
use crate::{Outcome, output, report};

#[derive(Debug, Args)]
#[command(mut_args(|arg| arg.global(true)))]
pub(crate) struct MaintenanceArgs {
    #[command(subcommand)]
    command: MaintenanceCommand,
    #[command(flatten)]
    which: WhichArgs,
}

#[derive(Debug, Subcommand)]
enum MaintenanceCommand {
    /// Say how large the library is
    Stats {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// List the files that could not be read, and why
    Errors {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Read all of the library and compare it with its checksums
    Verify,
    /// Write the library anew, without the room of what is gone
    Compact {
        /// Make a graph to search by (HNSW) over so many vectors
        #[arg(long, value_name = "N", env = "CLIP_HNSW_ABOVE", hide_env_values = true, default_value_t = GRAPH_ABOVE)]
        hnsw_above: usize,
    },
    /// Drop the pictures that are gone, whatever folder they were in
    Prune(DryArgs),
    /// Take pictures and texts off the library, by their paths or their ids
    Remove {
        /// Pictures and texts: a path, an id, or the words of a text
        #[arg(value_name = "ITEM", required = true)]
        items: Vec<OsString>,
        #[command(flatten)]
        dry: DryArgs,
    },
}

#[derive(Debug, Args)]
struct DryArgs {
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
}

pub(crate) fn run(args: &MaintenanceArgs) -> Result<Outcome> {
    match &args.command {
        MaintenanceCommand::Stats { json } => {
            let stats = args.which.open()?.stats()?;
            output::object(*json, &stats, |out| writeln!(out, "{stats}"))?;
            Ok(Outcome::Found)
        }
        MaintenanceCommand::Errors { json } => errors(&args.which.open()?, *json),
        MaintenanceCommand::Verify => verify(&args.which.open_folder()?),
        MaintenanceCommand::Compact { hnsw_above } => {
            let collection = args.which.open_folder()?;
            let compacted = compact(&collection, *hnsw_above, &mut Reporter::new())?;
            output::print(|out| writeln!(out, "{compacted}"))?;
            Ok(Outcome::Found)
        }
        MaintenanceCommand::Prune(DryArgs { dry_run }) => {
            let collection = args.which.open()?;
            let pruned = match dry_run {
                true => prune_plan(collection.store())?,
                false => prune(collection.store())?,
            };
            report::left_out(pruned.note());
            print_gone(&pruned, pruned.gone, *dry_run)
        }
        MaintenanceCommand::Remove { items, dry: DryArgs { dry_run } } => {
            let collection = args.which.open()?;
            let removed = match dry_run {
                true => remove_plan(collection.store(), items)?,
                false => remove(collection.store(), items)?,
            };
            for name in &removed.unknown {
                report::warning(format_args!("{} is not in the library", name.display()));
            }
            print_gone(&removed, removed.gone, *dry_run)
        }
    }
}

fn errors(collection: &Collection, json: bool) -> Result<Outcome> {
    let mut files = collection.unreadable_files()?;
    for UnreadableFile { path, error } in &mut files {
        let short = output::short(path);
        *error = progress::shortened(std::mem::take(error), path, &short);
        *path = short;
    }
    let format = if json { Format::JsonLines } else { Format::Plain };
    output::list(format, &files, |out| {
        files.iter().try_for_each(|UnreadableFile { path, error }| {
            if !progress::names(error, path) {
                out.path(path)?;
                write!(out, ": ")?;
            }
            out.text(error)?;
            writeln!(out)
        })
    })?;
    Ok(Outcome::found(!files.is_empty()))
}

fn verify(collection: &Collection) -> Result<Outcome> {
    let library = collection.library()?;
    let found = library.verify()?;
    for error in &found {
        report::warning(error);
    }
    if found.len() + usize::from(library.lost().is_some()) > 0 {
        bail!("the library is not what was written");
    }
    let items = output::count(library.len(), "item");
    output::print(|out| writeln!(out, "{items}: all is as it was written"))?;
    Ok(Outcome::Found)
}

fn print_gone(done: &impl Display, gone: usize, dry_run: bool) -> Result<Outcome> {
    let dry = if dry_run { " (nothing was done)" } else { "" };
    output::print(|out| writeln!(out, "{done}{dry}"))?;
    Ok(Outcome::found(gone > 0))
}
