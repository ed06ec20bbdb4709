/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can go wrong between a file or a sentence and its unit vector.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The checkpoint is damaged or of another kind.
    #[error(transparent)]
    Checkpoint(#[from] clip_checkpoint::Error),
    /// The checkpoint does not fit the model.
    #[error(transparent)]
    Model(#[from] clip_model::Error),
    /// A picture cannot be read.
    #[error(transparent)]
    Picture(#[from] clip_preprocess::Error),
    /// A text cannot be turned into tokens, or the checkpoint has no tokenizer.
    #[error(transparent)]
    Text(#[from] clip_tokenizer::Error),
    /// The tokenizer of the checkpoint knows more tokens than its text tower.
    #[error(
        "the model's tokenizer gives token {token}, and its text tower has {count}: they are of two models, convert the checkpoint again"
    )]
    UnknownToken {
        /// The token.
        token: u32,
        /// Tokens of the text tower.
        count: usize,
    },
    /// A text without a letter in it.
    #[error("the text is empty: write what to look for")]
    EmptyText,
    /// No label to choose from.
    #[error("there are no labels to choose from: give at least one")]
    NoLabels,
    /// A template that would make every label the same text.
    #[error("the template '{template}' has no place for the label: write {{}} where it belongs")]
    BadTemplate {
        /// The template as given.
        template: String,
    },
    /// Terms that add up to nothing.
    #[error("the terms of the query cancel each other out: nothing is left to look for")]
    NothingLeft,
    /// The device failed while it computed.
    #[error("the device failed: {reason}")]
    Device {
        /// What the backend said.
        reason: String,
    },
}
