//! The command line: one variant a command.

use std::io::Write;

use anyhow::Result;
use clap::{CommandFactory, Parser, Subcommand};

use crate::{Outcome, commands, output};

/// Search pictures in words, and words with pictures.
///
/// Everything runs on this machine. Exit codes: 0 something was found, 1 nothing was found, 2 an
/// error.
#[derive(Debug, Parser)]
#[command(name = "clip-cli", version, propagate_version = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Find pictures for a sentence or a picture, or sentences for a picture
    Search(commands::search::SearchArgs),
    /// Find pictures like a picture
    Similar(commands::search::SimilarArgs),
    /// Say which of several labels fits a picture
    Classify(commands::classify::ClassifyArgs),
    /// Draw which parts of a picture make it fit a text
    Explain(commands::explain::ExplainArgs),
    /// Print the unit vectors of texts and pictures
    Embed(commands::embed::EmbedArgs),
    /// Read pictures into the library, to search them later
    Index(commands::index::IndexArgs),
    /// List the tags of the library, show, add and remove those of pictures
    Tags(commands::tags::TagsArgs),
    /// Find pictures of the library that are the same, or nearly
    Dupes(commands::dupes::DupesArgs),
    /// Say what is in the library, and keep it in order
    Library(commands::library::MaintenanceArgs),
    /// Make the library anew with another model
    Reindex(commands::reindex::ReindexArgs),
    /// Write the vectors of the library into a file
    Export(commands::exchange::ExportArgs),
    /// Read vectors from files into the library
    Import(commands::exchange::ImportArgs),
    /// Make a page that shows the library as a map of thumbnails
    Map(commands::map::MapArgs),
    /// Train or fine-tune a model
    Train(commands::train::TrainArgs),
    /// Measure a model: recall, zero-shot accuracy, linear probe
    Eval(commands::eval::EvalArgs),
    /// List the models on this machine, convert more, compare one with a reference
    Models(commands::models::ModelsArgs),
    /// Describe the program, the model and the library in use
    Info(commands::info::InfoArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// Prints completions of all this.
pub(crate) fn completions(shell: clap_complete::Shell) -> Result<Outcome> {
    // It panics where it cannot write.
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "clip-cli", &mut script);
    output::print(|out| out.write_all(&script))?;
    Ok(Outcome::Found)
}
