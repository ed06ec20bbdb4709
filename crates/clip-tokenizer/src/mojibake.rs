//! UTF-8 that was once read as Windows-1252: `â€™` for `’`, `Ã©` for `é`.
//!
//! The letters of such a text, written back as Windows-1252 bytes, are valid UTF-8 again. That
//! happens by accident too, but hardly other than to a capital before punctuation (`CAFÉ”` would be
//! `CAFɔ`), so sequences of that kind do not count as evidence. ftfy decides by a longer table of
//! unlikely neighbors, and knows more encodings
//! (<https://ftfy.readthedocs.io/en/latest/heuristic.html>).

use std::borrow::Cow;

/// What Windows-1252 has at bytes 0x80 to 0x9f; five are unassigned and stay controls, as the WHATWG
/// Encoding Standard and "sloppy" decoders have it.
const HIGH_CONTROLS: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Reads a C1 control as Windows-1252, and leaves every other character.
pub(crate) fn windows_1252(c: char) -> char {
    let high = (c as usize).checked_sub(0x80).and_then(|index| HIGH_CONTROLS.get(index));
    high.copied().unwrap_or(c)
}

/// The byte that Windows-1252 has for a character.
fn byte(c: char) -> Option<u8> {
    match HIGH_CONTROLS.iter().position(|&high| high == c) {
        Some(index) => u8::try_from(0x80 + index).ok(),
        None => u8::try_from(c).ok(),
    }
}

/// Undoes one reading as Windows-1252, where the text shows that there was one.
pub(crate) fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(starts_sequence) {
        return Cow::Borrowed(text);
    }
    let text = restore_no_break_space(text);
    let parts = parts(&text);
    // Where all of the text decodes, one sure sign speaks for all of it.
    let consistent = parts.iter().all(|part| part.decoded.is_some() || part.broken.is_ascii());
    let all = consistent && parts.iter().any(|part| part.is_evidence);
    let decoded = parts.iter().map(|part| match &part.decoded {
        Some(decoded) if all || part.is_evidence => decoded,
        _ => part.broken,
    });
    Cow::Owned(decoded.collect())
}

/// `Â` and `Ã` before a space that was a no-break space, part of the sequence, before some program
/// made it a plain one.
fn restore_no_break_space(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let follows_word = |before: &str| before.trim_end().ends_with(char::is_lowercase);
        let restore = matches!(c, 'Â' | 'Ã') && chars.peek() == Some(&' ') && follows_word(&out);
        out.push(c);
        if restore {
            out.push('\u{a0}');
        }
    }
    out
}

/// Whether a character stands for the first byte of a longer UTF-8 sequence.
fn starts_sequence(c: char) -> bool {
    ('\u{c2}'..='\u{f4}').contains(&c)
}

/// A stretch of a text: sequences that follow each other without a gap, or what is between them.
struct Part<'a> {
    broken: &'a str,
    decoded: Option<String>,
    is_evidence: bool,
}

/// Cuts a text into what decodes and what does not.
fn parts(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (mut length, mut decoded, mut is_evidence) = (0, String::new(), false);
        while let Some((c, bytes)) = sequence(&rest[length..]) {
            is_evidence |= self::is_evidence(&rest[length..][..bytes]);
            decoded.push(c);
            length += bytes;
        }
        let decoded = (length > 0).then_some(decoded);
        if decoded.is_none() {
            let mut starts = rest.char_indices().map(|(at, _)| at).skip(1);
            length = starts.find(|&at| sequence(&rest[at..]).is_some()).unwrap_or(rest.len());
        }
        let (broken, after) = rest.split_at(length);
        parts.push(Part { broken, decoded, is_evidence });
        rest = after;
    }
    parts
}

/// The character that the beginning of `broken` was, and its length there.
fn sequence(broken: &str) -> Option<(char, usize)> {
    let mut chars = broken.chars();
    let first = chars.next().filter(|&c| starts_sequence(c))?;
    let mut bytes = [byte(first)?, 0, 0, 0];
    let count = match bytes[0] {
        ..0xe0 => 2,
        0xe0..0xf0 => 3,
        _ => 4,
    };
    for slot in &mut bytes[1..count] {
        *slot = byte(chars.next()?)?;
    }
    let whole = std::str::from_utf8(&bytes[..count]).ok()?;
    Some((whole.chars().next()?, broken.len() - chars.as_str().len()))
}

/// Whether nobody would have written this: anything but a letter and the punctuation that closes a
/// word. `Â` and `Ã` hardly end a word, and are what all Latin-1 letters begin with.
fn is_evidence(sequence: &str) -> bool {
    let closes =
        |c| matches!(c, '’' | '”' | '›' | '»' | '…' | '–' | '—' | '™' | '®' | '·' | '\u{a0}');
    let mut chars = sequence.chars();
    matches!(chars.next(), Some('Â' | 'Ã')) || !chars.all(closes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(broken: &str, expected: &str) {
        assert_eq!(decode(broken), expected, "{broken}");
    }

    // Expected values: one step of ftfy.fix_encoding.
    #[test]
    fn broken_texts_are_mended() {
        check("itâ€™s cafÃ©", "it’s café");
        check("ðŸ\u{90}¶ Â£5", "🐶 £5");
        check("ÐŸÑ€Ð¸Ð²ÐµÑ‚", "Привет");
        check("Å¼Ã³Å‚w ÅšlÄ…sk", "żółw Śląsk");
        check("voilÃ le chien", "voilà le chien");
        check("cafÃƒÂ©", "cafÃ©");
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
