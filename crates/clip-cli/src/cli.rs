//! The command line: one variant a command.

use clap::{Parser, Subcommand};

use crate::commands::classify::ClassifyArgs;
use crate::commands::dupes::DupesArgs;
use crate::commands::embed::EmbedArgs;
use crate::commands::eval::EvalArgs;
use crate::commands::explain::ExplainArgs;
use crate::commands::export::ExportArgs;
use crate::commands::import::ImportArgs;
use crate::commands::index::IndexArgs;
use crate::commands::info::InfoArgs;
use crate::commands::library::MaintenanceArgs;
use crate::commands::map::MapArgs;
use crate::commands::mcp::McpArgs;
use crate::commands::models::ModelsArgs;
use crate::commands::reindex::ReindexArgs;
use crate::commands::search::SearchArgs;
use crate::commands::serve::ServeArgs;
use crate::commands::similar::SimilarArgs;
use crate::commands::tags::TagsArgs;
use crate::commands::train::TrainArgs;

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
    Search(SearchArgs),
    /// Find pictures like a picture
    Similar(SimilarArgs),
    /// Say which of several labels fits a picture
    Classify(ClassifyArgs),
    /// Draw which parts of a picture make it fit a text
    Explain(ExplainArgs),
    /// Print the unit vectors of texts and pictures
    Embed(EmbedArgs),
    /// Read pictures into the library, to search them later
    Index(IndexArgs),
    /// Serve embeddings and the library over HTTP, for programs and for a browser
    Serve(ServeArgs),
    /// Let an assistant search the library, over the Model Context Protocol on standard input and output
    Mcp(McpArgs),
    /// List the tags of the library, show, add and remove those of pictures
    Tags(TagsArgs),
    /// Find pictures of the library that are the same, or nearly
    Dupes(DupesArgs),
    /// Say what is in the library, and keep it in order
    Library(MaintenanceArgs),
    /// Make the library anew with another model
    Reindex(ReindexArgs),
    /// Write the vectors of the library into a file
    Export(ExportArgs),
    /// Read vectors from files into the library
    Import(ImportArgs),
    /// Make a page that shows the library as a map of thumbnails
    Map(MapArgs),
    /// Train or fine-tune a model
    Train(TrainArgs),
    /// Measure a model: recall, zero-shot accuracy, linear probe
    Eval(EvalArgs),
    /// List the models on this machine, convert more, compare one with a reference
    Models(ModelsArgs),
    /// Describe the program, the model and the library in use
    Info(InfoArgs),
    /// Print completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}
