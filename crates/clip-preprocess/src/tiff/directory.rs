//! The first directory of a file: its fields and their values (TIFF 6.0, section 2, and BigTIFF).
//!
//! The directories after it are further pages, which nothing here looks at.

use std::io::ErrorKind;

use image::{ImageError, ImageResult};

use super::damaged;

/// How numbers of more than one byte lie in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Little,
    Big,
}

impl ByteOrder {
    /// The unsigned integer of up to eight bytes.
    pub(super) fn integer(self, bytes: &[u8]) -> u64 {
        let next = |sum, byte: &u8| sum << 8 | u64::from(*byte);
        match self {
            Self::Little => bytes.iter().rev().fold(0, next),
            Self::Big => bytes.iter().fold(0, next),
        }
    }
}

/// The sizes of the numbers in a directory.
struct Widths {
    /// Where the first directory is said.
    at: usize,
    /// Of the number of entries.
    entries: usize,
    /// Of an entry.
    entry: usize,
    /// Of a count of values, of an offset, and of the values that lie in an entry.
    offset: usize,
}

const CLASSIC: Widths = Widths { at: 4, entries: 2, entry: 12, offset: 4 };
const BIG: Widths = Widths { at: 8, entries: 8, entry: 20, offset: 8 };

pub(super) struct Directory<'a> {
    pub(super) order: ByteOrder,
    fields: Vec<Field<'a>>,
}

struct Field<'a> {
    tag: u16,
    kind: u16,
    /// None where the file ends before them.
    values: Option<&'a [u8]>,
}

/// The size of a value of a type.
fn size(kind: u16) -> Option<usize> {
    Some(match kind {
        1 | 2 | 6 | 7 => 1,
        3 | 8 => 2,
        4 | 9 | 11 | 13 => 4,
        5 | 10 | 12 | 16 | 17 | 18 => 8,
        _ => return None,
    })
}

fn cut_off() -> ImageError {
    ImageError::IoError(ErrorKind::UnexpectedEof.into())
}

/// So many bytes from a position on.
fn part(bytes: &[u8], at: u64, length: u64) -> Option<&[u8]> {
    let at = usize::try_from(at).ok()?;
    let end = at.checked_add(usize::try_from(length).ok()?)?;
    bytes.get(at..end)
}

impl<'a> Directory<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> ImageResult<Self> {
        let order = if bytes.starts_with(b"MM") { ByteOrder::Big } else { ByteOrder::Little };
        let widths = if bytes.get(2..4).is_some_and(|version| version.contains(&43)) {
            BIG
        } else {
            CLASSIC
        };
        let Widths { at, entries, entry, offset } = widths;
        let integer = |at: u64, length: usize| {
            part(bytes, at, length as u64).map(|bytes| order.integer(bytes)).ok_or_else(cut_off)
        };
        let start = integer(at as u64, offset)?;
        let count = integer(start, entries)?;
        let length = count.checked_mul(entry as u64).ok_or_else(cut_off)?;
        let table = part(bytes, start + entries as u64, length).ok_or_else(cut_off)?;
        let fields = table.chunks_exact(entry).filter_map(|entry| {
            let (tag, kind) =
                (order.integer(&entry[..2]) as u16, order.integer(&entry[2..4]) as u16);
            let (count, values) = entry[4..].split_at(offset);
            let length = order.integer(count).checked_mul(size(kind)? as u64);
            let values = match length {
                Some(length) if length <= offset as u64 => values.get(..length as usize),
                Some(length) => part(bytes, order.integer(values), length),
                None => None,
            };
            Some(Field { tag, kind, values })
        });
        Ok(Self { order, fields: fields.collect() })
    }

    fn field(&self, tag: u16) -> ImageResult<Option<(u16, &'a [u8])>> {
        let Some(field) = self.fields.iter().find(|field| field.tag == tag) else {
            return Ok(None);
        };
        Ok(Some((field.kind, field.values.ok_or_else(cut_off)?)))
    }

    /// The bytes of a field.
    pub(super) fn bytes(&self, tag: u16) -> ImageResult<Option<&'a [u8]>> {
        Ok(self.field(tag)?.map(|(_, values)| values))
    }

    /// The unsigned integers of a field.
    pub(super) fn integers(&self, tag: u16) -> ImageResult<Option<Vec<u64>>> {
        let Some((kind, values)) = self.field(tag)? else { return Ok(None) };
        if matches!(kind, 2 | 5 | 10 | 11 | 12) {
            return Err(damaged(format!("its field {tag} is not of integers")));
        }
        let size = size(kind).unwrap_or(1);
        Ok(Some(values.chunks_exact(size).map(|value| self.order.integer(value)).collect()))
    }

    /// The first integer of a field, or what stands for one that is not there.
    pub(super) fn integer(&self, tag: u16, default: u64) -> ImageResult<u64> {
        Ok(self.integers(tag)?.and_then(|values| values.first().copied()).unwrap_or(default))
    }

    /// The first integer of a field that no picture goes without.
    pub(super) fn required(&self, tag: u16, name: &str) -> ImageResult<u32> {
        let first = self.integers(tag)?.and_then(|values| values.first().copied());
        let first = first.ok_or_else(|| damaged(format!("it has no field {name}")))?;
        u32::try_from(first).map_err(|_| damaged(format!("its field {name} is {first}")))
    }

    /// The first `N` numbers of a field, of whatever type.
    pub(super) fn numbers<const N: usize>(&self, tag: u16) -> ImageResult<Option<[f32; N]>> {
        let Some((kind, values)) = self.field(tag)? else { return Ok(None) };
        let integer = |bytes: &[u8]| self.order.integer(bytes);
        let number = |value: &[u8]| match kind {
            5 => integer(&value[..4]) as f32 / integer(&value[4..]) as f32,
            10 => integer(&value[..4]) as i32 as f32 / integer(&value[4..]) as i32 as f32,
            11 => f32::from_bits(integer(value) as u32),
            12 => f64::from_bits(integer(value)) as f32,
            _ => integer(value) as f32,
        };
        let mut numbers = values.chunks_exact(size(kind).unwrap_or(1)).map(number);
        let mut first = [0.0; N];
        for slot in &mut first {
            let Some(number) = numbers.next() else { return Ok(None) };
            *slot = number;
        }
        Ok(Some(first))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_of_both_orders_and_sizes() {
        let width =
            |file: &[u8]| Directory::new(file).unwrap().required(256, "ImageWidth").unwrap();
        let little = b"II*\0\x08\0\0\0\x01\0\x00\x01\x03\0\x01\0\0\0\x29\x01\0\0\0\0\0\0";
        assert_eq!(width(little), 0x129);
        let big = b"MM\0*\0\0\0\x08\0\x01\x01\x00\0\x03\0\0\0\x01\x01\x29\0\0\0\0\0\0";
        assert_eq!(width(big), 0x129);
        let eight = b"MM\0+\0\x08\0\0\0\0\0\0\0\0\0\x10\0\0\0\0\0\0\0\x01\x01\x00\0\x10\0\0\0\0\0\0\0\x01\0\0\0\0\0\x00\x01\x29";
        assert_eq!(width(eight), 0x129);
        for length in 0..little.len() - 4 {
            assert!(Directory::new(&little[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn values_that_the_file_does_not_hold() {
        let file = b"II*\0\x08\0\0\0\x01\0\x11\x01\x04\0\xff\xff\xff\xff\x08\0\0\0\0\0\0\0";
        let directory = Directory::new(file).unwrap();
        assert!(directory.integers(273).is_err());
        assert!(directory.integers(274).unwrap().is_none());
    }
}
