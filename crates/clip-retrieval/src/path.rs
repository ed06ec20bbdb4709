//! Paths as text, and back without loss.
//!
//! A path on Unix is any bytes; JSON is Unicode. So bytes that are not UTF-8 are written as `%FF`,
//! and the percent sign as `%25`. All else stays readable.

use std::path::{Path, PathBuf};

/// The path as text; none for the unpaired surrogates that only other platforms have.
#[cfg(unix)]
pub(crate) fn encode_path(path: &Path) -> Option<String> {
    use std::fmt::Write;
    use std::os::unix::ffi::OsStrExt;

    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text.push_str(&escape(chunk.valid()));
        for byte in chunk.invalid() {
            write!(text, "%{byte:02X}").ok()?;
        }
    }
    Some(text)
}

#[cfg(not(unix))]
pub(crate) fn encode_path(path: &Path) -> Option<String> {
    path.to_str().map(escape)
}

/// The path of a text; none where the text is not an encoded path, or a path of another platform.
pub(crate) fn decode_path(text: &str) -> Option<PathBuf> {
    path_of_bytes(decode(text)?)
}

/// The bytes of a text in which percent signs stand for some.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (byte, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(byte, 16).ok()?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    Some(bytes)
}

#[cfg(unix)]
fn path_of_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStringExt;
    Some(std::ffi::OsString::from_vec(bytes).into())
}

#[cfg(not(unix))]
fn path_of_bytes(bytes: Vec<u8>) -> Option<PathBuf> {
    String::from_utf8(bytes).ok().map(PathBuf::from)
}

fn escape(text: &str) -> String {
    text.replace('%', "%25")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: impl AsRef<Path>, text: &str) {
        assert_eq!(encode_path(path.as_ref()).as_deref(), Some(text));
        assert_eq!(decode_path(text).as_deref(), Some(path.as_ref()));
    }

    #[test]
    fn paths_survive_as_text() {
        check("", "");
        check("photos/Hündin 犬.jpg", "photos/Hündin 犬.jpg");
        check("100%25 & more%", "100%2525 & more%25");
    }

    #[cfg(unix)]
    #[test]
    fn bytes_that_are_not_unicode_survive() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;
        check(OsStr::from_bytes(b"caf\xe9/\xff%\xc3.jpg"), "caf%E9/%FF%25%C3.jpg");
    }

    #[test]
    fn other_texts_are_no_paths() {
        for text in ["%", "%2", "%zz", "a%é1"] {
            assert_eq!(decode_path(text), None, "{text}");
        }
    }
}
