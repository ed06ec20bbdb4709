use std::path::PathBuf;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can be wrong with a checkpoint.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file cannot be opened or written.
    #[error("cannot {action} {path}: {source}")]
    Io {
        /// `open`, `map`, `write`.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The bytes are not a whole safetensors file.
    #[error(
        "{origin} is not a whole safetensors file ({reason}): it may be damaged or cut off; convert or copy it again"
    )]
    Damaged {
        /// File name, or what the bytes are called.
        origin: String,
        /// What the safetensors reader said.
        reason: String,
    },
    /// Weights that somebody else wrote.
    #[error("{origin} is {found}, which is a source and no checkpoint yet: convert it first")]
    NotCanonical {
        /// File name, or what the bytes are called.
        origin: String,
        /// What it is.
        found: &'static str,
    },
    /// A stem, which is a part of a model.
    #[error(
        "{origin} is a convolutional stem alone, which has no words: training starts a model from it"
    )]
    StemAlone {
        /// File name, or what the bytes are called.
        origin: String,
    },
    /// Not a stem.
    #[error(
        "{origin} is no convolutional stem: convert a published one with `cargo xtask convert-weights`"
    )]
    NotStem {
        /// File name.
        origin: String,
    },
    /// The card cannot be understood.
    #[error("the model card cannot be read: {reason}; convert the source again")]
    BadCard {
        /// What the JSON reader said.
        reason: String,
    },
    /// The card was written by a later version.
    #[error(
        "the checkpoint has card version {found}, this program reads up to {supported}: update the program"
    )]
    NewerCard {
        /// Version in the file.
        found: u32,
        /// [`crate::CARD_VERSION`].
        supported: u32,
    },
    /// Sizes that no model can have.
    #[error("the configuration describes no model: {reason}")]
    BadConfig {
        /// One sentence on the first field that cannot be.
        reason: String,
    },
    /// Tensors that the configuration calls for are not there.
    #[error("{} missing from the checkpoint: {}; convert the source again", count(.names.len()), list(.names))]
    Missing {
        /// Their canonical names.
        names: Vec<String>,
    },
    /// Tensors that the configuration has no place for.
    #[error("{} in the checkpoint that the configuration has no place for: {}; convert the source again", count(.names.len()), list(.names))]
    Unknown {
        /// Their names in the file.
        names: Vec<String>,
    },
    /// A tensor of another shape than the configuration calls for.
    #[error("tensor {name} has shape {found:?}, the configuration calls for {expected:?}")]
    Shape {
        /// Canonical name.
        name: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape that follows from the configuration.
        expected: Vec<usize>,
    },
    /// The vocabulary to write is not the one that the card speaks of.
    #[error("the vocabulary is not the one whose size and SHA-256 are on the model card")]
    OtherVocabulary,
    /// The vocabulary of a checkpoint cannot be understood.
    #[error("the vocabulary of the checkpoint cannot be read ({reason}): convert the source again")]
    BadVocabulary {
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A tensor in a number format that is not read.
    #[error(
        "tensor {name} is stored as {found}, this program reads f32, f16 and bf16, and int8 for matrices and the token embedding"
    )]
    Dtype {
        /// Canonical name.
        name: String,
        /// Format in the file.
        found: String,
    },
    /// NaN or infinity among the weights, or what becomes infinite in their number format.
    #[error(
        "tensor {name} holds {value} at position {index}: the weights are damaged; convert or download them again"
    )]
    NotFinite {
        /// Canonical name.
        name: String,
        /// Position in the stored order.
        index: usize,
        /// The value found.
        value: f32,
    },
}

fn count(n: usize) -> String {
    if n == 1 { "1 tensor".to_owned() } else { format!("{n} tensors") }
}

/// The first few names; a hundred would hide the message.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let head = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => head,
        more => format!("{head} and {more} more"),
    }
}
