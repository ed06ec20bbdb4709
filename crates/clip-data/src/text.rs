//! Text files that people give: lists, tables and JSON lines, in the encodings that editors write.
//!
//! UTF-8 is read with or without a byte order mark, and UTF-16 (Windows' "Unicode", Excel's
//! "Unicode Text") is decoded. What is neither is an error that says where.

mod encoding;
mod lines;

use std::borrow::Cow;
use std::fs::File;
use std::io::Read;
use std::path::Path;

pub use self::lines::{Line, Lines};
use crate::error::io;
use crate::{Error, Result};
use encoding::Encoding;

/// U+FEFF in UTF-8.
const BOM: &[u8] = b"\xef\xbb\xbf";

/// Without the byte order mark of UTF-8.
///
/// ```
/// assert_eq!(clip_data::text::strip_bom(b"\xef\xbb\xbfdog.webp"), b"dog.webp");
/// assert_eq!(clip_data::text::strip_bom(b"dog.webp"), b"dog.webp");
/// ```
pub fn strip_bom(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BOM).unwrap_or(bytes)
}

/// Reads a file of lines. Each line ends in `\n`, whatever ended it in the file (`\r\n`, and the
/// `\r` of old Macs), and begins without a byte order mark: files that were joined have several.
///
/// # Errors
///
/// [`Error::NotFound`] and [`Error::Io`]; [`Error::NotEncoded`] and [`Error::UnreadEncoding`] where
/// the file is no text.
pub fn read(path: &Path) -> Result<String> {
    let text = utf8(path, read_bytes(path)?)?;
    let text =
        if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n") } else { text };
    Ok(if text.contains('\u{feff}') { text.replace("\n\u{feff}", "\n") } else { text })
}

/// Opens a file to read it line by line, however large it is.
///
/// # Errors
///
/// As [`read`], but lines that are no text are errors of their own.
pub fn lines(path: &Path) -> Result<Lines> {
    let fail = |source| io(path, source);
    let mut file = File::open(path).map_err(fail)?;
    let mut head = Vec::new();
    (&mut file).take(4).read_to_end(&mut head).map_err(fail)?;
    let input: Box<dyn Read> = match Encoding::of(&head) {
        Encoding::Utf8 => Box::new(std::io::Cursor::new(strip_bom(&head).to_vec()).chain(file)),
        other => {
            file.read_to_end(&mut head).map_err(fail)?;
            Box::new(std::io::Cursor::new(other.to_utf8(path, head)?))
        }
    };
    Ok(Lines::new(path, input))
}

/// The bytes of a text file as UTF-8 without a byte order mark. Only UTF-16 is checked on the way:
/// a table can leave out a row that is not UTF-8.
pub(crate) fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::read(path).map_err(|source| io(path, source))?;
    Encoding::of(&bytes).to_utf8(path, bytes)
}

/// What a text is that was read from a part of a file; errors call it `origin`.
pub(crate) fn decode<'a>(origin: &Path, bytes: &'a [u8]) -> Result<Cow<'a, str>> {
    match Encoding::of(bytes) {
        Encoding::Utf8 => match str::from_utf8(strip_bom(bytes)) {
            Ok(text) => Ok(Cow::Borrowed(text)),
            Err(error) => Err(not_utf8(origin, strip_bom(bytes), error)),
        },
        other => Ok(Cow::Owned(utf8(origin, other.to_utf8(origin, bytes.to_vec())?)?)),
    }
}

fn utf8(path: &Path, bytes: Vec<u8>) -> Result<String> {
    String::from_utf8(bytes).map_err(|error| not_utf8(path, error.as_bytes(), error.utf8_error()))
}

fn not_utf8(path: &Path, bytes: &[u8], error: std::str::Utf8Error) -> Error {
    let line = line_of(&bytes[..error.valid_up_to()]);
    Error::NotEncoded { path: path.to_owned(), line, encoding: "UTF-8" }
}

/// The number of the line in which `before` ends, from 1.
fn line_of(before: &[u8]) -> u64 {
    1 + line_ends(before)
}

/// How many lines end in `text`: `\r\n` ends one.
pub(crate) fn line_ends(text: &[u8]) -> u64 {
    let ends = text.iter().enumerate().filter(|(at, byte)| {
        **byte == b'\n' || (**byte == b'\r' && text.get(at + 1) != Some(&b'\n'))
    });
    ends.count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `text` in UTF-16, with a byte order mark.
    fn utf16(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        std::iter::once(0xfeff).chain(text.encode_utf16()).flat_map(bytes).collect()
    }

    fn read_all(content: &[u8]) -> (Result<String>, Vec<Result<Line>>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("t.txt");
        std::fs::write(&path, content).unwrap();
        let lines = match lines(&path) {
            Ok(lines) => lines.collect(),
            Err(error) => vec![Err(error)],
        };
        (read(&path), lines)
    }

    /// Both ways of reading give these lines.
    fn check(content: &[u8], expected: &[&str]) {
        let (whole, lines) = read_all(content);
        assert_eq!(whole.unwrap().lines().collect::<Vec<_>>(), expected);
        let lines: Vec<Line> = lines.into_iter().map(Result::unwrap).collect();
        assert_eq!(lines.iter().map(|line| line.text.as_str()).collect::<Vec<_>>(), expected);
        assert!((1..).zip(&lines).all(|(number, line)| line.number == number), "{lines:?}");
    }

    #[test]
    fn every_encoding_of_an_editor_gives_the_same_lines() {
        let expected = ["dog", "Zürich 🐕", "", "cat"];
        let text = expected.join("\n");
        check(text.as_bytes(), &expected);
        check(&[BOM, text.as_bytes()].concat(), &expected);
        check(&utf16(&text, u16::to_le_bytes), &expected);
        check(&utf16(&text, u16::to_be_bytes), &expected);
        // Without a mark, as iconv writes it.
        check(&utf16(&text, u16::to_le_bytes)[2..], &expected);
        check(&utf16(&text, u16::to_be_bytes)[2..], &expected);
        check(b"", &[]);
        check(BOM, &[]);
        check(&utf16("", u16::to_le_bytes), &[]);
    }

    #[test]
    fn every_line_end_and_files_that_were_joined() {
        check(b"a\r\nb\r\n", &["a", "b"]);
        check(b"a\rb\r\rc", &["a", "b", "", "c"]);
        check(&utf16("a\r\nb", u16::to_le_bytes), &["a", "b"]);
        check("\u{feff}a\n\u{feff}b\r\n\u{feff}c".as_bytes(), &["a", "b", "c"]);
    }

    /// A line end at the edge of the buffer is one line end.
    #[test]
    fn long_files_are_read_in_pieces() {
        let expected: Vec<String> = (0..5000).map(|i| "x".repeat(i % 37)).collect();
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        check((expected.join("\r\n") + "\r\n").as_bytes(), &expected);
    }

    #[test]
    fn what_is_no_text_is_named_with_its_line() {
        let refused = |content: &[u8], says: &str| {
            let (whole, lines) = read_all(content);
            let first = lines.into_iter().find_map(Result::err).unwrap().to_string();
            for error in [whole.unwrap_err().to_string(), first] {
                assert!(error.contains(says), "{error}");
            }
        };
        refused(b"dog\ncaf\xe9\n", "t.txt, line 2: this is not UTF-8: save the file as UTF-8");
        refused(b"dog\r\n\r\ncaf\xe9", "line 3");
        refused(b"\xff\xfed\0\x00\xd8a\0", "this is not UTF-16");
        refused(b"\xff\xfed\0\n\0a", "line 2: this is not UTF-16");
        refused(b"\xff\xfe\0\0d\0\0\0", "t.txt is in UTF-32");
        refused(b"\0\0\0d", "t.txt is in UTF-32");
    }
}
