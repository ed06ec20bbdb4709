use clip_checkpoint::TokenizerMode;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why there is no tokenizer, or a text has no token ids.
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
    /// The checkpoint names a way of cleaning texts that is for another vocabulary, or came after this
    /// crate.
    #[error(
        "the checkpoint asks for the tokenizer mode {mode:?}, which this program does not have for its vocabulary: update the program, or convert the source again"
    )]
    OtherVocabulary {
        /// The mode.
        mode: TokenizerMode,
    },
    /// The model has a vocabulary of its own.
    #[error("the model has a vocabulary of its own: give the tokenizer the one in its checkpoint")]
    NoVocabulary,
    /// That vocabulary cannot be read.
    #[error(transparent)]
    Vocabulary(#[from] clip_checkpoint::Error),
    /// A token that every text gets is not in the vocabulary.
    #[error(
        "the checkpoint names token {token}, but its vocabulary has {tokens} tokens: convert the source again"
    )]
    NoToken {
        /// Its id.
        token: u32,
        /// How many tokens there are.
        tokens: usize,
    },
    /// Fewer merges can be had than a vocabulary is to have.
    #[error(
        "{asked} merges are asked for, but CLIP's and those that the texts give are {there}: ask for fewer, or give more texts"
    )]
    FewMerges {
        /// How many are asked for.
        asked: usize,
        /// How many there are.
        there: usize,
    },
}
