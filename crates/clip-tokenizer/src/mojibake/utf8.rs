//! Bytes to the text they were, where they are UTF-8 or nearly.

use std::sync::LazyLock;

use regex::bytes::{Captures, Regex};

use super::patterns::alternatives;

/// UTF-8 but for a no-break space that some program made a plain one.
static ALTERED: LazyLock<Regex> = LazyLock::new(|| pattern("altered"));
/// UTF-8 that lost some bytes.
static LOSSY: LazyLock<Regex> = LazyLock::new(|| pattern("lossy"));
/// `à` that lost its no-break space.
static A_GRAVE: LazyLock<Regex> = LazyLock::new(|| pattern("a-grave"));

fn pattern(section: &str) -> Regex {
    let pattern = format!("(?-u){}", alternatives(section));
    Regex::new(&pattern).expect("the pattern is valid")
}

/// Puts no-break spaces back (ftfy's `restore_byte_a0`).
pub(super) fn restore_no_break_spaces(bytes: &[u8]) -> Vec<u8> {
    let bytes = A_GRAVE.replace_all(bytes, |found: &Captures<'_>| match found.get(1) {
        // `à` and the space after it: both were there.
        None => b"\xc3\xa0 ".to_vec(),
        Some(_) => found[0].to_vec(),
    });
    let restore = |found: &Captures<'_>| -> Vec<u8> {
        found[0].iter().map(|&byte| if byte == b' ' { 0xa0 } else { byte }).collect()
    };
    ALTERED.replace_all(&bytes, restore).into_owned()
}

/// U+FFFD for each sequence that lost a byte (ftfy's `replace_lossy_sequences`).
pub(super) fn replace_lossy(bytes: &[u8]) -> Vec<u8> {
    LOSSY.replace_all(bytes, "\u{fffd}".as_bytes()).into_owned()
}

/// UTF-8, or its variants of old: surrogate pairs written as two characters (CESU-8), and Java's two
/// bytes for U+0000 (ftfy's codec `utf-8-variants`).
pub(super) fn decode(bytes: &[u8]) -> Option<String> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| matches!(byte, 0xc0 | 0xed)) {
        let (before, variant) = rest.split_at(at);
        out.extend_from_slice(before);
        rest = match decode_variant(variant) {
            Some((c, length)) => {
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                &variant[length..]
            }
            // Hangul, or an error that shows at the end.
            None => {
                out.push(variant[0]);
                &variant[1..]
            }
        };
    }
    out.extend_from_slice(rest);
    String::from_utf8(out).ok()
}

/// What a sequence of a variant stands for, and its length. A line end may stand for its
/// last byte: ftfy's patterns say `$`, which in Python is also before the last line end.
fn decode_variant(bytes: &[u8]) -> Option<(char, usize)> {
    match *bytes {
        [0xc0, 0x80, ..] | [0xc0, b'\n'] => Some(('\0', 2)),
        [0xed, a @ 0xa0..=0xaf, b @ 0x80..=0xbf, 0xed, c @ 0xb0..=0xbf, d, ref rest @ ..]
            if matches!(d, 0x80..=0xbf) || (d == b'\n' && rest.is_empty()) =>
        {
            let [a, c] = [a, c].map(|byte| u32::from(byte & 0x0f));
            let [b, d] = [b, d].map(|byte| u32::from(byte & 0x3f));
            let number = (a << 16) + (b << 10) + (c << 6) + d + 0x1_0000;
            Some((char::from_u32(number)?, 6))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Expected values: bytes.decode("utf-8-variants") with ftfy.
    #[test]
    fn variants_of_utf8_are_read() {
        let check = |bytes: &[u8], expected| assert_eq!(decode(bytes).as_deref(), expected);
        check("né 한 🐶".as_bytes(), Some("né 한 🐶"));
        check(b"a\xed\xa0\xbd\xed\xb0\xb6b", Some("a🐶b"));
        check(b"a\xc0\x80b", Some("a\0b"));
        check(b"a\xc0\n", Some("a\0"));
        check(b"\xed\xa0\xbd\xed\xb0\n", Some("\u{1f40a}"));
        for broken in [&b"\xed\xa0\xbd"[..], b"\xed\xa0\xbd\xed\xb0", b"\xc0", b"\xc0\xaf", b"\xe9"]
        {
            check(broken, None);
        }
    }

    // Expected values: ftfy.fixes.restore_byte_a0 and replace_lossy_sequences.
    #[test]
    fn lost_bytes_are_found() {
        assert_eq!(restore_no_break_spaces(b"voil\xc3 le"), b"voil\xc3\xa0 le");
        assert_eq!(
            restore_no_break_spaces(b"\xc3 quele \xc3 s \xc3  "),
            b"\xc3\xa0quele \xc3\xa0s \xc3\xa0 "
        );
        assert_eq!(restore_no_break_spaces(b"\xe2 \x94 a"), b"\xe2\xa0\x94 a");
        assert_eq!(replace_lossy(b"\xe2\x80\x1a \xc3? ?"), "\u{fffd} \u{fffd} ?".as_bytes());
    }
}
