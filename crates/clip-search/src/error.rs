use std::io;
use std::path::{Path, PathBuf};

use crate::{Task, count};

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong between a request and its answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A text or an image cannot be encoded.
    #[error(transparent)]
    Clip(#[from] clip::Error),
    /// The collection cannot be read or written.
    #[error(transparent)]
    Retrieval(#[from] clip_retrieval::Error),
    /// A model cannot be opened.
    #[error(transparent)]
    Checkpoint(#[from] clip_checkpoint::Error),
    /// A model cannot be downloaded or converted.
    #[error(transparent)]
    Weights(#[from] clip_weights::Error),
    /// Vectors cannot be read from a file, or written into one.
    #[cfg(feature = "exchange")]
    #[error(transparent)]
    Exchange(#[from] clip_retrieval::exchange::Error),
    /// A file of vectors cannot be imported. What was imported before it is kept.
    #[cfg(feature = "exchange")]
    #[error("cannot import {}{}", path.display(), imported_before(*imported))]
    Import {
        /// The file.
        path: PathBuf,
        /// Items that were imported before.
        imported: usize,
        /// Why it cannot.
        source: Box<clip_retrieval::exchange::Error>,
    },
    /// A figure cannot be written.
    #[error("cannot write a PNG file: {reason}")]
    Png {
        /// What went wrong.
        reason: String,
    },
    /// A file of labels cannot be read.
    #[error("cannot read the labels in {}", path.display())]
    Labels {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// Data says nothing of a model.
    #[cfg(feature = "evaluation")]
    #[error(transparent)]
    Evaluation(#[from] crate::evaluation::EvaluationError),
    /// The work was stopped, as [`Observer::is_cancelled`](crate::Observer::is_cancelled) asked. What
    /// was done is kept.
    #[error("{}", stopped(*task, *done, *total))]
    Cancelled {
        /// What was done.
        task: Task,
        /// How much of it.
        done: usize,
        /// Of how much.
        total: usize,
    },
    /// A file or a folder cannot be used.
    #[error("cannot {action} {}: {source}", path.display())]
    Io {
        /// `open`, `move` and the like.
        action: &'static str,
        /// What it was done with.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// There is nothing at a path.
    #[error("there is no file or folder {}", path.display())]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// A folder cannot be moved.
    #[error("cannot move {} to {}: {source}", from.display(), to.display())]
    Move {
        /// Where it is.
        from: PathBuf,
        /// Where it was to go.
        to: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A list of files cannot be read.
    #[error("cannot read the list in {}: {reason}", path.display())]
    List {
        /// The list.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The bytes of a name are no path on this system.
    #[error("{name} is not UTF-8")]
    Name {
        /// The name, as well as it can be shown.
        name: String,
    },
    /// A file of texts cannot be read.
    #[error("cannot read the texts in {}: {source}", path.display())]
    Texts {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A file holds no text.
    #[error("there are no texts in {}", path.display())]
    NoTexts {
        /// The file.
        path: PathBuf,
    },
    /// A query without a word.
    #[error("the query is empty: write what to look for, such as \"a dog on a beach\"")]
    EmptyQuery,
    /// The words of a query are not UTF-8.
    #[error("the query {term} is not UTF-8, as words have to be: a picture begins with ./ or /")]
    QueryNotUnicode {
        /// The term, as well as it can be shown.
        term: String,
    },
    /// A `file://` URL of another machine.
    #[error(
        "file://{url} is a file on the machine {host}: a file of this one is written file:///PATH"
    )]
    ForeignFile {
        /// What comes after `file://`.
        url: String,
        /// The machine.
        host: String,
    },
    /// A term names an item that the collection does not have.
    #[error("the collection has no item {id}")]
    NoItem {
        /// The id.
        id: String,
    },
    /// Answers cannot be put in the order of their dates where every item is one.
    #[error(
        "an order by date needs to know which answers are good enough: give a relevance or a least score"
    )]
    NoCut,
    /// A vector that cannot be one of the model's.
    #[error(
        "a vector of {} and length {norm} is none of this model, whose vectors have {expected} numbers and length 1",
        count(*found, "number")
    )]
    NotAnEmbedding {
        /// Numbers in it.
        found: usize,
        /// Numbers in the model's.
        expected: usize,
        /// Its length.
        norm: f32,
    },
    /// A part of many images that is none.
    #[error("write the part and their number, such as 2/8")]
    Shard {
        /// What was given.
        text: String,
    },
    /// No model is called so.
    #[error("there is no model {}", name.display())]
    NoModel {
        /// What was given.
        name: PathBuf,
    },
    /// A folder was given for a model.
    #[error("{} is a folder, a model is one file", path.display())]
    ModelIsFolder {
        /// The folder.
        path: PathBuf,
    },
    /// No model is compiled into this program.
    #[error("this program was built without a model")]
    NoBuiltInModel,
    /// No published model is called so.
    #[error("no published model is called {id}: choose among {}", published.join(", "))]
    NotPublished {
        /// What was given.
        id: String,
        /// All that are.
        published: Vec<String>,
    },
    /// The name is that of the built-in model, which is always found first.
    #[error("{name} is the name of the built-in model")]
    NameOfBuiltIn {
        /// The name.
        name: String,
    },
    /// The name is that of a published model, and promises what that is.
    #[error("{name} is the name of the published model {id}")]
    NameOfPublished {
        /// The name.
        name: String,
        /// As the registry writes it.
        id: String,
    },
    /// What was downloaded is not what was published.
    #[error(
        "{source_name} is not what was published as {id}: pictures of {} pixels and vectors of {} numbers, not {} and {}",
        found.0, found.1, expected.0, expected.1
    )]
    NotAsPublished {
        /// Where it is from.
        source_name: String,
        /// What the registry calls it.
        id: String,
        /// Side of the input, and numbers of a vector.
        found: (usize, usize),
        /// As the registry has them.
        expected: (usize, usize),
    },
    /// The system names no folder for the data of programs.
    #[error("this platform names no data folder")]
    NoDataFolder,
    /// The collection is a cluster, for which this program was built without the feature `milvus`.
    #[error("{address} is a cluster, which this program was built without")]
    NoClusters {
        /// The address.
        address: String,
    },
    /// The collection is a folder, for which this program was built without the feature `sqlite`.
    #[error("{} is a folder, and this program was built without collections in one", path.display())]
    NoFolders {
        /// The folder.
        path: PathBuf,
    },
    /// Only a collection in a folder can do it.
    #[error("{address} is a cluster, and this is done for a library in a folder alone")]
    IsCluster {
        /// The address.
        address: String,
    },
    /// The collection is the model's already.
    #[error("{place} is a library of {model} already")]
    SameModel {
        /// Where it is.
        place: String,
        /// The model.
        model: String,
    },
    /// Images are not there that have to be read anew.
    #[error("{}", missing(*count, first, place))]
    Missing {
        /// How many.
        count: usize,
        /// The first of them.
        first: PathBuf,
        /// The collection.
        place: String,
    },
    /// The folder in which a collection is made anew is somebody else's.
    #[error(
        "{} is in the way, and not of this program: move it away, and reindex again",
        folder.display()
    )]
    WorkspaceTaken {
        /// The folder.
        folder: PathBuf,
    },
    /// Another program makes the collection anew.
    #[error("another program makes {} anew already: wait until it is done", place.display())]
    WorkspaceBusy {
        /// The collection.
        place: PathBuf,
    },
    /// A collection was made while one that was made anew waited to take its place.
    #[error(
        "an earlier run was stopped as it moved libraries, and another {} was made since: the one before it is {}, and the one that was to take its place is {}; move the one that you want to keep to {} and the others away",
        place.display(), old.display(), new.display(), place.display()
    )]
    WorkspaceConflict {
        /// The collection.
        place: PathBuf,
        /// The one before it.
        old: PathBuf,
        /// The one that was to take its place.
        new: PathBuf,
    },
    /// Files of somebody else's are left where a collection was.
    #[error(
        "{} is made anew, and files that are not of this program are left in {}: move them away",
        place.display(), old.display()
    )]
    WorkspaceNotEmpty {
        /// The collection.
        place: PathBuf,
        /// Where it was moved to.
        old: PathBuf,
    },
    /// A path that is no name of a folder.
    #[error("{} cannot be moved: name the folder of a library", place.display())]
    NoName {
        /// The path.
        place: PathBuf,
    },
    /// Changes cannot be followed.
    #[error("{} cannot be watched: {reason}", watched(path))]
    Watch {
        /// The folder; empty where the system cannot watch at all.
        path: PathBuf,
        /// What the system said.
        reason: String,
    },
    /// What is to be a file is a folder.
    #[error("{} is a folder: name a file in it", path.display())]
    OutputIsFolder {
        /// The folder.
        path: PathBuf,
    },
    /// What is to be written is what was read.
    #[error("{} is the picture itself: name another file", path.display())]
    OutputIsInput {
        /// The file.
        path: PathBuf,
    },
    /// A file to be written has a name by which programs do not know its format.
    #[error("{} does not end in .{ending}: programs would not know how to open it", path.display())]
    OutputEnding {
        /// The name.
        path: PathBuf,
        /// How it has to end.
        ending: String,
    },
    /// The folder of a file to be written is not there.
    #[error("there is no folder {} to write into: make it first", folder.display())]
    NoOutputFolder {
        /// The folder.
        folder: PathBuf,
    },
    /// A file to be written is there already, and is not to be replaced.
    #[error("{} is there already", path.display())]
    OutputExists {
        /// The file.
        path: PathBuf,
    },
    /// An image cannot be made small.
    #[error("cannot make a small copy: {reason}")]
    Thumbnail {
        /// What went wrong.
        reason: String,
    },
}

impl Error {
    /// For `map_err` of what is done with a file.
    pub(crate) fn io(
        action: &'static str,
        path: impl AsRef<Path>,
    ) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.as_ref().to_owned(), source }
    }
}

fn imported_before(imported: usize) -> String {
    match imported {
        0 => String::new(),
        _ => format!(" ({} imported before)", count(imported, "item")),
    }
}

fn stopped(task: Task, done: usize, total: usize) -> String {
    match task {
        Task::Graph => "stopped before the graph was made".to_owned(),
        Task::Texts => format!("stopped after {done} of {}", count(total, "text")),
        Task::Images => format!("stopped after {done} of {}", count(total, "picture")),
        _ => format!("stopped after {done} of {total}"),
    }
}

fn missing(number: usize, first: &Path, place: &str) -> String {
    let first = first.display();
    match number {
        1 => format!("1 picture of {place} cannot be found, {first}: plug in its drive"),
        _ => format!(
            "{number} pictures of {place} cannot be found, such as {first}: plug in their drive"
        ),
    }
}

fn watched(path: &Path) -> String {
    match path.as_os_str().is_empty() {
        true => "changes".to_owned(),
        false => path.display().to_string(),
    }
}

/// What was wrong, with its causes, where the message does not quote them already.
pub(crate) fn with_causes(error: &(dyn std::error::Error + 'static)) -> String {
    let mut message = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
        next = cause.source();
    }
    message
}
