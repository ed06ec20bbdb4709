//! Cutting a text into the words that are merged one by one.

use clip_checkpoint::TokenizerMode;
use regex::Regex;

/// The pattern of OpenAI's `simple_tokenizer.py`: special tokens, English contractions, runs of
/// letters, single digits, runs of the rest. White space only separates.
const PATTERN: &str =
    r"<\|startoftext\|>|<\|endoftext\|>|'s|'t|'re|'ve|'m|'ll|'d|\p{L}+|\p{N}|[^\s\p{L}\p{N}]+";

/// A token that a text can spell out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    Start,
    End,
}

impl Special {
    const ALL: [Self; 2] = [Self::Start, Self::End];

    /// What stands between `<|` and `|>`.
    const fn name(self) -> &'static str {
        match self {
            Self::Start => "startoftext",
            Self::End => "endoftext",
        }
    }

    /// The token that `word` spells, if it is one.
    fn spelled(word: &str) -> Option<Self> {
        let name = word.strip_prefix("<|")?.strip_suffix("|>")?;
        Self::ALL.into_iter().find(|special| special.name() == name)
    }
}

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A token, spelled out.
    Special(Special),
    /// A word to merge.
    Word(&'a str),
}

/// Cuts clean texts.
pub(crate) struct WordSplitter {
    pattern: Regex,
    mode: TokenizerMode,
}

impl WordSplitter {
    pub(crate) fn new(mode: TokenizerMode) -> Self {
        // OpenAI's pattern ignores case; after lower-casing that still matters to 'ſ, a kind of 's.
        let flags = if mode == TokenizerMode::Openai { "(?i)" } else { "" };
        let pattern = Regex::new(&format!("{flags}{PATTERN}")).expect("the pattern is valid");
        Self { pattern, mode }
    }

    /// The pieces of a clean text, in order.
    pub(crate) fn split<'a>(&self, text: &'a str) -> impl Iterator<Item = Piece<'a>> {
        self.pattern.find_iter(text).flat_map(|found| {
            let word = found.as_str();
            match Special::spelled(word) {
                None => [Some(Piece::Word(word)), None, None],
                Some(special) if self.mode == TokenizerMode::Openai => {
                    [Some(Piece::Special(special)), None, None]
                }
                // What spells a token only after lower-casing is three words to transformers: its
                // byte-level step splits once more, by the pattern of GPT-2.
                Some(special) => ["<|", special.name(), "|>"].map(|part| Some(Piece::Word(part))),
            }
            .into_iter()
            .flatten()
        })
    }
}

/// Cuts a text at the first token that it spells out: what is before, the token, what is after.
pub(crate) fn split_at_special(text: &str) -> Option<(&str, Special, &str)> {
    text.match_indices("<|").find_map(|(at, _)| {
        let (before, rest) = text.split_at_checked(at)?;
        let (name, after) = rest.strip_prefix("<|")?.split_once("|>")?;
        let special = Special::ALL.into_iter().find(|special| special.name() == name)?;
        Some((before, special, after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mode: TokenizerMode, text: &str, expected: &[&str]) {
        let splitter = WordSplitter::new(mode);
        let pieces = splitter.split(text).map(|piece| match piece {
            Piece::Special(special) => special.name().to_uppercase(),
            Piece::Word(word) => word.to_owned(),
        });
        assert_eq!(pieces.collect::<Vec<_>>(), expected, "{mode:?}: {text}");
    }

    #[test]
    fn words_are_cut_by_the_pattern_of_openai() {
        use TokenizerMode::{Hf, Openai};
        for mode in [Openai, Hf] {
            check(mode, "a dog's 10 toys!?", &["a", "dog", "'s", "1", "0", "toys", "!?"]);
            check(mode, "rock'n'roll", &["rock", "'", "n", "'", "roll"]);
            check(mode, "", &[]);
        }
        check(Openai, "it'ſ", &["it", "'ſ"]);
        check(Hf, "it'ſ", &["it", "'", "ſ"]);
        check(Openai, "a<|endoftext|>", &["a", "ENDOFTEXT"]);
        check(Hf, "<|endoftext|>!", &["<|", "endoftext", "|>", "!"]);
    }

    #[test]
    fn special_tokens_are_found_in_a_text() {
        assert_eq!(split_at_special("a<|endoftext|>b"), Some(("a", Special::End, "b")));
        assert_eq!(split_at_special("<|<|startoftext|>"), Some(("<|", Special::Start, "")));
        assert_eq!(split_at_special("<|end|><|endoftext|"), None);
    }
}
