/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a run cannot begin or go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The loss left the numbers.
    #[error(
        "step {step}: the loss is {loss} and the gradient norm {gradient_norm} at a learning rate of {rate:.2e}; nothing was saved of this step: resume from the last checkpoint with a lower learning rate or a longer warm-up"
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
}
