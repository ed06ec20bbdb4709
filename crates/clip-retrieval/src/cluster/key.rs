//! The names of rows.
//!
//! A key is a hash in hexadecimal digits: ids may be longer than Milvus takes for a key, and keys that
//! are spread evenly can be read in parts of about one size.

use sha2::{Digest, Sha256};

use super::schema::{FAILED, ITEMS, KEPT, KEY};
use crate::Modality;

/// Bytes of a key; each is two digits.
const BYTES: usize = KEY / 2;

/// The key of an item of a kind. Milvus looks for a key within its partition alone, or wherever it is,
/// as the version goes; so the kind, which is the partition, is part of it.
pub(super) fn of_item(id: &str, modality: Modality) -> String {
    of(modality.name(), id)
}

/// The keys that an item of whatever kind may have.
pub(super) fn of_items(id: &str) -> Vec<String> {
    ITEMS.iter().map(|kind| of(kind, id)).collect()
}

/// The key of a file that could not be read, by its path as text.
pub(super) fn of_failure(path: &str) -> String {
    of(FAILED, path)
}

/// The key of the tags of a file that has no item, by its path as text.
pub(super) fn of_kept(path: &str) -> String {
    of(KEPT, path)
}

fn of(kind: &str, name: &str) -> String {
    let hash = Sha256::new().chain_update(kind).chain_update([0]).chain_update(name).finalize();
    hex(&hash[..BYTES])
}

pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The bytes of an even number of hexadecimal digits; none where the text is something else.
pub(super) fn bytes<const N: usize>(hex: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if hex.len() != 2 * N || !hex.is_ascii() {
        return None;
    }
    for (i, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).ok()?;
    }
    Some(bytes)
}

/// Some of all keys: those whose first eight digits are a number from `first` to before `end`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) first: u64,
    pub(super) end: u64,
}

impl Range {
    /// Every key.
    pub(super) const ALL: Self = Self { first: 0, end: 1 << 32 };

    /// As many parts of one size, or as it has keys.
    pub(super) fn split(self, parts: u64) -> Vec<Self> {
        let size = self.end - self.first;
        let parts = parts.clamp(1, size.max(1));
        let bound = |i: u64| self.first + size * i / parts;
        (0..parts).map(|i| Self { first: bound(i), end: bound(i + 1) }).collect()
    }

    /// Whether there is more than one key in it.
    pub(super) fn is_divisible(self) -> bool {
        self.end - self.first > 1
    }

    /// The condition on `key`.
    pub(super) fn condition(self) -> String {
        let first = format!("key >= \"{:08x}\"", self.first);
        match self.end < Self::ALL.end {
            true => format!("{first} and key < \"{:08x}\"", self.end),
            false => first,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_of_one_length_and_of_their_kind() {
        let keys = [of_item("a", Modality::Image), of_item("a", Modality::Text), of_failure("a")];
        assert!(keys.iter().all(|key| key.len() == KEY));
        assert_eq!(of_items("a"), keys[..2]);
        assert_ne!(keys[0], keys[1]);
        assert_ne!(keys[0], keys[2]);
        assert_eq!(bytes(&hex(&[0, 255, 16])), Some([0, 255, 16]));
        assert_eq!((bytes::<1>("0"), bytes::<1>("zz"), bytes::<1>("é")), (None, None, None));
    }

    #[test]
    fn parts_are_all_of_it() {
        let parts = Range::ALL.split(3);
        assert_eq!((parts[0].first, parts[2].end), (0, 1 << 32));
        assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].first));
        assert_eq!(parts[0].condition(), "key >= \"00000000\" and key < \"55555555\"");
        assert_eq!(parts[2].condition(), "key >= \"aaaaaaaa\"");
        assert_eq!(Range { first: 5, end: 6 }.split(2).len(), 1);
    }
}
