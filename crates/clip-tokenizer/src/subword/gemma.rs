//! transformers' `Siglip2Tokenizer`, and OpenCLIP's `HFTokenizer` around `GemmaTokenizer`: texts are
//! merged whole, spaces and all
//! (<https://github.com/huggingface/transformers/blob/v5.0.0/src/transformers/models/gemma/tokenization_gemma.py>).

use std::borrow::Cow;

use clip_checkpoint::{Merge, Subwords};

use super::bpe::Bpe;
use super::charsmap::SPACE;
use super::spelled::{Part, Spelled};
use crate::rules::Rules;
use crate::{Result, clean};

/// What happens to a text before it is merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cleaning {
    /// OpenCLIP cleans all of it.
    Canonical,
    /// transformers lower-cases what is between tokens that it spells out.
    LowerCase,
}

pub(super) struct Gemma {
    spelled: Spelled,
    merges: Bpe,
    cleaning: Cleaning,
}

impl Gemma {
    pub(super) fn new(
        subwords: &Subwords<'_>,
        merges: &[Merge],
        cleaning: Cleaning,
    ) -> Result<Self> {
        let spelled = Spelled::new(&subwords.spelled)?;
        Ok(Self { spelled, merges: Bpe::new(&subwords.tokens, merges)?, cleaning })
    }
}

impl Rules for Gemma {
    fn encode(&self, text: &str) -> Vec<u32> {
        let text = match self.cleaning {
            Cleaning::Canonical => Cow::Owned(clean::canonical(text)),
            Cleaning::LowerCase => Cow::Borrowed(text),
        };
        let mut ids = Vec::new();
        for part in self.spelled.split(&text) {
            match part {
                Part::Token(id) => ids.push(id),
                Part::Text(text) => {
                    let text = match self.cleaning {
                        Cleaning::Canonical => Cow::Borrowed(text),
                        Cleaning::LowerCase => Cow::Owned(clean::lower_each(text)),
                    };
                    self.merges.encode(&text.replace(' ', SPACE), &mut ids);
                }
            }
        }
        ids
    }
}
