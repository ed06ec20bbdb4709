//! transformers' `SiglipTokenizer`: SentencePiece itself, with a detour around its habit of dropping
//! spaces
//! (<https://github.com/huggingface/transformers/blob/v5.0.0/src/transformers/models/siglip/tokenization_siglip.py>).

use clip_checkpoint::{Subwords, UnigramModel};

use super::charsmap::{Replacements, SPACE};
use super::spelled::{Part, Spelled};
use super::unigram::{Sums, Unigram};
use crate::rules::Rules;
use crate::{Result, clean};

pub(super) struct Siglip {
    spelled: Spelled,
    replacements: Replacements,
    pieces: Unigram,
    /// Put before each text, and taken away again.
    shield: Box<str>,
    /// The pieces of the shield.
    shield_pieces: usize,
    end_token: u32,
}

impl Siglip {
    pub(super) fn new(
        subwords: &Subwords<'_>,
        model: &UnigramModel<'_>,
        end_token: u32,
    ) -> Result<Self> {
        let UnigramModel { scores, unknown, reserved, charsmap } = model;
        let pieces = subwords.tokens.iter().zip(0..).zip(scores);
        let pieces = pieces
            .map(|((token, id), score)| (*token, id, *score))
            .filter(|(_, id, _)| id != unknown && !reserved.contains(id));
        let mut rules = Self {
            spelled: Spelled::new(&subwords.spelled)?,
            replacements: Replacements::new(charsmap),
            pieces: Unigram::new(pieces, *unknown, Sums::Single),
            shield: subwords.tokens[*unknown as usize].into(),
            shield_pieces: 0,
            end_token,
        };
        rules.shield_pieces = rules.pieces(&rules.shield).len();
        Ok(rules)
    }

    fn pieces(&self, text: &str) -> Vec<u32> {
        self.pieces.encode(&self.replacements.sentence_piece(text))
    }

    fn encode_part(&self, text: &str, ids: &mut Vec<u32>) {
        let pieces = self.pieces(&[&*self.shield, &clean::siglip(text)].concat());
        let shield = if pieces.len() < self.shield_pieces { 0 } else { self.shield_pieces };
        ids.extend_from_slice(&pieces[shield..]);
    }
}

impl Rules for Siglip {
    fn encode(&self, text: &str) -> Vec<u32> {
        let text = format!("{SPACE}{}", text.replace(SPACE, " "));
        let mut ids = Vec::new();
        for part in self.spelled.split(&text) {
            match part {
                Part::Token(id) => ids.push(id),
                Part::Text(text) => self.encode_part(text, &mut ids),
            }
        }
        // A text that ends with the end token gets no second one.
        ids.pop_if(|id| *id == self.end_token);
        ids
    }
}
