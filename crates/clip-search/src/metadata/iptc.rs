//! IPTC-IIM: data sets one after the other (IPTC Information Interchange Model 4.2, chapter 1).

/// The record and the number of a data set.
pub(super) type DataSet = (u8, u8);

const CODED_CHARACTER_SET: DataSet = (1, 90);
pub(super) const KEYWORDS: DataSet = (2, 25);
pub(super) const DATE_CREATED: DataSet = (2, 55);
pub(super) const TIME_CREATED: DataSet = (2, 60);

/// What switches to UTF-8 (ISO/IEC 2022).
const UTF8: &[u8] = b"\x1b%G";

/// The texts of a data set. Those that are not said to be UTF-8, and are not, are Latin 1.
pub(super) fn texts(iptc: &[u8], wanted: DataSet) -> Vec<String> {
    let is_utf8 = sets(iptc).any(|(set, value)| set == CODED_CHARACTER_SET && value == UTF8);
    let text = |value: &[u8]| match std::str::from_utf8(value) {
        Ok(text) => text.to_owned(),
        Err(_) if is_utf8 => String::from_utf8_lossy(value).into_owned(),
        Err(_) => value.iter().copied().map(char::from).collect(),
    };
    sets(iptc).filter(|(set, _)| *set == wanted).map(|(_, value)| text(value)).collect()
}

/// Every data set up to the first that is damaged.
fn sets(mut rest: &[u8]) -> impl Iterator<Item = (DataSet, &[u8])> {
    std::iter::from_fn(move || {
        let [0x1C, record, number, high, low, behind @ ..] = rest else { return None };
        let length = u16::from_be_bytes([*high, *low]);
        // The length of a long value stands in so many bytes behind.
        let (length, behind) = match length & 0x8000 {
            0 => (usize::from(length), behind),
            _ => {
                let (bytes, behind) = behind.split_at_checked(usize::from(length & 0x7FFF))?;
                let join =
                    |sum: usize, byte: &u8| sum.checked_mul(256)?.checked_add((*byte).into());
                (bytes.iter().try_fold(0, join)?, behind)
            }
        };
        let (value, behind) = behind.split_at_checked(length)?;
        rest = behind;
        Some(((*record, *number), value))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_utf8_or_latin_1() {
        let latin = b"\x1c\x02\x19\x00\x06Z\xfcrich\x1c\x02\x19\x80\x04\0\0\0\x03sea";
        assert_eq!(texts(latin, KEYWORDS), ["Zürich", "sea"]);
        let guessed = "\x1c\x02\x19\0\x07Zürich".as_bytes();
        assert_eq!(texts(guessed, KEYWORDS), ["Zürich"]);
        let said =
            b"\x1c\x01\x5a\x00\x03\x1b%G\x1c\x02\x19\x00\x02a\xff\x1c\x02\x37\x00\x0820140426";
        assert_eq!(texts(said, KEYWORDS), ["a\u{fffd}"]);
        assert_eq!(texts(said, DATE_CREATED), ["20140426"]);
    }

    #[test]
    fn what_is_damaged_ends_the_list() {
        let whole = b"\x1c\x02\x19\x00\x03sea\x1c\x02\x19\x00\x03owl";
        for length in 8..whole.len() {
            assert_eq!(texts(&whole[..length], KEYWORDS), ["sea"], "{length}");
        }
        assert_eq!(texts(b"\x1c\x02\x19\xff\xff", KEYWORDS), [""; 0]);
        assert_eq!(texts(b"", KEYWORDS), [""; 0]);
    }
}
