/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a model could not be filled.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file, or a tensor in it, is not as it should be.
    #[error(transparent)]
    Checkpoint(#[from] clip_checkpoint::Error),
    /// A parameter of the module has another shape than the file's tensor.
    #[error("parameter {name} has shape {expected:?}, the checkpoint holds {found:?}")]
    Shape {
        /// Path of the parameter.
        name: String,
        /// Shape of the parameter.
        expected: Vec<usize>,
        /// Shape in the file.
        found: Vec<usize>,
    },
    /// Tensors of the file that no parameter took.
    #[error("the model has no parameter for {}", names.join(", "))]
    Unused {
        /// Their names.
        names: Vec<String>,
    },
    /// A reference file that cannot be compared with.
    #[error("{} cannot be compared with: {reason}", path.display())]
    Reference {
        /// The file.
        path: std::path::PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}
