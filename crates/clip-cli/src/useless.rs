//! Options that say nothing where they stand.
//!
//! Most are refused by what clap knows of them. Those here may come from the environment, where they are
//! settings that a command need not use, or depend on what else is given.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{ArgMatches, Command, Error};

/// Refuses what was written on the command line and says nothing there.
pub(crate) fn refuse(command: &Command, matches: &ArgMatches) -> Result<(), Error> {
    let (mut path, mut at) = (Vec::new(), matches);
    while let Some((name, below)) = at.subcommand() {
        path.push(name);
        at = below;
    }
    let is_given = |id: &str| {
        at.ids().any(|known| known == id) && at.value_source(id) == Some(ValueSource::CommandLine)
    };
    let why = |(option, why): (&str, String)| {
        let message = format!("--{} says nothing {why}\n", option.replace('_', "-"));
        Error::raw(ErrorKind::ArgumentConflict, message).with_cmd(command)
    };
    first(&path, &is_given).map_or(Ok(()), |found| Err(why(found)))
}

/// The first option that says nothing, and where that is so.
fn first(path: &[&str], is_given: &dyn Fn(&str) -> bool) -> Option<(&'static str, String)> {
    let any = |ids: &[&'static str]| ids.iter().copied().find(|id| is_given(id));
    let beside = |options: &[&'static str], ids: &[&'static str]| {
        let (option, id) = (any(options)?, any(ids)?);
        Some((option, format!("beside --{}", id.replace('_', "-"))))
    };
    match path {
        ["search" | "similar", ..] => {
            let scans = ["exclude_dir", "include_hidden"];
            // After --image what looks like a query is a folder.
            let has_folder = is_given("paths") || (is_given("image") && is_given("query"));
            let unscanned = || {
                let option = any(&scans).filter(|_| !has_folder)?;
                Some((option, "without a PATH to look for pictures in".to_owned()))
            };
            let unkept = ["index", "modality", "glob", "tag", "after", "before", "min_side"];
            beside(&unkept, &["texts"])
                .or_else(|| beside(&["orientation", "no_indexing", "no_graph"], &["texts"]))
                .or_else(|| beside(&["preview"], &["texts"]))
                .or_else(|| beside(&scans, &["no_indexing"]))
                .or_else(unscanned)
        }
        ["train"] => beside(&["device"], &["print_config"]),
        ["models", "inspect"] => {
            Some((any(&["output", "force"])?, "where nothing is written".to_owned()))
        }
        // The model says which library only where nothing else does.
        ["dupes" | "export" | "library" | "map" | "tags", ..] => beside(&["model"], &["index"]),
        _ => None,
    }
}
