/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a text has no token ids.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// More tokens than the text tower has positions.
    #[error(
        "the text has {tokens} tokens, the model reads at most {limit}: shorten it, or ask for truncation"
    )]
    TooLong {
        /// Tokens of the text, start and end token counted.
        tokens: usize,
        /// The context length.
        limit: usize,
    },
    /// The checkpoint names a way of cleaning texts that came after this crate.
    #[error("the checkpoint asks for the tokenizer mode {mode}: update the program")]
    UnknownMode {
        /// The mode, as the checkpoint names it.
        mode: String,
    },
}
