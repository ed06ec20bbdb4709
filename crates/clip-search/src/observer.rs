//! Who hears how long work goes, and may stop it.

use std::error::Error;
use std::fmt;
use std::path::PathBuf;

use clip_retrieval::Content;

/// Hears how long work goes, and may stop it. Each method does nothing unless it is implemented.
pub trait Observer: Send {
    /// So much is done. A task begins with nothing done, and has ended once all of it is.
    fn progress(&mut self, progress: Progress) {
        let _ = progress;
    }

    /// A file or a text is left out, and the work goes on.
    fn skipped(&mut self, what: &Content, error: &(dyn Error + 'static)) {
        let _ = (what, error);
    }

    /// Something that a person should know; the work goes on.
    fn warning(&mut self, warning: Warning) {
        let _ = warning;
    }

    /// Whether the work shall end as soon as it can: what is done is kept.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// Hears nothing and stops nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct Silent;

impl Observer for Silent {}

/// How far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// What is done.
    pub task: Task,
    /// How much of it.
    pub done: usize,
    /// Of how much.
    pub total: usize,
}

/// What takes long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Task {
    /// Images are encoded.
    Images,
    /// Texts are encoded.
    Texts,
    /// A graph is built over vectors.
    Graph,
    /// Images are compared with each other.
    Duplicates,
    /// Files are read, to see whether they are what was indexed.
    Files,
    /// Small copies of images are made.
    Thumbnails,
    /// A classifier is learned; nobody knows how long that takes.
    Learning,
}

/// What a person should know.
#[derive(Debug)]
#[non_exhaustive]
pub enum Warning {
    /// The system could not say what changed below a folder.
    ChangesMissed {
        /// What it said.
        reason: String,
    },
    /// Items of the collection are lost.
    Lost {
        /// How many.
        items: usize,
        /// How that was found.
        cause: String,
    },
    /// Something in data for a model is left out.
    Data {
        /// What, and why.
        problem: String,
    },
    /// A table labels images that are not in the data.
    LabelsWithoutImages {
        /// The table.
        table: PathBuf,
        /// How many it labels.
        total: usize,
        /// How many of them are there.
        found: usize,
    },
    /// Labels to be told apart are not among those that a classifier learned.
    UnknownLabels {
        /// How many.
        unknown: usize,
        /// Of how many.
        labels: usize,
    },
    /// Names of classes are numbers, which texts then say.
    NumericNames {
        /// How many.
        numbers: usize,
        /// Of how many.
        names: usize,
    },
    /// What an earlier run had begun is of no use, and was removed.
    BegunAnew {
        /// Why.
        error: clip_retrieval::Error,
    },
    /// A folder that was to be removed holds files of somebody else's.
    FilesLeft {
        /// The folder.
        folder: PathBuf,
    },
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ChangesMissed { reason } => write!(f, "changes may be missed: {reason}"),
            Self::Lost { items, cause } => {
                let plural = if *items == 1 { "" } else { "s" };
                write!(f, "the library has lost {items} item{plural}: {cause}")
            }
            Self::Data { problem } => f.write_str(problem),
            Self::LabelsWithoutImages { table, total, found } => write!(
                f,
                "{} labels {total} pictures, and {found} of them are in the data",
                table.display()
            ),
            Self::UnknownLabels { unknown, labels } => write!(
                f,
                "{unknown} of the {labels} labels are not among those that were learned: their pictures count as wrong"
            ),
            Self::NumericNames { numbers, names } => {
                write!(f, "{numbers} of the {names} names are numbers, and texts say those")
            }
            Self::BegunAnew { error } => {
                write!(f, "begins anew, for what an earlier run has made is of no use: {error}")
            }
            Self::FilesLeft { folder } => {
                write!(f, "files that are not of this program are left in {}", folder.display())
            }
        }
    }
}
