//! `clip-cli library`: what is in the library, and keeping it in order.

mod maintenance;
mod stats;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::{Args, Subcommand};
use clip_retrieval::{Library, Store};

use super::index::HNSW_ABOVE;
use crate::args::LibraryArgs;
use crate::{Outcome, places};

#[derive(Debug, Args)]
pub(crate) struct MaintenanceArgs {
    #[command(subcommand)]
    pub(super) command: MaintenanceCommand,
}

#[derive(Debug, Subcommand)]
pub(super) enum MaintenanceCommand {
    /// Say how large the library is
    Stats(StatsArgs),
    /// List the files that could not be read, and why
    Errors(ErrorsArgs),
    /// Read all of the library and compare it with its checksums
    Verify(WhichArgs),
    /// Write the library anew, without the room of what is gone
    Compact(CompactArgs),
    /// Drop the pictures that are gone, whatever folder they were in
    Prune(PruneArgs),
    /// Take pictures and texts off the library, by their paths or their ids
    Remove(RemoveArgs),
}

/// The library that is meant.
#[derive(Debug, Clone, Args)]
pub(super) struct WhichArgs {
    #[command(flatten)]
    pub(super) library: LibraryArgs,

    /// The model whose library is meant: a checkpoint file, or a name that `models` lists
    #[arg(long, value_name = "MODEL", env = "CLIP_MODEL", hide_env_values = true)]
    pub(super) model: Option<PathBuf>,
}

impl WhichArgs {
    fn model(&self) -> Option<&Path> {
        self.model.as_deref()
    }

    fn store(&self) -> Result<Box<dyn Store>> {
        places::open_store(&self.library, self.model())
    }

    /// For what a library in a folder alone can do.
    fn folder(&self) -> Result<Library> {
        places::open_library(&self.library, self.model())
    }
}

#[derive(Debug, Args)]
pub(super) struct StatsArgs {
    /// Print one JSON object
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) which: WhichArgs,
}

#[derive(Debug, Args)]
pub(super) struct ErrorsArgs {
    /// Print one JSON object a line
    #[arg(long)]
    pub(super) json: bool,

    #[command(flatten)]
    pub(super) which: WhichArgs,
}

#[derive(Debug, Args)]
pub(super) struct CompactArgs {
    /// Make a graph to search by (HNSW) over so many vectors
    #[arg(long, value_name = "N", env = "CLIP_HNSW_ABOVE", hide_env_values = true, default_value_t = HNSW_ABOVE)]
    pub(super) hnsw_above: usize,

    #[command(flatten)]
    pub(super) which: WhichArgs,
}

#[derive(Debug, Args)]
pub(super) struct PruneArgs {
    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,

    #[command(flatten)]
    pub(super) which: WhichArgs,
}

#[derive(Debug, Args)]
pub(super) struct RemoveArgs {
    /// Pictures and texts: a path, an id, or the words of a text
    #[arg(value_name = "ITEM", required = true)]
    pub(super) items: Vec<OsString>,

    /// Say what would be done, and do nothing
    #[arg(long)]
    pub(super) dry_run: bool,

    #[command(flatten)]
    pub(super) which: WhichArgs,
}

pub(crate) fn run(args: &MaintenanceArgs) -> Result<Outcome> {
    match &args.command {
        MaintenanceCommand::Stats(StatsArgs { json, which }) => match which.library.is_cluster() {
            true => stats::of_cluster(&*which.store()?, *json),
            false => stats::stats(&which.folder()?, *json),
        },
        MaintenanceCommand::Errors(ErrorsArgs { json, which }) => {
            stats::errors(&*which.store()?, *json)
        }
        MaintenanceCommand::Verify(which) => maintenance::verify(&which.folder()?),
        MaintenanceCommand::Compact(CompactArgs { hnsw_above, which }) => {
            maintenance::compact(&mut which.folder()?, *hnsw_above)
        }
        MaintenanceCommand::Prune(PruneArgs { dry_run: true, which }) => {
            maintenance::prune_dry_run(&*which.store()?)
        }
        MaintenanceCommand::Prune(PruneArgs { which, .. }) => {
            maintenance::prune(&mut *which.store()?)
        }
        MaintenanceCommand::Remove(RemoveArgs { items, dry_run: true, which }) => {
            maintenance::remove_dry_run(&*which.store()?, items)
        }
        MaintenanceCommand::Remove(RemoveArgs { items, which, .. }) => {
            maintenance::remove(&mut *which.store()?, items)
        }
    }
}
