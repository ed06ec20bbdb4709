//! How a table of texts is trained.

use serde::{Deserialize, Serialize};

/// How the table is trained.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextVectorConfig {
    /// The highest learning rate of the vectors; it rises and falls with that of the rest.
    pub learning_rate: f64,
    /// Decay rates of the two moments.
    pub betas: [f64; 2],
}

impl Default for TextVectorConfig {
    fn default() -> Self {
        Self { learning_rate: 7e-3, betas: [0.8, 0.95] }
    }
}

impl TextVectorConfig {
    pub(crate) fn validate(&self) -> std::result::Result<(), String> {
        if !(self.learning_rate > 0.0 && self.learning_rate.is_finite()) {
            return Err("`text_vectors.learning_rate` is not a positive number".to_owned());
        }
        match self.betas.iter().find(|beta| !(0.0..1.0).contains(*beta)) {
            Some(beta) => {
                Err(format!("`text_vectors.betas` has {beta}: write numbers from 0 to below 1"))
            }
            None => Ok(()),
        }
    }
}
