use std::path::PathBuf;

/// Why data says nothing of a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvaluationError {
    /// The data cannot be read.
    #[error(transparent)]
    Data(#[from] clip_data::Error),
    /// The vectors cannot be measured.
    #[error(transparent)]
    Measure(#[from] clip_eval::Error),
    /// A table labels none of the images.
    #[error(
        "{} labels no picture of the data: its keys look like {key}, those of the data like {of_data}",
        table.display()
    )]
    OtherKeys {
        /// The table.
        table: PathBuf,
        /// Its first key.
        key: String,
        /// The first key of the data.
        of_data: String,
    },
    /// No image can be read.
    #[error("of {} none can be read", crate::count(*count, "picture"))]
    NoneRead {
        /// How many there are.
        count: usize,
    },
    /// There is nothing to choose from.
    #[error("all pictures show {label}: there must be two labels at least to choose from")]
    OneLabel {
        /// What all show.
        label: String,
    },
    /// A class has no name.
    #[error(
        "a picture is of class {class}, and classnames.txt ends at {last}: use the list of this data"
    )]
    UnnamedClass {
        /// The class.
        class: usize,
        /// The last that has a name; -1 where none has.
        last: i64,
    },
    /// There are no captions to ask with.
    #[error("the data has no captions")]
    NoCaptions,
    /// There are too few images to choose the strength of the penalty with.
    #[error(
        "the data to learn from has {}, too few to hold out every tenth",
        crate::count(*count, "picture")
    )]
    TooFew {
        /// How many there are.
        count: usize,
    },
}
