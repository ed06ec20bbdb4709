//! What SentencePiece replaces before it cuts a text: NFKC, and white space in its kinds.
//!
//! The table comes with the vocabulary. Its two readers disagree on which strings they look up, so
//! each is followed to the letter.

use clip_checkpoint::Charsmap;
use unicode_segmentation::UnicodeSegmentation;

/// Stands for a space in the tokens.
pub(super) const SPACE: &str = "▁";

/// Strings to replace, and by what.
pub(super) struct Replacements {
    units: Vec<u32>,
    texts: Box<str>,
}

impl Replacements {
    pub(super) fn new(charsmap: &Charsmap<'_>) -> Self {
        Self { units: charsmap.units.clone(), texts: charsmap.replacements.into() }
    }

    /// As `Normalizer::Normalize` of SentencePiece: always the longest string; white space stripped
    /// and collapsed, a space before the text
    /// (<https://github.com/google/sentencepiece/blob/v0.2.3/src/normalizer.cc>).
    pub(super) fn sentence_piece(&self, text: &str) -> String {
        let mut out = String::from(SPACE);
        let mut after_space = true;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            let longest = self.beginnings(rest).last();
            let (length, new) = longest.unwrap_or((c.len_utf8(), &rest[..c.len_utf8()]));
            let new = if after_space { new.trim_start_matches(' ') } else { new };
            if !new.is_empty() {
                out.push_str(&new.replace(' ', SPACE));
                after_space = new.ends_with(' ');
            }
            rest = &rest[length..];
        }
        out.truncate(out.trim_end_matches(SPACE).len());
        out
    }

    /// As `Precompiled` of the crate `tokenizers`: of a short grapheme the shortest string that it
    /// begins with, for all of it; otherwise of each character
    /// (<https://docs.rs/spm_precompiled/0.1.4/src/spm_precompiled/lib.rs.html>).
    pub(super) fn tokenizers(&self, text: &str) -> String {
        let mut out = String::with_capacity(text.len());
        for grapheme in text.graphemes(true) {
            match self.shortest(grapheme).filter(|_| grapheme.len() < 6) {
                Some(new) => out.push_str(new),
                None => {
                    for c in grapheme.chars() {
                        match self.shortest(c.encode_utf8(&mut [0; 4])) {
                            Some(new) => out.push_str(new),
                            None => out.push(c),
                        }
                    }
                }
            }
        }
        out
    }

    fn shortest(&self, text: &str) -> Option<&str> {
        self.beginnings(text).next().map(|(_, new)| new)
    }

    /// The strings of the table that `text` begins with, shortest first: how long, and what stands
    /// instead. What a damaged table says of places that are not there is not there.
    fn beginnings(&self, text: &str) -> impl Iterator<Item = (usize, &str)> {
        let unit = |at: usize| self.units.get(at).copied().map(Unit);
        let mut place = unit(0).map(Unit::offset);
        text.bytes()
            .enumerate()
            .map_while(move |(at, byte)| {
                let here = place? ^ usize::from(byte);
                let found = unit(here).filter(|unit| unit.is_of(byte))?;
                let below = here ^ found.offset();
                place = Some(below);
                let value = unit(below).filter(|_| found.has_value()).map(Unit::value);
                let new = value.and_then(|value| self.texts.get(value..)?.split('\0').next());
                Some(new.map(|new| (at + 1, new)).filter(|(end, _)| text.is_char_boundary(*end)))
            })
            .flatten()
    }
}

/// A unit of a double array; its bits are as in
/// <https://github.com/s-yata/darts-clone/blob/master/include/darts.h>.
#[derive(Clone, Copy)]
struct Unit(u32);

impl Unit {
    fn is_of(self, byte: u8) -> bool {
        self.0 & (1 << 31 | 0xff) == u32::from(byte)
    }

    fn has_value(self) -> bool {
        self.0 >> 8 & 1 == 1
    }

    fn value(self) -> usize {
        (self.0 & !(1 << 31)) as usize
    }

    fn offset(self) -> usize {
        ((self.0 >> 10) << ((self.0 & 1 << 9) >> 6)) as usize
    }
}

#[cfg(test)]
mod tests {
    use clip_checkpoint::{SubwordModel, Subwords};
    use clip_testkit::{Random, unpacked};

    use super::*;

    /// SentencePiece's `nmt_nfkc`, with some units changed.
    fn replacements(change: impl Fn(&mut Vec<u32>)) -> Replacements {
        let bytes = unpacked("subwords/t5/vocabulary");
        let SubwordModel::Unigram(mut model) = Subwords::decode(&bytes).unwrap().model else {
            panic!("pieces")
        };
        change(&mut model.charsmap.units);
        Replacements::new(&model.charsmap)
    }

    // Expected values: `SentencePieceProcessor.normalize`, and `Precompiled` of tokenizers.
    #[test]
    fn both_readers_are_followed() {
        let replacements = replacements(|_| {});
        for (text, sentence_piece, tokenizers) in [
            ("a dog", "▁a▁dog", "a dog"),
            ("  a \t dog ", "▁a▁dog", "  a   dog "),
            ("ﬁne ① ½", "▁fine▁1▁1⁄2", "fine 1 1⁄2"),
            ("e\u{301}", "▁é", "é"),
            ("A\u{30a}\u{301}", "▁Ǻ", "Å"),
            ("ﾊ\u{ff9f}", "▁パ", "ハ\u{309a}"),
            ("a\u{200b}b\u{ad}c\u{7f}", "▁a▁b\u{ad}c", "a b\u{ad}c"),
            ("", "", ""),
            (" ", "", " "),
        ] {
            assert_eq!(replacements.sentence_piece(text), sentence_piece, "{text}");
            assert_eq!(replacements.tokenizers(text), tokenizers, "{text}");
        }
    }

    #[test]
    fn without_a_table_nothing_is_replaced() {
        let none = Replacements::new(&Charsmap::default());
        assert_eq!(none.sentence_piece(" ﬁne  dog"), "▁ﬁne▁dog");
        assert_eq!(none.tokenizers("ﬁne ①"), "ﬁne ①");
    }

    /// It gives some text, and no panic.
    #[test]
    fn a_damaged_table_is_read() {
        let texts = ["a dog's café", "e\u{301}①½ ﬁ\0", "犬🐶\u{200b}ﾊ\u{ff9f}"];
        for seed in 0..200 {
            let replacements = replacements(|units| {
                let mut random = Random::new(seed);
                units.truncate(random.bits() as usize % units.len());
                for unit in units {
                    *unit ^= 1 << (random.bits() % 32);
                }
            });
            for text in texts {
                replacements.sentence_piece(text);
                replacements.tokenizers(text);
            }
        }
    }
}
