//! Several texts of one length.

/// Token ids of several texts, filled up to one length.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenBatch {
    /// Row-major ids `[rows, length]`.
    pub ids: Vec<u32>,
    /// Number of texts.
    pub rows: usize,
    /// Tokens of each row.
    pub length: usize,
}

impl TokenBatch {
    /// Fills every text up with `pad_token`, to `least` tokens or to the longest text.
    pub(crate) fn new(texts: &[Vec<u32>], pad_token: u32, least: usize) -> Self {
        let length = texts.iter().map(Vec::len).fold(least, usize::max);
        let mut ids = Vec::with_capacity(texts.len() * length);
        for (row, text) in texts.iter().enumerate() {
            ids.extend_from_slice(text);
            ids.resize((row + 1) * length, pad_token);
        }
        Self { ids, rows: texts.len(), length }
    }
}
