//! `clip-cli library`: what is in the library, and keeping it in order.

mod stats;

use std::ffi::OsString;
use std::io::Write;

use anyhow::{Result, bail};
use clap::{Args, Subcommand};
use clip_search::{
    Collection, Compacted, GRAPH_ABOVE, Pruned, Removed, compact, prune, prune_plan, remove,
    remove_plan,
};

use crate::args::WhichArgs;
use crate::progress::Reporter;
use crate::{Outcome, left_out, output, report};

#[derive(Debug, Args)]
pub(crate) struct MaintenanceArgs {
    #[command(subcommand)]
    command: MaintenanceCommand,
}

#[derive(Debug, Subcommand)]
enum MaintenanceCommand {
    /// Say how large the library is
    Stats {
        /// Print one JSON object
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        which: WhichArgs,
    },
    /// List the files that could not be read, and why
    Errors {
        /// Print one JSON object a line
        #[arg(long)]
        json: bool,
        #[command(flatten)]
        which: WhichArgs,
    },
    /// Read all of the library and compare it with its checksums
    Verify(WhichArgs),
    /// Write the library anew, without the room of what is gone
    Compact {
        /// Make a graph to search by (HNSW) over so many vectors
        #[arg(long, value_name = "N", env = "CLIP_HNSW_ABOVE", hide_env_values = true, default_value_t = GRAPH_ABOVE)]
        hnsw_above: usize,
        #[command(flatten)]
        which: WhichArgs,
    },
    /// Drop the pictures that are gone, whatever folder they were in
    Prune {
        #[command(flatten)]
        dry: DryArgs,
        #[command(flatten)]
        which: WhichArgs,
    },
    /// Take pictures and texts off the library, by their paths or their ids
    Remove {
        /// Pictures and texts: a path, an id, or the words of a text
        #[arg(value_name = "ITEM", required = true)]
        items: Vec<OsString>,
        #[command(flatten)]
        dry: DryArgs,
        #[command(flatten)]
        which: WhichArgs,
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
        MaintenanceCommand::Stats { json, which } => stats::stats(&which.open()?.stats()?, *json),
        MaintenanceCommand::Errors { json, which } => stats::errors(which.open()?.store(), *json),
        MaintenanceCommand::Verify(which) => verify(&which.open_folder()?),
        MaintenanceCommand::Compact { hnsw_above, which } => {
            let collection = which.open_folder()?;
            let compacted = compact(&collection, *hnsw_above, &mut Reporter::new())?;
            print_compacted(&collection, compacted)
        }
        MaintenanceCommand::Prune { dry: DryArgs { dry_run }, which } => {
            let collection = which.open()?;
            let Pruned { gone, unplugged, left } = match dry_run {
                true => prune_plan(collection.store())?,
                false => prune(collection.store())?,
            };
            if unplugged > 0 {
                report::note(left_out::unplugged(unplugged));
            }
            print_gone(left, gone, *dry_run)
        }
        MaintenanceCommand::Remove { items, dry: DryArgs { dry_run }, which } => {
            let collection = which.open()?;
            let removed = match dry_run {
                true => remove_plan(collection.store(), items)?,
                false => remove(collection.store(), items)?,
            };
            for name in &removed.unknown {
                report::warning(format_args!("{} is not in the library", name.display()));
            }
            let Removed { gone, left, .. } = removed;
            print_gone(left, gone, *dry_run)
        }
    }
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

fn print_compacted(collection: &Collection, compacted: Compacted) -> Result<Outcome> {
    let items = output::count(collection.store().count()?, "item");
    let Compacted { before, after } = compacted;
    let [before, after] = [before, after].map(|bytes| bytes as f64 / 1e6);
    output::print(|out| writeln!(out, "{items}: {after:.1} MB, before {before:.1} MB"))?;
    Ok(Outcome::Found)
}

fn print_gone(left: usize, gone: usize, dry_run: bool) -> Result<Outcome> {
    let dry = if dry_run { " (nothing was done)" } else { "" };
    output::print(|out| writeln!(out, "{}: {gone} gone{dry}", output::count(left, "item")))?;
    Ok(if gone > 0 { Outcome::Found } else { Outcome::Nothing })
}
