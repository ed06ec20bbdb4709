//! Search pictures in words, and words with pictures.
//!
//! The program is thin: [`args`] is the command line, [`commands`] one module a command,
//! [`output`] what standard output looks like and [`report`] what standard error does. The work is
//! done by the crates `clip` and `clip-retrieval`.

mod args;
mod cluster;
mod commands;
mod connecting;
mod dates;
mod escape;
mod exchange;
mod facts;
mod files;
mod finding;
mod indexing;
mod interrupt;
mod model;
mod output;
mod places;
mod preview;
mod query;
mod registry;
mod relevance;
mod report;
mod scan;
mod shard;
mod shelf;

use std::io;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use args::{Cli, Command};

/// The towers allocate and free megabytes at every step; the system's allocator on Linux gives them
/// back each time, and pays with page faults.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// How a command that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Something was found: exit code 0.
    Found,
    /// Nothing was found: exit code 1.
    Nothing,
    /// The rest was done, but an input given by name failed: exit code 2.
    Partial,
}

fn main() -> ExitCode {
    let mut command = Cli::command();
    let args = query::expand_signs(&mut command, std::env::args_os().collect());
    let parsed = command.try_get_matches_from(args).and_then(|matches| {
        let cli = Cli::from_arg_matches(&matches)?;
        Ok((matches, cli))
    });
    let outcome = match parsed {
        Ok((matches, cli)) => run(cli, &matches),
        // --help and --version.
        Err(answer) if !answer.use_stderr() => {
            answer.print().map(|()| Outcome::Found).map_err(|error| output::unwritten(error).into())
        }
        Err(error) => return report::usage(&error),
    };
    match outcome {
        Ok(Outcome::Found) => ExitCode::SUCCESS,
        Ok(Outcome::Nothing) => ExitCode::from(1),
        Ok(Outcome::Partial) => ExitCode::from(2),
        // `clip-cli search .. | head` closes the pipe: the reader has what it wanted.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            report::error(&error);
            ExitCode::from(2)
        }
    }
}

fn run(cli: Cli, matches: &ArgMatches) -> anyhow::Result<Outcome> {
    match cli.command {
        Command::Search(args) => commands::search::run(&args),
        Command::Similar(args) => commands::similar::run(&args),
        Command::Classify(args) => commands::classify::run(&args),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Embed(args) => commands::embed::run(&args, matches.subcommand_matches("embed")),
        Command::Index(args) => commands::index::run(&args),
        Command::Reindex(args) => commands::reindex::run(&args),
        Command::Export(args) => commands::export::run(&args),
        Command::Import(args) => commands::import::run(&args),
        Command::Dupes(args) => commands::dupes::run(&args),
        Command::Train(args) => commands::train::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Map(args) => commands::map::run(&args),
        Command::Models(args) => commands::models::run(&args),
        Command::Info(args) => commands::info::run(&args),
        Command::Completions { shell } => commands::completions::run(shell),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
