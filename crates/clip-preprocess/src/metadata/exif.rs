//! EXIF: the fields of a TIFF structure (TIFF 6.0, section 2; EXIF 2.32).
//!
//! Read in place and with patience: values have other types than the specification says, and one that
//! points beyond the end says nothing of the others. kamadak-exif 0.6 copies the file, which may be
//! a large TIFF, knows no BigTIFF, and does not follow the pointers (type 13) that libtiff writes.

use std::borrow::Cow;

/// The number of a field, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tag {
    /// In the first directory.
    Image(u16),
    /// In the directory of the exposure.
    Photo(u16),
    /// In the directory of the position.
    Gps(u16),
}

impl Tag {
    /// How the image is to be turned.
    pub const ORIENTATION: Self = Self::Image(0x0112);
    /// When the file was changed.
    pub const DATE_TIME: Self = Self::Image(0x0132);
    /// Keywords of Windows, in UTF-16LE, separated by semicolons.
    pub const XP_KEYWORDS: Self = Self::Image(0x9C9E);
    /// When the image was taken.
    pub const DATE_TIME_ORIGINAL: Self = Self::Photo(0x9003);
    /// When the image became digital.
    pub const DATE_TIME_DIGITIZED: Self = Self::Photo(0x9004);
    /// `N` or `S`.
    pub const GPS_LATITUDE_REF: Self = Self::Gps(1);
    /// Degrees, minutes, seconds.
    pub const GPS_LATITUDE: Self = Self::Gps(2);
    /// `E` or `W`.
    pub const GPS_LONGITUDE_REF: Self = Self::Gps(3);
    /// Degrees, minutes, seconds.
    pub const GPS_LONGITUDE: Self = Self::Gps(4);
}

/// The fields that point to the directories of [`Tag::Photo`] and [`Tag::Gps`].
const PHOTO_POINTER: u16 = 0x8769;
const GPS_POINTER: u16 = 0x8825;

/// More fields than any camera writes.
const MAX_FIELDS: u64 = 4096;

/// The fields of EXIF.
#[derive(Debug, Clone)]
pub struct Exif<'a> {
    bytes: Cow<'a, [u8]>,
    order: Order,
    /// Of the first directory.
    offset: u64,
}

/// How numbers are stored.
#[derive(Debug, Clone, Copy)]
struct Order {
    big_endian: bool,
    /// BigTIFF: counts and offsets of 64 bits.
    wide: bool,
}

impl Order {
    fn number(self, bytes: &[u8]) -> u64 {
        let join = |sum: u64, byte: &u8| sum << 8 | u64::from(*byte);
        match self.big_endian {
            true => bytes.iter().fold(0, join),
            false => bytes.iter().rev().fold(0, join),
        }
    }
}

/// One field.
#[derive(Debug, Clone, Copy)]
pub struct Field<'a> {
    kind: u16,
    /// The values, as stored.
    bytes: &'a [u8],
    order: Order,
}

impl<'a> Exif<'a> {
    /// The fields of a block that begins with the header of a TIFF file.
    pub(super) fn new(bytes: Cow<'a, [u8]>) -> Option<Self> {
        let big_endian = match bytes.get(..2)? {
            b"II" => false,
            b"MM" => true,
            _ => return None,
        };
        let order = Order { big_endian, wide: false };
        let (order, offset) = match order.number(bytes.get(2..4)?) {
            42 => (order, order.number(bytes.get(4..8)?)),
            43 => (Order { wide: true, ..order }, order.number(bytes.get(8..16)?)),
            _ => return None,
        };
        Some(Self { bytes, order, offset })
    }

    /// The field of that number; the first where there are several.
    pub fn field(&self, tag: Tag) -> Option<Field<'_>> {
        match tag {
            Tag::Image(number) => self.find(self.offset, number),
            Tag::Photo(number) => self.find(self.below(PHOTO_POINTER)?, number),
            Tag::Gps(number) => self.find(self.below(GPS_POINTER)?, number),
        }
    }

    /// Where the directory is that a field points to.
    fn below(&self, pointer: u16) -> Option<u64> {
        self.find(self.offset, pointer)?.integers().next()?
    }

    /// A field of the directory at an offset.
    fn find(&self, offset: u64, number: u16) -> Option<Field<'_>> {
        let wide = self.order.wide;
        let (count_size, entry_size) = if wide { (8, 20) } else { (2, 12) };
        let entries = self.bytes.get(usize::try_from(offset).ok()?..)?;
        let (count, entries) = entries.split_at_checked(count_size)?;
        let count = self.order.number(count).min(MAX_FIELDS) as usize;
        // A directory that is cut off has the fields that are there.
        entries
            .chunks_exact(entry_size)
            .take(count)
            .filter(|entry| self.order.number(&entry[..2]) == u64::from(number))
            .find_map(|entry| self.value(entry))
    }

    /// The value of an entry: in it where it fits, else where it points.
    fn value<'b>(&'b self, entry: &'b [u8]) -> Option<Field<'b>> {
        let half = if self.order.wide { 8 } else { 4 };
        let kind = self.order.number(&entry[2..4]) as u16;
        let (count, value) = entry[4..].split_at(half);
        let length = self.order.number(count).checked_mul(size_of_kind(kind)?)?;
        let length = usize::try_from(length).ok()?;
        let bytes = match value.get(..length) {
            Some(bytes) => bytes,
            None => {
                let offset = usize::try_from(self.order.number(value)).ok()?;
                self.bytes.get(offset..offset.checked_add(length)?)?
            }
        };
        Some(Field { kind, bytes, order: self.order })
    }
}

impl<'a> Field<'a> {
    /// The bytes of the value, whatever their type.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The values that are integers of any width; a fraction counts where it is whole.
    pub fn integers(&self) -> impl Iterator<Item = Option<u64>> + use<'a> {
        let Self { kind, order, .. } = *self;
        let size = size_of_kind(kind).unwrap_or(1) as usize;
        self.bytes.chunks_exact(size).map(move |value| match kind {
            5 | 10 => {
                let (numerator, denominator) = value.split_at(4);
                let (numerator, denominator) = (order.number(numerator), order.number(denominator));
                (denominator != 0 && numerator.is_multiple_of(denominator))
                    .then(|| numerator / denominator)
            }
            // Text, bytes of no type, and floating point.
            2 | 7 | 11 | 12 => None,
            _ => Some(order.number(value)),
        })
    }

    /// The values that are fractions or integers.
    pub fn fractions(&self) -> Vec<f64> {
        let order = self.order;
        match self.kind {
            5 => {
                let fraction = |value: &[u8]| {
                    order.number(&value[..4]) as f64 / order.number(&value[4..]) as f64
                };
                self.bytes.chunks_exact(8).map(fraction).collect()
            }
            _ => self.integers().map_while(|value| value.map(|value| value as f64)).collect(),
        }
    }
}

/// The bytes of one value of a type (TIFF 6.0, section 2; BigTIFF's are 16 to 18).
fn size_of_kind(kind: u16) -> Option<u64> {
    match kind {
        1 | 2 | 6 | 7 => Some(1),
        3 | 8 => Some(2),
        4 | 9 | 11 | 13 => Some(4),
        5 | 10 | 12 | 16 | 17 | 18 => Some(8),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One directory with one field, in either order, in TIFF or BigTIFF.
    fn exif(big_endian: bool, wide: bool, kind: u16, count: u64, value: &[u8]) -> Vec<u8> {
        let number = |number: u64, size: usize| match big_endian {
            true => number.to_be_bytes()[8 - size..].to_vec(),
            false => number.to_le_bytes()[..size].to_vec(),
        };
        let half = if wide { 8 } else { 4 };
        let mut file = if big_endian { b"MM".to_vec() } else { b"II".to_vec() };
        if wide {
            file.extend(
                [number(43, 2), number(8, 2), number(0, 2), number(16, 8), number(1, 8)].concat(),
            );
        } else {
            file.extend([number(42, 2), number(8, 4), number(1, 2)].concat());
        }
        file.extend([number(0x0112, 2), number(kind.into(), 2), number(count, half)].concat());
        let behind = (file.len() + 2 * half) as u64;
        match value.len() <= half {
            true => file.extend(value.iter().chain(&[0; 8]).take(half)),
            false => file.extend(number(behind, half)),
        }
        file.extend(number(0, half));
        if value.len() > half {
            file.extend(value);
        }
        file
    }

    #[test]
    fn integers_have_any_type() {
        for wide in [false, true] {
            for (kind, big, little) in [
                (1, &[6][..], &[6][..]),
                (3, &[0, 6], &[6, 0]),
                (4, &[0, 0, 0, 6], &[6, 0, 0, 0]),
                (8, &[0, 6], &[6, 0]),
                (9, &[0, 0, 0, 6], &[6, 0, 0, 0]),
                (13, &[0, 0, 0, 6], &[6, 0, 0, 0]),
                (16, &[0, 0, 0, 0, 0, 0, 0, 6], &[6, 0, 0, 0, 0, 0, 0, 0]),
                (5, &[0, 0, 0, 12, 0, 0, 0, 2], &[12, 0, 0, 0, 2, 0, 0, 0]),
            ] {
                for (big_endian, value) in [(true, big), (false, little)] {
                    let file = exif(big_endian, wide, kind, 1, value);
                    let exif = Exif::new(file.into()).unwrap();
                    let field = exif.field(Tag::ORIENTATION).unwrap();
                    assert_eq!(field.integers().collect::<Vec<_>>(), [Some(6)], "{kind}");
                }
            }
        }
    }

    #[test]
    fn what_is_damaged_is_not_there() {
        let whole = exif(false, false, 2, 8, b"12345678");
        for length in 0..whole.len() {
            let cut = Exif::new(whole[..length].to_vec().into());
            assert!(cut.is_none_or(|exif| exif.field(Tag::ORIENTATION).is_none()), "{length}");
        }
        let check = |kind, count, value: &[u8]| {
            let exif = Exif::new(exif(true, false, kind, count, value).into()).unwrap();
            let field = exif.field(Tag::ORIENTATION);
            assert_eq!(field.and_then(|field| field.integers().next()?), None, "{kind} {count}");
        };
        check(3, u64::from(u32::MAX), &[0, 6]);
        check(99, 1, &[0, 6]);
        check(5, 1, &[0, 0, 0, 1, 0, 0, 0, 0]);
        check(2, 1, b"6");
        check(3, 0, &[0, 6]);
    }
}
