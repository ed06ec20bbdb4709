use std::io;
use std::path::{Path, PathBuf};

/// Shorthand for results of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can be wrong with a library, or with what is asked of it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file of the library, or its folder, cannot be read, written or locked.
    #[error("cannot {action} {path} of the library: {source}")]
    Io {
        /// `read`, `write`, `lock` and the like.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// What is asked of the catalog cannot be done.
    #[error("the catalog {path} of the library cannot be used: {source}")]
    Catalog {
        /// The file.
        path: PathBuf,
        /// What the database said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// There is nothing.
    #[error("there is no library {path}: index a folder of pictures first")]
    NoLibrary {
        /// Its folder.
        path: PathBuf,
    },
    /// It is not the one that was opened.
    #[error("the library {path} was replaced by another since it was opened: open it again")]
    Replaced {
        /// Its folder.
        path: PathBuf,
    },
    /// Some other file.
    #[error("{path} is not a library of this program: choose another folder")]
    NotALibrary {
        /// The file.
        path: PathBuf,
    },
    /// The one file that a library was in the first version.
    #[error(
        "{path} is a library of an earlier version of this program, which was one file: remove it, or choose another folder, and index again"
    )]
    Older {
        /// The file.
        path: PathBuf,
    },
    /// The file was written by a later version.
    #[error(
        "{path} of the library has format version {found}, this program reads up to {supported}: update the program, or choose another place"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Version in the file.
        found: u32,
        /// The latest that is read.
        supported: u32,
    },
    /// The end of the file is missing.
    #[error(
        "{path} of the library is cut off, it has {found} of {expected} bytes: index again, which encodes its pictures anew"
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
    #[error(
        "{path} of the library is damaged ({reason}): index again, which encodes its pictures anew"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// What the vectors stand for is lost: the catalog is gone, or is not what was written.
    #[error(
        "the catalog {path} of the library is damaged ({reason}): move the folder {folder} away and index again, which encodes all pictures anew; tags that were given to pictures are lost with it, unless a backup of the catalog is put back",
        folder = folder_of(path).display()
    )]
    DamagedCatalog {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        reason: String,
    },
    /// The vectors are another model's.
    #[error("the library {path} was made with the model {found_name}, not with {wanted_name}")]
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
        "the vector of {subject} has {found} value{}, the library's have {expected}: encode it with the library's model",
        if *found == 1 { "" } else { "s" }
    )]
    Dimension {
        /// The item, or `the query`.
        subject: String,
        /// Values in the vector.
        found: usize,
        /// Values in the vectors of the library.
        expected: usize,
    },
    /// What is to be a pattern of paths and is none.
    #[error("{pattern:?} is no pattern of paths ({reason}): write it as in *.png or 2019/**/*.jpg")]
    Glob {
        /// What was given.
        pattern: String,
        /// What does not fit.
        reason: String,
    },
    /// A graph over vectors could not be made.
    #[error("the graph {path} of the library could not be made: {reason}")]
    Graph {
        /// Its file.
        path: PathBuf,
        /// What went wrong.
        reason: String,
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
    /// What is to be the address of a cluster and is none.
    #[error(
        "{address} is no address of a cluster ({reason}): write it as in milvus://host:19530/collection"
    )]
    Address {
        /// What was given, without its password.
        address: String,
        /// What does not fit.
        reason: String,
    },
    /// No server is there, or none that is spoken to in this way.
    #[error(
        "no Milvus server answers at {server} ({reason}): start it, or correct the address, in which milvus:// means without TLS and milvus+tls:// with it"
    )]
    NoServer {
        /// Host and port, and whether the connection is encrypted.
        server: String,
        /// What the system said.
        reason: String,
    },
    /// The server wants another user or password, or any.
    #[error(
        "the cluster {place} does not let this user {action}: set CLIP_MILVUS_TOKEN to user:password, or to a key"
    )]
    Forbidden {
        /// The address.
        place: String,
        /// What was to be done.
        action: &'static str,
    },
    /// The server was there and does not answer any more, or not in time.
    #[error(
        "the cluster {place} could not {action} within {seconds} s ({reason}): try again when it is well; what was committed is there"
    )]
    Unavailable {
        /// The address.
        place: String,
        /// What was to be done.
        action: &'static str,
        /// For how long it was tried.
        seconds: u64,
        /// What went wrong last.
        reason: String,
    },
    /// The server answers that it will not.
    #[error("the cluster {place} refuses to {action}: {reason}")]
    Refused {
        /// The address.
        place: String,
        /// What was to be done.
        action: &'static str,
        /// What it said.
        reason: String,
    },
    /// A collection of some other program.
    #[error(
        "{place} is no collection of this program ({reason}): choose another collection in the address"
    )]
    OtherCollection {
        /// The address.
        place: String,
        /// What does not fit.
        reason: String,
    },
    /// Something is longer than a cluster stores it.
    #[error(
        "{subject} has {found} {what}, a cluster stores up to {limit}: shorten it, or keep it in a library on disk"
    )]
    TooLong {
        /// The item.
        subject: String,
        /// What it has too many of, such as `bytes in its text`.
        what: &'static str,
        /// How many.
        found: usize,
        /// What is stored.
        limit: usize,
    },
    /// More was asked for than a cluster answers at once.
    #[error("a cluster answers up to {limit} hits, not {asked}: ask for fewer")]
    TooMany {
        /// Hits asked for.
        asked: usize,
        /// What it answers.
        limit: usize,
    },
}

/// Names the file and what was to be done with it.
#[cfg_attr(
    not(any(feature = "milvus", feature = "sqlite")),
    expect(dead_code, reason = "files are what stores read")
)]
pub(crate) fn io_error<'a>(
    action: &'static str,
    path: &'a Path,
) -> impl Fn(io::Error) -> Error + 'a {
    move |source| Error::Io { action, path: path.to_owned(), source }
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
