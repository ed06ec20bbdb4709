//! Tokens that a text spells out.

use aho_corasick::{AhoCorasick, MatchKind};
use clip_checkpoint::Error;

use crate::Result;

/// A part of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part<'a> {
    /// A token, spelled out.
    Token(u32),
    /// What is between two; never empty.
    Text(&'a str),
}

/// The tokens that are taken out of a text before it is cleaned: at each place the longest, the
/// first place first.
pub(super) struct Spelled {
    texts: AhoCorasick,
    ids: Vec<u32>,
}

impl Spelled {
    /// # Errors
    ///
    /// [`Error::BadVocabulary`] where there are too many to be looked for.
    pub(super) fn new(tokens: &[(u32, &str)]) -> Result<Self> {
        let tokens = || tokens.iter().filter(|(_, text)| !text.is_empty());
        let texts = AhoCorasick::builder()
            .match_kind(MatchKind::LeftmostLongest)
            .build(tokens().map(|(_, text)| text))
            .map_err(|_| Error::BadVocabulary { reason: "too many tokens can be spelled out" })?;
        Ok(Self { texts, ids: tokens().map(|(id, _)| *id).collect() })
    }

    /// The parts of a text, in order.
    pub(super) fn split<'a>(&self, text: &'a str) -> impl Iterator<Item = Part<'a>> {
        let mut rest = 0;
        let mut until = move |end: usize, next: usize| {
            let before = &text[rest..end];
            rest = next;
            Some(Part::Text(before)).filter(|_| !before.is_empty())
        };
        let end = [(text.len(), text.len(), None)];
        let found = self.texts.find_iter(text).map(|found| {
            (found.start(), found.end(), Some(Part::Token(self.ids[found.pattern()])))
        });
        found.chain(end).flat_map(move |(start, next, token)| [until(start, next), token]).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_token_is_taken_out() {
        let spelled = Spelled::new(&[(7, "\n"), (8, "\n\n"), (1, "<eos>"), (9, "")]).unwrap();
        let split = |text| spelled.split(text).collect::<Vec<_>>();
        assert_eq!(split("a dog"), [Part::Text("a dog")]);
        assert_eq!(
            split("a\n\n\nb"),
            [Part::Text("a"), Part::Token(8), Part::Token(7), Part::Text("b")]
        );
        assert_eq!(split("<eos>"), [Part::Token(1)]);
        assert_eq!(split("<eos"), [Part::Text("<eos")]);
        assert_eq!(split(""), []);
        let none = Spelled::new(&[]).unwrap();
        assert_eq!(none.split("a").collect::<Vec<_>>(), [Part::Text("a")]);
    }
}
