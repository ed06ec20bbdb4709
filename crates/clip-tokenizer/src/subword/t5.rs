//! OpenCLIP's `HFTokenizer` around transformers' `T5Tokenizer`: `tokenizers`, word by word
//! (<https://github.com/huggingface/transformers/blob/v5.0.0/src/transformers/models/t5/tokenization_t5.py>).

use clip_checkpoint::{Subwords, UnigramModel};

use super::charsmap::{Replacements, SPACE};
use super::spelled::{Part, Spelled};
use super::unigram::{Sums, Unigram};
use crate::rules::Rules;
use crate::{Result, clean};

pub(super) struct T5 {
    spelled: Spelled,
    replacements: Replacements,
    pieces: Unigram,
}

impl T5 {
    pub(super) fn new(subwords: &Subwords<'_>, model: &UnigramModel<'_>) -> Result<Self> {
        let pieces = subwords.tokens.iter().zip(0..).zip(&model.scores);
        // `tokenizers` finds the end of a text and its like in words too.
        let pieces = pieces.map(|((token, id), score)| (*token, id, *score));
        Ok(Self {
            spelled: Spelled::new(&subwords.spelled)?,
            replacements: Replacements::new(&model.charsmap),
            pieces: Unigram::new(pieces, model.unknown, Sums::Double),
        })
    }

    fn encode_part(&self, text: &str, ids: &mut Vec<u32>) {
        for word in self.replacements.tokenizers(text).split_whitespace() {
            // A word begins with the sign for a space, and wherever the text has that sign.
            let word = word.strip_prefix(SPACE).unwrap_or(word);
            for word in word.split(SPACE) {
                ids.extend(self.pieces.encode(&format!("{SPACE}{word}")));
            }
        }
    }
}

impl Rules for T5 {
    fn encode(&self, text: &str) -> Vec<u32> {
        let text = clean::canonical(text);
        let mut ids = Vec::new();
        for part in self.spelled.split(&text) {
            match part {
                Part::Token(id) => ids.push(id),
                Part::Text(text) => self.encode_part(text, &mut ids),
            }
        }
        ids
    }
}
