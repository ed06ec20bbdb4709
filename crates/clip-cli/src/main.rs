//! Search pictures in words, and words with pictures.
//!
//! The program is thin: [`cli`] is the command line, [`commands`] one module a command, [`output`] what
//! standard output looks like, [`report`] and [`progress`] what standard error does, and [`hints`] what
//! helps against what the libraries say. The work is done by the crates `clip-search`, `clip-train` and
//! `clip-eval`.

mod args;
mod cli;
mod commands;
mod hints;
mod interrupt;
mod library;
mod model;
mod moved;
mod output;
mod preview;
mod progress;
mod report;
mod signs;
mod useless;

use std::ffi::OsString;
use std::io;
use std::process::ExitCode;

use clap::{ArgMatches, CommandFactory, FromArgMatches};

use clip_search::terminal::escape_bytes;

use cli::{Cli, Command};

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

impl Outcome {
    pub(crate) fn found(found: bool) -> Self {
        if found { Self::Found } else { Self::Nothing }
    }
}

fn main() -> ExitCode {
    let (args, moved) = moved::rename(std::env::args_os().collect());
    let args = signs::expand_signs(&mut Cli::command(), args);
    if let Some(name) = moved {
        report::note(format_args!("`clip-cli library {name}` is the new name of this"));
    }
    let outcome = match parse(&args) {
        Ok((matches, cli)) => run(cli, &matches),
        // --help and --version.
        Err(answer) if !answer.use_stderr() => {
            let printed = answer.print().map_err(output::unwritten);
            printed.map(|()| Outcome::Found).map_err(Into::into)
        }
        Err(error) => {
            report::usage(&quoting(&args, error));
            return ExitCode::from(2);
        }
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

fn parse(args: &[OsString]) -> clap::error::Result<(ArgMatches, Cli)> {
    let mut command = Cli::command();
    let matches = command.try_get_matches_from_mut(args)?;
    useless::refuse(&command, &matches)?;
    let cli = Cli::from_arg_matches(&matches)?;
    Ok((matches, cli))
}

/// The same error, but what it quotes of the command line is nothing that a terminal obeys.
fn quoting(args: &[OsString], error: clap::Error) -> clap::Error {
    let escaped: Vec<OsString> = args
        .iter()
        .map(|arg| escape_bytes(arg.as_encoded_bytes(), |_| false).into_owned().into())
        .collect();
    match parse(&escaped) {
        Err(again) if again.kind() == error.kind() => again,
        _ => error,
    }
}

fn run(cli: Cli, matches: &ArgMatches) -> anyhow::Result<Outcome> {
    clip_kernels::Isa::limit()?;
    match cli.command {
        Command::Search(args) => commands::search::run(&args),
        Command::Similar(args) => commands::search::similar(&args),
        Command::Classify(args) => commands::classify::run(&args),
        Command::Explain(args) => commands::explain::run(&args),
        Command::Embed(args) => commands::embed::run(&args, matches.subcommand_matches("embed")),
        Command::Index(args) => commands::index::run(&args),
        Command::Library(args) => commands::library::run(&args),
        Command::Reindex(args) => commands::reindex::run(&args),
        Command::Export(args) => commands::exchange::export(&args),
        Command::Tags(args) => commands::tags::run(&args),
        Command::Import(args) => commands::exchange::import(&args),
        Command::Dupes(args) => commands::dupes::run(&args),
        Command::Train(args) => commands::train::run(&args),
        Command::Eval(args) => commands::eval::run(&args),
        Command::Map(args) => commands::map::run(&args),
        Command::Models(args) => commands::models::run(&args),
        Command::Info(args) => commands::info::run(&args),
        Command::Completions { shell } => cli::completions(shell),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
