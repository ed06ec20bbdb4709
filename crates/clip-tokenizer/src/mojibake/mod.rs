//! Mojibake: UTF-8 that was once read in another encoding, `â€™` for `’`, `Ð¼Ð¸Ñ€` for `мир`.
//!
//! The steps are those of ftfy 6.3.1 (<https://ftfy.readthedocs.io/en/latest/explain.html>), on which
//! OpenAI and OpenCLIP call, so that the ids come out the same. A text that holds unlikely neighbors
//! ([`badness`]) is written back to bytes in each of ten encodings ([`charset`]); the first whose bytes
//! are UTF-8 ([`utf8`]) is believed. Where none is, runs that look broken are mended alone
//! ([`embedded`]). What is unlikely, ftfy's own patterns say ([`patterns`]).

mod badness;
mod charset;
mod embedded;
mod patterns;
mod utf8;

use std::borrow::Cow;

use badness::is_bad;
pub(crate) use charset::windows_1252;
use charset::{CHARSETS, Charset, Kind};

/// Undoes every wrong reading that the text shows (ftfy's `fix_encoding`).
pub(crate) fn mend(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text);
    // Each step has fewer characters or fewer C1 controls than the one before.
    while let Some(mended) = mend_once(&text).filter(|mended| *mended != text) {
        text = Cow::Owned(mended);
    }
    text
}

fn mend_once(text: &str) -> Option<String> {
    if text.is_ascii() || !is_bad(text) {
        return None;
    }
    let whole = CHARSETS.iter().find_map(|charset| misread(text, charset));
    whole.or_else(|| embedded::mend(text)).or_else(|| Some(as_windows_1252(text).into_owned()))
}

/// The text whose UTF-8 was read in `charset`, if that can be.
fn misread(text: &str, charset: &Charset) -> Option<String> {
    let mut bytes = charset.encode(text)?;
    if charset.kind != Kind::MacRoman {
        bytes = utf8::restore_no_break_spaces(&bytes);
    }
    if charset.kind == Kind::Sloppy {
        bytes = utf8::replace_lossy(&bytes);
    }
    utf8::decode(&bytes)
}

/// Reads C1 controls, which nobody means, as Windows-1252.
pub(crate) fn as_windows_1252(text: &str) -> Cow<'_, str> {
    if text.contains(|c| matches!(c, '\u{80}'..='\u{9f}')) {
        Cow::Owned(text.chars().map(windows_1252).collect())
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(broken: &str, expected: &str) {
        assert_eq!(mend(broken), expected, "{broken}");
    }

    // Expected values: ftfy.fix_encoding.
    #[test]
    fn broken_texts_are_mended() {
        check("itâ€™s cafÃ©", "it’s café");
        check("ðŸ\u{90}¶ Â£5", "🐶 £5");
        check("ÐŸÑ€Ð¸Ð²ÐµÑ‚", "Привет");
        check("Å¼Ã³Å‚w ÅšlÄ…sk", "żółw Śląsk");
        check("voilÃ le chien", "voilà le chien");
        check("cafÃƒÂ©", "café");
        check("caf√© na√Øve", "café naïve");
        check("РїСЂРёРІРµС‚", "привет");
        check(
            "The Mona Lisa doesn√¢‚Ç¨‚Ñ¢t have eyebrows.",
            "The Mona Lisa doesn’t have eyebrows.",
        );
        check("â€œquotedâ€\u{fffd} word", "“quoted\u{fffd} word");
        check("Hi í\u{a0}½í¸\u{8d}", "Hi 😍");
    }

    #[test]
    fn sound_texts_stay() {
        for text in [
            "",
            "a dog",
            "“CAFÉ” É”",
            "‘café’”",
            "SÃO PAULO, MAÇÃ",
            "30 °C à 5 €",
            "犬 über Ωmega",
            "Å",
            "ÃÂ",
        ] {
            check(text, text);
        }
    }

    #[test]
    fn a_sound_word_beside_a_broken_one_stays() {
        check("“CAFÉ” itâ€™s", "“CAFÉ” it’s");
    }
}
