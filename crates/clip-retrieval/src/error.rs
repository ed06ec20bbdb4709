use std::path::PathBuf;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can be wrong with a library, or with what is asked of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be read, written or locked.
    #[error("cannot {action} the library {path}: {source}")]
    Io {
        /// `read`, `write`, `lock`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// Some other file.
    #[error("{path} is not a library of this program: choose another file with --index")]
    NotALibrary {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later version.
    #[error(
        "the library {path} has format version {found}, this program reads up to {supported}: update the program, or choose another file with --index"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Version in the file.
        found: u32,
        /// [`crate::FORMAT_VERSION`].
        supported: u32,
    },
    /// The end of the file is missing.
    #[error(
        "the library {path} is cut off, it has {found} of {expected} bytes: remove it and index again"
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its size.
        found: u64,
        /// The size that its beginning announces.
        expected: u64,
    },
    /// The file is not what was written.
    #[error("the library {path} is damaged ({reason}): remove it and index again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The vectors are another model's.
    #[error(
        "the library {path} was made with the model {found_name}, not with {wanted_name}: choose another file with --index, or remove it and index again"
    )]
    OtherModel {
        /// The file.
        path: PathBuf,
        /// The model of the file.
        found_name: String,
        /// The model asked for.
        wanted_name: String,
    },
    /// A vector of another model, or not a whole one.
    #[error(
        "the vector of {subject} has {found} values, the library's have {expected}: encode it with the library's model"
    )]
    Dimension {
        /// The item, or `the query`.
        subject: String,
        /// Values in the vector.
        found: usize,
        /// Values in the vectors of the library.
        expected: usize,
    },
    /// NaN or infinity in a vector.
    #[error("the vector of {subject} holds {value} at position {position}: encode it again")]
    NotFinite {
        /// The item, or `the query`.
        subject: String,
        /// Where in the vector.
        position: usize,
        /// The value found.
        value: f32,
    },
    /// A vector whose dot product would not be the cosine.
    #[error("the vector of {subject} has length {norm}, not 1: normalize it first")]
    NotUnit {
        /// The item.
        subject: String,
        /// Its length.
        norm: f32,
    },
    /// A path that cannot be stored on this platform.
    #[error("the path {path} is not valid Unicode: rename the file")]
    PathNotUnicode {
        /// The path.
        path: PathBuf,
    },
}
