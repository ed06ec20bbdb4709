//! What `index` did before `library` did it: the options work on, and are listed nowhere.

use std::ffi::OsString;

use clap::Args;

use super::IndexArgs;
use crate::args::WhichArgs;
use crate::commands::library::{
    CompactArgs, ErrorsArgs, MaintenanceArgs, MaintenanceCommand, PruneArgs, RemoveArgs, StatsArgs,
};
use crate::report;

/// Options that are about reading pictures.
const READING: [&str; 10] = [
    "shard",
    "tag",
    "watch",
    "keep_missing",
    "drop_missing",
    "exclude_dir",
    "include_hidden",
    "max_megapixels",
    "exact",
    "batch_size",
];

#[derive(Debug, Args)]
pub(super) struct MovedArgs {
    #[arg(long, hide = true, conflicts_with_all = READING, conflicts_with = "dry_run")]
    errors: bool,
    #[arg(long, hide = true, conflicts_with_all = READING, conflicts_with = "dry_run")]
    stats: bool,
    #[arg(long, hide = true, conflicts_with_all = READING, conflicts_with = "dry_run")]
    verify: bool,
    #[arg(long, hide = true, conflicts_with_all = READING, conflicts_with = "dry_run")]
    compact: bool,
    #[arg(long, hide = true, conflicts_with_all = READING)]
    prune: bool,
    #[arg(long, hide = true, value_name = "ITEM", conflicts_with_all = READING)]
    remove: Vec<OsString>,
    #[arg(long, hide = true, conflicts_with_all = ["paths", "files_from", "texts", "verify", "compact", "prune", "remove"])]
    json: bool,
}

impl MovedArgs {
    /// What is asked for, as `library` is asked.
    pub(super) fn command(&self, args: &IndexArgs) -> Option<MaintenanceArgs> {
        let which = WhichArgs {
            library: args.library.clone(),
            model: args.model.model.get().map(Into::into),
        };
        let (json, dry_run, hnsw_above) = (self.json, args.dry_run, args.hnsw_above);
        let command = match self {
            Self { errors: true, .. } => MaintenanceCommand::Errors(ErrorsArgs { json, which }),
            Self { stats: true, .. } => MaintenanceCommand::Stats(StatsArgs { json, which }),
            Self { verify: true, .. } => MaintenanceCommand::Verify(which),
            Self { compact: true, .. } => {
                MaintenanceCommand::Compact(CompactArgs { hnsw_above, which })
            }
            Self { prune: true, .. } => MaintenanceCommand::Prune(PruneArgs { dry_run, which }),
            Self { remove, .. } if !remove.is_empty() => {
                MaintenanceCommand::Remove(RemoveArgs { items: remove.clone(), dry_run, which })
            }
            _ => return None,
        };
        let name = match &command {
            MaintenanceCommand::Stats(_) => "stats",
            MaintenanceCommand::Errors(_) => "errors",
            MaintenanceCommand::Verify(_) => "verify",
            MaintenanceCommand::Compact(_) => "compact",
            MaintenanceCommand::Prune(_) => "prune",
            MaintenanceCommand::Remove(_) => "remove",
        };
        report::note(format_args!("`clip-cli library {name}` is the new name of this"));
        Some(MaintenanceArgs { command })
    }
}
