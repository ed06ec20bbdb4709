use std::path::PathBuf;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a run cannot begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The loss left the numbers.
    #[error(
        "step {step}: the loss is {loss} and the gradient norm {gradient_norm} at a learning rate of {rate:.2e}; nothing was saved of this step: begin a new run with a lower learning rate or a longer warm-up, `from` the last checkpoint where that is good"
    )]
    NotFinite {
        /// Steps taken before.
        step: u64,
        /// The loss.
        loss: f32,
        /// Norm of the gradients.
        gradient_norm: f32,
        /// The learning rate.
        rate: f64,
    },
    /// The configuration cannot be followed.
    #[error("{file}: {reason}")]
    Config {
        /// Name of the file.
        file: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// The configuration cannot be read.
    #[error("cannot read {path}", path = path.display())]
    NoConfig {
        /// The file.
        path: PathBuf,
        /// Why.
        source: clip_data::Error,
    },
    /// The pictures or texts to learn from.
    #[error(transparent)]
    Data(#[from] clip_data::Error),
    /// A checkpoint cannot be read or written.
    #[error(transparent)]
    Checkpoint(#[from] clip_checkpoint::Error),
    /// A model cannot be filled.
    #[error(transparent)]
    Model(#[from] clip_model::Error),
    /// The validation cannot be measured.
    #[error(transparent)]
    Eval(#[from] clip_eval::Error),
    /// The checkpoint to start from has no tokenizer.
    #[error(transparent)]
    Tokenizer(#[from] clip_tokenizer::Error),
    /// A caption has no token ids.
    #[error("the caption \"{caption}\" has no token ids: {source}")]
    Caption {
        /// The caption.
        caption: String,
        /// What the tokenizer said.
        source: clip_tokenizer::Error,
    },
    /// The model to train further has convolutions below its patches.
    #[error(
        "{path} has a convolutional stem, which stays as it is: write [features], and the rest is trained on what it makes of images",
        path = path.display()
    )]
    ConvStem {
        /// The checkpoint.
        path: PathBuf,
    },
    /// The classes or the classifier of prototypes cannot be used.
    #[error("[prototypes]: cannot use {path}: {reason}", path = path.display())]
    Prototypes {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// Translations cannot be used.
    #[error("[translations]: cannot use {path}: {reason}", path = path.display())]
    Translations {
        /// The file.
        path: PathBuf,
        /// Why, and what to do.
        reason: String,
    },
    /// A file of the run cannot be written.
    #[error("cannot write {path}: {source}; what was saved before is still there", path = path.display())]
    Save {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The state of a run cannot be read.
    #[error("cannot resume from {path}: {reason}", path = path.display())]
    BadState {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
    /// The state is of a run with other settings.
    #[error(
        "cannot resume from {path}: the run had another `{setting}`; use its settings again, or another `output` for a new run",
        path = path.display()
    )]
    OtherRun {
        /// The file.
        path: PathBuf,
        /// The first setting that differs.
        setting: String,
    },
    /// There is a run in the output folder already.
    #[error(
        "{path} holds a run already: resume it, or choose another `output`",
        path = path.display()
    )]
    Occupied {
        /// The folder.
        path: PathBuf,
    },
    /// No batch could be made of the data.
    #[error(
        "the data make no batch of {batch_size} rows (rows: {rows}, different names: {names}): choose a smaller `sampler.batch_size`"
    )]
    NoBatches {
        /// Rows asked for in a batch.
        batch_size: usize,
        /// Rows that there are.
        rows: usize,
        /// Distinct names among them.
        names: usize,
    },
    /// Too many rows could not be read.
    #[error("no row of epoch {epoch} could be read: the last problem was {problem}")]
    AllSkipped {
        /// The epoch.
        epoch: u64,
        /// The last problem.
        problem: String,
    },
}
