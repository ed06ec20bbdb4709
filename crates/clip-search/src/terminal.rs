//! Names and texts of other people's on a terminal.
//!
//! A file may be called anything, and a terminal obeys what is printed: an escape sequence in a name
//! hides the line before it, and a bidi override shows another ending. So what a terminal obeys or
//! does not show is escaped, the way `ls` does it there. Files and pipes get the true bytes.

mod writer;

use std::borrow::Cow;
use std::path::Path;

pub use writer::EscapingWriter;

/// Whether a terminal obeys the character, turns the text around by it, or does not show it. The
/// joiners U+200C and U+200D are parts of words and of emoji, and stay.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200b}'
                | '\u{200e}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
        )
}

/// The escape by which bash (`$'..'`) means the character; what JSON leaves as it is, by JSON's own.
fn push(escaped: &mut String, c: char) {
    let code = u32::from(c);
    match c {
        '\n' => escaped.push_str("\\n"),
        '\r' => escaped.push_str("\\r"),
        '\t' => escaped.push_str("\\t"),
        _ if code < 0x20 => escaped.push_str(&format!("\\x{code:02x}")),
        _ => escaped.push_str(&format!("\\u{code:04x}")),
    }
}

/// A text with what is unsafe escaped, and bytes that are no UTF-8. Characters that `keep` says stay.
pub fn escape_bytes(text: &[u8], keep: fn(char) -> bool) -> Cow<'_, str> {
    let is_plain = |c: char| keep(c) || !is_unsafe(c);
    if let Ok(text) = str::from_utf8(text)
        && text.chars().all(is_plain)
    {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 16);
    for chunk in text.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_plain(c) { escaped.push(c) } else { push(&mut escaped, c) }
        }
        for byte in chunk.invalid() {
            escaped.push_str(&format!("\\x{byte:02x}"));
        }
    }
    Cow::Owned(escaped)
}

/// A text with what is unsafe escaped: it is one line.
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_bytes(text.as_bytes(), |_| false)
}

/// As [`escape`], but several lines may stay so: those of a program, with texts of others' in them.
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    escape_bytes(text.as_bytes(), |c| c == '\n')
}

/// A file's name: as it is, or, where something in it has to be escaped, as bash reads it.
pub fn escape_path(path: &Path) -> Cow<'_, str> {
    let plain = path.as_os_str().as_encoded_bytes();
    match escape_bytes(plain, |_| false) {
        Cow::Borrowed(name) => Cow::Borrowed(name),
        Cow::Owned(_) => {
            let mut quoted = Vec::with_capacity(plain.len() + 16);
            for byte in plain {
                if matches!(byte, b'\'' | b'\\') {
                    quoted.push(b'\\');
                }
                quoted.push(*byte);
            }
            Cow::Owned(format!("$'{}'", escape_bytes(&quoted, |_| false)))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_obeys_is_escaped() {
        let check = |given: &str, expected: &str| assert_eq!(escape(given), expected);
        check("a dog, „Zürich“ 犬 it's C:\\x 100 %", "a dog, „Zürich“ 犬 it's C:\\x 100 %");
        check("\u{1b}[31mred\u{7}\r", "\\x1b[31mred\\x07\\r");
        check("a\nb\tc\u{7f}\0", "a\\nb\\tc\\u007f\\x00");
        check("\u{9b}31m\u{85}", "\\u009b31m\\u0085");
        check("gnp.\u{202e}exe\u{2066}\u{2069}", "gnp.\\u202eexe\\u2066\\u2069");
        check("a\u{200b}b\u{feff}c\u{2028}", "a\\u200bb\\ufeffc\\u2028");
        // Families and Persian words are written with joiners.
        check("👨\u{200d}👩\u{200d}👧 می\u{200c}خواهم", "👨\u{200d}👩\u{200d}👧 می\u{200c}خواهم");
        assert_eq!(escape_lines("a\n\u{1b}b"), "a\n\\x1bb");
    }

    #[cfg(unix)]
    #[test]
    fn names_are_quoted_as_bash_reads_them() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        let check = |given: &[u8], expected: &str| {
            assert_eq!(escape_path(Path::new(OsStr::from_bytes(given))), expected);
        };
        check(b"p/a dog's.webp", "p/a dog's.webp");
        check("p/Zürich 犬.webp".as_bytes(), "p/Zürich 犬.webp");
        check(b"p/\x1b[31mred.webp", "$'p/\\x1b[31mred.webp'");
        check(b"latin-\xe9.webp", "$'latin-\\xe9.webp'");
        check(b"it's\\\n", "$'it\\'s\\\\\\n'");
        check("\u{202e}".as_bytes(), "$'\\u202e'");
    }
}
