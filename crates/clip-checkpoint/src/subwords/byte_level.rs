//! Merges of the bytes of words, as CLIP has them, and what cannot be among them.

use std::collections::HashSet;

use super::{SubwordModel, Subwords, bad};
use crate::{Result, TokenizerConfig, Vocabulary};

/// Ids before those of the merges: every byte, inside a word and at its end.
pub(super) const BYTES: usize = 512;

/// The longest token in bytes, so that a damaged list cannot ask for texts without bounds; CLIP's own
/// longest has 32.
const LONGEST: usize = 256;

/// Checks that each merge has its halves before it, and is a new one.
pub(super) fn check(merges: &[[u32; 2]]) -> Result<()> {
    struct Token {
        length: usize,
        ends_word: bool,
    }
    let byte = |id| Token { length: 1, ends_word: id >= BYTES / 2 };
    let mut tokens: Vec<Token> = (0..BYTES).map(byte).collect();
    let mut known = HashSet::with_capacity(merges.len());
    for merge in merges {
        let [Some(left), Some(right)] = merge.map(|id| tokens.get(id as usize)) else {
            return Err(bad("a merge comes before its halves"));
        };
        let (length, ends_word) = (left.length + right.length, right.ends_word);
        if left.ends_word {
            return Err(bad("a merge goes on after the end of a word"));
        }
        if length > LONGEST {
            return Err(bad("a token is longer than 256 bytes"));
        }
        if !known.insert(merge) {
            return Err(bad("a merge is there twice"));
        }
        tokens.push(Token { length, ends_word });
    }
    Ok(())
}

impl TokenizerConfig {
    /// Checks stored merges against the card that they go with: its special tokens and the size of the
    /// text tower. A vocabulary of another kind is not looked at.
    pub(crate) fn check_merges(&self, bytes: &[u8], vocab_size: usize) -> Result<()> {
        if !self.mode.splits_words() {
            return Ok(());
        }
        if Vocabulary::stored(bytes) != self.vocabulary {
            return Err(bad("its SHA-256 is not that on the card, so it is damaged"));
        }
        let subwords = Subwords::decode(bytes)?;
        let SubwordModel::ByteLevel(merges) = &subwords.model else {
            return Err(bad("it is not of the kind that the tokenizer's mode works with"));
        };
        let start = BYTES + merges.len();
        if self.start_token.map(|token| token as usize) != Some(start)
            || self.end_token as usize != start + 1
        {
            return Err(bad("the start and end token of the card are not those after its merges"));
        }
        if subwords.count() != vocab_size {
            return Err(bad("it has not as many tokens as the text tower"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn refused(merges: &[[u32; 2]], expected: &str) {
        let (tokens, spelled) = (Vec::new(), Vec::new());
        let model = SubwordModel::ByteLevel(merges.to_vec());
        let bytes = Subwords { tokens, spelled, model }.encode();
        let error = Subwords::decode(&bytes).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }

    #[test]
    fn merges_that_cannot_be_are_refused() {
        refused(&[[0, 512]], "a merge comes before its halves");
        refused(&[[0, 1], [514, 1]], "a merge comes before its halves");
        refused(&[[256, 1]], "a merge goes on after the end of a word");
        refused(&[[0, 257], [512, 1]], "a merge goes on after the end of a word");
        refused(&[[0, 1], [512, 1], [0, 1]], "a merge is there twice");
        // Each token twice as long as the one before it.
        let doubled: Vec<[u32; 2]> =
            [[0, 0]].into_iter().chain((512..540).map(|id| [id, id])).collect();
        refused(&doubled, "a token is longer than 256 bytes");
        let bytes = b"\x01\x02\x01\x01d\0\0";
        let error = Subwords::decode(bytes).unwrap_err().to_string();
        assert!(error.contains("it has tokens beside those of its merges"), "{error}");
    }
}
