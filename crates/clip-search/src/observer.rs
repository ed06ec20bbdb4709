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
    /// Images are encoded, and nothing is kept of them.
    Encoding,
    /// Vectors are read from files; nobody knows how many there are.
    Import,
    /// Vectors are written into a file.
    Export,
    /// A classifier is learned; nobody knows how long that takes.
    Learning,
}

impl Task {
    /// What is counted, in the plural.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Texts => "texts",
            Self::Graph => "vectors",
            Self::Import | Self::Export => "items",
            _ => "pictures",
        }
    }
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
    /// A file does not say whose vectors it holds; they are taken for those of the collection's model.
    NoProvenance {
        /// The file.
        file: PathBuf,
        /// The model.
        model: String,
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
                write!(f, "the library has lost {}: {cause}", count(*items, "item"))
            }
            Self::Data { problem } => f.write_str(problem),
            Self::LabelsWithoutImages { table, total, found } => write!(
                f,
                "{} labels {}, and {found} of them {} in the data",
                table.display(),
                count(*total, "picture"),
                if *found == 1 { "is" } else { "are" }
            ),
            Self::UnknownLabels { unknown, labels } => {
                let [are, their] = if *unknown == 1 { ["is", "its"] } else { ["are", "their"] };
                let labels = count(*labels, "label");
                write!(
                    f,
                    "{unknown} of the {labels} {are} not among those that were learned: {their} pictures count as wrong"
                )
            }
            Self::NumericNames { numbers, names } => {
                let are = if *numbers == 1 { "is a number" } else { "are numbers" };
                write!(f, "{numbers} of the {} {are}, and texts say those", count(*names, "name"))
            }
            Self::NoProvenance { file, model } => write!(
                f,
                "{} does not say which model made its vectors: they are taken for those of {model}",
                file.display()
            ),
            Self::BegunAnew { error } => {
                write!(f, "begins anew, for what an earlier run has made is of no use: {error}")
            }
            Self::FilesLeft { folder } => {
                write!(f, "files that are not of this program are left in {}", folder.display())
            }
        }
    }
}

/// A number with its noun, in the plural where it is not one.
pub fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a count says of one is said of one.
    #[test]
    fn one_is_one() {
        let check =
            |says: &dyn fmt::Display, expected: &str| assert_eq!(says.to_string(), expected);
        let numbers = |numbers, names| Warning::NumericNames { numbers, names };
        check(&numbers(1, 2), "1 of the 2 names is a number, and texts say those");
        check(&numbers(2, 2), "2 of the 2 names are numbers, and texts say those");
        check(
            &Warning::UnknownLabels { unknown: 1, labels: 3 },
            "1 of the 3 labels is not among those that were learned: its pictures count as wrong",
        );
        check(
            &Warning::LabelsWithoutImages { table: "t.csv".into(), total: 2, found: 1 },
            "t.csv labels 2 pictures, and 1 of them is in the data",
        );
        check(
            &Warning::Lost { items: 1, cause: "it is gone".to_owned() },
            "the library has lost 1 item: it is gone",
        );
        check(
            &crate::Error::NotAnEmbedding { found: 1, expected: 2, norm: 1.0 },
            "a vector of 1 number and length 1 is none of this model, whose vectors have 2 numbers and length 1",
        );
        assert_eq!(["0 items", "1 item", "2 items"], [0, 1, 2].map(|n| count(n, "item")));
    }
}
