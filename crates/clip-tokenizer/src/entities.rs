//! HTML character references, as Python's `html.unescape` and ftfy replace them.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::LazyLock;

use crate::mojibake::windows_1252;

/// HTML 5's names without the ampersand (most with, some also without a semicolon), and what they
/// stand for.
static NAMED: LazyLock<HashMap<&str, &str>> = LazyLock::new(|| {
    let name = |entity: &'static str| entity.strip_prefix('&').unwrap_or(entity);
    entities::ENTITIES.iter().map(|entity| (name(entity.entity), entity.characters)).collect()
});

/// Longest run of characters after the ampersand that is looked at, semicolon not counted.
const LONGEST_NAME: usize = 32;

/// Python's `html.unescape`: numbers, names, and names that lack their semicolon
/// (<https://docs.python.org/3/library/html.html>).
pub(crate) fn unescape(text: &str) -> Cow<'_, str> {
    replace(text, |rest| numbered(rest).or_else(|| named(rest)))
}

/// ftfy's stricter pass: only with a semicolon, but also where the whole name was put into capitals
/// (<https://ftfy.readthedocs.io/en/latest/fixes.html#ftfy.fixes.unescape_html>).
pub(crate) fn unescape_closed(text: &str) -> Cow<'_, str> {
    replace(text, |rest| {
        let (name, after) = rest.split_once(';')?;
        let letters = name.strip_prefix('#').unwrap_or(name);
        if letters.len() > 24 || !letters.chars().all(|c| c.is_ascii_alphanumeric()) {
            return None;
        }
        let closed = rest.strip_suffix(after)?;
        let new = if name.starts_with('#') {
            // A reference to the semicolon itself is left for the other pass.
            numbered(closed).filter(|(new, rest)| new != ";" && rest.is_empty())?.0
        } else if let Some(&new) = NAMED.get(closed) {
            Cow::Borrowed(new)
        } else if name.chars().any(|c| c.is_ascii_lowercase()) {
            return None;
        } else {
            // `&GTCC;` begins with the name `GT`, which the other pass will read.
            let new = NAMED.get(closed.to_ascii_lowercase().as_str())?;
            match named(closed) {
                Some(_) => return None,
                None => Cow::Owned(new.to_uppercase()),
            }
        };
        Some((new, after))
    })
}

/// What stands for the beginning of a text, and the text that remains after it.
type Replaced<'a> = Option<(Cow<'static, str>, &'a str)>;

/// Replaces references; `reference` sees the text after each ampersand.
fn replace<'a>(text: &'a str, reference: impl Fn(&'a str) -> Replaced<'a>) -> Cow<'a, str> {
    let Some((before, mut rest)) = text.split_once('&') else {
        return Cow::Borrowed(text);
    };
    let mut out = before.to_owned();
    loop {
        match reference(rest) {
            Some((new, after)) => {
                out.push_str(&new);
                rest = after;
            }
            None => out.push('&'),
        }
        let Some((before, after)) = rest.split_once('&') else {
            out.push_str(rest);
            return Cow::Owned(out);
        };
        out.push_str(before);
        rest = after;
    }
}

/// `#38`, `#x26`, with or without a semicolon.
fn numbered(rest: &str) -> Replaced<'_> {
    let rest = rest.strip_prefix('#')?;
    let (digits, radix) = match rest.strip_prefix(['x', 'X']) {
        Some(digits) => (digits, 16),
        None => (rest, 10),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let (digits, after) = digits.split_at_checked(end).filter(|(digits, _)| !digits.is_empty())?;
    let after = after.strip_prefix(';').unwrap_or(after);
    // A number too long for 32 bits is no character either.
    let number = u32::from_str_radix(digits, radix).unwrap_or(u32::MAX);
    Some((character(number), after))
}

/// HTML 5's table for numbers that are no good character: Windows-1252 where C1 controls would be,
/// U+FFFD for what is no character, and, as Python has it, nothing for controls and noncharacters.
fn character(number: u32) -> Cow<'static, str> {
    match char::from_u32(number) {
        None | Some('\0') => "\u{fffd}".into(),
        Some(c @ '\u{80}'..='\u{9f}') => windows_1252(c).to_string().into(),
        Some('\u{1}'..='\u{8}' | '\u{b}' | '\u{e}'..='\u{1f}' | '\u{7f}') => "".into(),
        Some('\u{fdd0}'..='\u{fdef}') => "".into(),
        Some(_) if number & 0xfffe == 0xfffe => "".into(),
        Some(c) => c.to_string().into(),
    }
}

/// `amp;`, or the longest name that the text begins with.
fn named(rest: &str) -> Replaced<'_> {
    let stop =
        |(_, c): &(usize, char)| matches!(c, '\t' | '\n' | '\u{c}' | ' ' | '<' | '&' | '#' | ';');
    let end = rest.char_indices().take(LONGEST_NAME).take_while(|found| !stop(found)).last();
    let end = end.map(|(at, c)| at + c.len_utf8())?;
    let longest = if rest[end..].starts_with(';') { end + 1 } else { end };
    (2..=longest).rev().find_map(|end| {
        let (name, after) = rest.split_at_checked(end)?;
        Some((Cow::Borrowed(*NAMED.get(name)?), after))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(unescape(text), expected, "{text}");
    }

    // Expected values: Python 3's html.unescape.
    #[test]
    fn references_are_replaced_as_python_does() {
        check("salt &amp; pepper", "salt & pepper");
        check("&eacute &notit; &notin; &ampdog &GT", "é ¬it; ∉ &dog >");
        check("&#39;&#x27&#X1F436;", "''🐶");
        check(
            "&#0;&#1;&#128;&#129;&#xD800;&#x110000;&#9999999999999;&#xfffe;",
            "\u{fffd}€\u{81}\u{fffd}\u{fffd}\u{fffd}",
        );
        check("& && &; &# &#; &#x; &#xg; &nosuch; a&", "& && &; &# &#; &#x; &#xg; &nosuch; a&");
        check("&fjlig; &nGt;", "fj ≫\u{20d2}");
        check("&é; &ééé&lt", "&é; &ééé<");
        check("&amp;amp;", "&amp;");
        check("no reference", "no reference");
    }

    // Expected values: ftfy.fixes.unescape_html.
    #[test]
    fn the_strict_pass_wants_the_semicolon() {
        for (text, expected) in [
            ("&lt; &lt &EACUTE; &Eacute; &eACUTE;", "< &lt É É &eACUTE;"),
            ("&#65; &#65 &#59; &#x41; &#65x; &;", "A &#65 &#59; A &#65x; &;"),
        ] {
            assert_eq!(unescape_closed(text), expected, "{text}");
        }
    }
}
