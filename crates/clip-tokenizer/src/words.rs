//! Cutting a text into the words that are merged one by one.

use clip_checkpoint::TokenizerMode;
use regex::Regex;

/// English contractions in the pattern of OpenAI's `simple_tokenizer.py`.
const CONTRACTIONS: &str = "'s|'t|'re|'ve|'m|'ll|'d";

/// A token that a text can spell out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Special {
    Start,
    End,
}

impl Special {
    const ALL: [Self; 2] = [Self::Start, Self::End];

    /// How the reference of a mode spells it.
    const fn spelling(self, mode: TokenizerMode) -> &'static str {
        match (self, mode) {
            (Self::Start, TokenizerMode::OpenClip) => "<start_of_text>",
            (Self::End, TokenizerMode::OpenClip) => "<end_of_text>",
            (Self::Start, _) => "<|startoftext|>",
            (Self::End, _) => "<|endoftext|>",
        }
    }

    /// The token that `word` spells, if it is one.
    fn spelled(word: &str, mode: TokenizerMode) -> Option<Self> {
        Self::ALL.into_iter().find(|special| special.spelling(mode) == word)
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
        let special = Special::ALL.map(|special| regex::escape(special.spelling(mode))).join("|");
        // OpenAI's pattern ignores case. After lower-casing that still matters to 'ſ, a kind of 's,
        // and to U+0345, a mark whose capital is a letter: Python's `regex` then finds it neither in
        // the class of letters nor outside.
        let (flags, no_rest) = match mode {
            TokenizerMode::Hf => ("", ""),
            _ => ("i", r"\u{345}"),
        };
        // Runs of letters, single digits, runs of the rest. White space only separates.
        let pattern = format!(
            r"(?{flags}:{special}|{CONTRACTIONS})|\p{{L}}+|\p{{N}}|[^\s\p{{L}}\p{{N}}{no_rest}]+"
        );
        let pattern = Regex::new(&pattern).expect("the pattern is valid");
        Self { pattern, mode }
    }

    /// The pieces of a clean text, in order.
    pub(crate) fn split<'a>(&self, text: &'a str) -> impl Iterator<Item = Piece<'a>> {
        self.pattern.find_iter(text).flat_map(|found| {
            let word = found.as_str();
            match Special::spelled(word, self.mode) {
                // What spells a token only after lower-casing is three words to transformers: its
                // byte-level step splits once more, by the pattern of GPT-2.
                Some(_) if self.mode == TokenizerMode::Hf => {
                    let name = &word[2..word.len() - 2];
                    ["<|", name, "|>"].map(|part| Some(Piece::Word(part)))
                }
                Some(special) => [Some(Piece::Special(special)), None, None],
                None => [Some(Piece::Word(word)), None, None],
            }
            .into_iter()
            .flatten()
        })
    }
}

/// Cuts a text at the first token that it spells out as transformers does: what is before, the
/// token, what is after.
pub(crate) fn split_at_special(text: &str) -> Option<(&str, Special, &str)> {
    text.match_indices("<|").find_map(|(at, _)| {
        let (before, rest) = text.split_at_checked(at)?;
        Special::ALL.into_iter().find_map(|special| {
            let after = rest.strip_prefix(special.spelling(TokenizerMode::Hf))?;
            Some((before, special, after))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mode: TokenizerMode, text: &str, expected: &[&str]) {
        let splitter = WordSplitter::new(mode);
        let pieces = splitter.split(text).map(|piece| match piece {
            Piece::Special(special) => format!("{special:?}"),
            Piece::Word(word) => word.to_owned(),
        });
        assert_eq!(pieces.collect::<Vec<_>>(), expected, "{mode:?}: {text}");
    }

    #[test]
    fn words_are_cut_by_the_pattern_of_openai() {
        use TokenizerMode::{Hf, OpenClip, Openai};
        for mode in [Openai, OpenClip, Hf] {
            check(mode, "a dog's 10 toys!?", &["a", "dog", "'s", "1", "0", "toys", "!?"]);
            check(mode, "rock'n'roll", &["rock", "'", "n", "'", "roll"]);
            check(mode, "", &[]);
        }
        check(Openai, "it'ſ", &["it", "'ſ"]);
        check(Hf, "it'ſ", &["it", "'", "ſ"]);
        check(Openai, "ά\u{345}!\u{345}?", &["ά", "!", "?"]);
        check(Hf, "ά\u{345}!", &["ά", "\u{345}!"]);
        check(Openai, "a<|endoftext|>", &["a", "End"]);
        check(Openai, "<end_of_text>", &["<", "end", "_", "of", "_", "text", ">"]);
        check(OpenClip, "<|endoftext|>", &["<|", "endoftext", "|>"]);
        check(OpenClip, "a<end_of_text><ſtart_of_text>", &["a", "End", "<ſtart_of_text>"]);
        check(Hf, "<|endoftext|>!", &["<|", "endoftext", "|>", "!"]);
    }

    #[test]
    fn special_tokens_are_found_in_a_text() {
        assert_eq!(split_at_special("a<|endoftext|>b"), Some(("a", Special::End, "b")));
        assert_eq!(split_at_special("<|<|startoftext|>"), Some(("<|", Special::Start, "")));
        assert_eq!(split_at_special("<|end|><|endoftext|"), None);
    }
}
