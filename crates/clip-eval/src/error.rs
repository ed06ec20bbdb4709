/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What can be wrong with what is to be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The values do not fill the rows.
    #[error("{subject}: {found} values do not make {rows} rows of {width}: encode them again")]
    Shape {
        /// What the vectors stand for.
        subject: String,
        /// Values given.
        found: usize,
        /// Rows announced.
        rows: usize,
        /// Values a row.
        width: usize,
    },
    /// NaN or infinity in a vector.
    #[error("{subject}: row {row} holds {value} at position {position}: encode it again")]
    NotFinite {
        /// What the vectors stand for.
        subject: String,
        /// The row, from 0.
        row: usize,
        /// Where in the row.
        position: usize,
        /// The value found.
        value: f32,
    },
    /// A vector whose dot product would not be the cosine.
    #[error("{subject}: row {row} has length {norm}, not 1: normalize the vectors first")]
    NotUnit {
        /// What the vectors stand for.
        subject: String,
        /// The row, from 0.
        row: usize,
        /// Its length.
        norm: f32,
    },
    /// Vectors of two models.
    #[error("{subject} have {found} values a vector, not {expected}: encode both with one model")]
    Width {
        /// What the vectors stand for.
        subject: String,
        /// Values in its vectors.
        found: usize,
        /// Values in the vectors that they meet.
        expected: usize,
    },
    /// Labels or groups that do not belong to the vectors.
    #[error("{subject}: there are {found} labels for {expected} rows: give one for each row")]
    Labels {
        /// What the vectors stand for.
        subject: String,
        /// Labels given.
        found: usize,
        /// Rows.
        expected: usize,
    },
    /// A label that names no class.
    #[error("{subject}: row {row} has label {label}, the classes are 0 to {last}")]
    UnknownClass {
        /// What the vectors stand for.
        subject: String,
        /// The row, from 0.
        row: usize,
        /// Its label.
        label: usize,
        /// The last class.
        last: usize,
    },
    /// Nothing to measure.
    #[error("there are no {subject}: give at least one")]
    Empty {
        /// What is missing.
        subject: String,
    },
    /// A query that nothing answers.
    #[error("{subject}: row {row} has no right answer among the {gallery}: leave it out")]
    Unanswerable {
        /// What the queries stand for.
        subject: String,
        /// The query, from 0.
        row: usize,
        /// What the answers stand for.
        gallery: String,
    },
    /// Prompts that are not a whole number of classes.
    #[error("{prompts} prompts are no multiple of {templates} templates: encode all prompts")]
    PartialClass {
        /// Prompts given.
        prompts: usize,
        /// Prompts a class.
        templates: usize,
    },
    /// Prompts whose mean has no direction.
    #[error("the prompts of class {class} cancel each other out: choose other templates")]
    NoDirection {
        /// The class, from 0.
        class: usize,
    },
    /// No such set of templates.
    #[error("there are no templates named {name}: choose one of {known}, or a file")]
    UnknownTemplates {
        /// The name asked for.
        name: String,
        /// The names there are, separated by commas.
        known: String,
    },
    /// A template without a place for the name.
    #[error("{file}:{line}: `{text}` has no place for the name of a class: write {{}} there")]
    NoPlaceholder {
        /// The file, or the name of the set.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What it says.
        text: String,
    },
    /// A probe with nothing to tell apart.
    #[error("all training rows have one label: give rows of at least two classes")]
    OneClass,
    /// A setting outside its range.
    #[error("{name} is {value}: it must be {allowed}")]
    Setting {
        /// The setting.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The values that make sense.
        allowed: &'static str,
    },
    /// The solver gave up, which finite features do not cause.
    #[error("the logistic regression failed: {reason}")]
    Solver {
        /// What the solver said.
        reason: String,
    },
}
