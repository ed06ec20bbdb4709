//! What the tokenizer asks of each reference.

/// How one reference makes ids of texts.
pub(crate) trait Rules: Send + Sync {
    /// The ids of a text without those that every text begins and ends with.
    fn encode(&self, text: &str) -> Vec<u32>;
}
