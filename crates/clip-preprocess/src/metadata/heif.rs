//! HEIC, HEIF and AVIF: items and the properties of the one that is shown (ISO/IEC 23008-12,
//! ISO/IEC 14496-12, 8.11).

use std::borrow::Cow;

use super::{Metadata, exif_block};
use crate::color::Color;
use crate::heif::{child, first};

pub(super) fn read(file: &[u8]) -> Metadata<'_> {
    let Some(meta) = child(file, b"meta").and_then(|meta| meta.get(4..)) else {
        return Metadata::default();
    };
    let mut metadata = Metadata { color: color(meta), ..Metadata::default() };
    for (item, kind) in items(meta) {
        match kind {
            Kind::Exif if metadata.exif.is_none() => {
                metadata.exif = content(file, meta, item).and_then(|exif| {
                    // How far the header of TIFF is from here.
                    let (offset, _) = exif.split_first_chunk::<4>()?;
                    let start = (u32::from_be_bytes(*offset) as usize).checked_add(4)?;
                    match exif {
                        Cow::Borrowed(exif) => exif_block(exif.get(start..)?.into()),
                        Cow::Owned(exif) => exif_block(exif.get(start..)?.to_vec().into()),
                    }
                });
            }
            Kind::Xmp if metadata.xmp.is_none() => metadata.xmp = content(file, meta, item),
            _ => {}
        }
    }
    metadata
}

/// What an item holds, where it is metadata.
enum Kind {
    Exif,
    Xmp,
}

/// The items that are metadata (box `iinf`).
fn items(meta: &[u8]) -> Vec<(u32, Kind)> {
    let mut items = Vec::new();
    let Some(info) = child(meta, b"iinf") else { return items };
    // Version and flags, and the number of entries.
    let count_size = if info.first() == Some(&0) { 2 } else { 4 };
    let mut rest = info.get(4 + count_size..).unwrap_or_default();
    while let Some((name, entry, next)) = first(rest) {
        rest = next;
        if name != b"infe" {
            continue;
        }
        let id_size = match entry.first() {
            Some(2) => 2,
            Some(3) => 4,
            _ => continue,
        };
        let Some((id, entry)) = entry.get(4..).and_then(|entry| entry.split_at_checked(id_size))
        else {
            continue;
        };
        // Two bytes on protection, then the kind.
        let kind = match entry.get(2..6) {
            Some(b"Exif") => Kind::Exif,
            Some(b"mime") if entry.windows(20).any(|text| text == b"application/rdf+xml\0") => {
                Kind::Xmp
            }
            _ => continue,
        };
        items.push((number(id) as u32, kind));
    }
    items
}

/// The bytes of an item (box `iloc`).
fn content<'a>(file: &'a [u8], meta: &'a [u8], item: u32) -> Option<Cow<'a, [u8]>> {
    let mut places = Cursor(child(meta, b"iloc")?);
    let version = places.number(1)?;
    places.number(3)?;
    let sizes = places.number(2)? as usize;
    let [offset_size, length_size, base_size, index_size] =
        [sizes >> 12, sizes >> 8 & 15, sizes >> 4 & 15, sizes & 15];
    let index_size = if version == 0 { 0 } else { index_size };
    let id_size = if version < 2 { 2 } else { 4 };
    // Parts without a place would be many in no bytes at all.
    if offset_size + length_size == 0 {
        return None;
    }
    for _ in 0..places.number(id_size)? {
        let id = places.number(id_size)?;
        let method = if version == 0 { 0 } else { places.number(2)? & 15 };
        // Which file: 0 is this one.
        let other_file = places.number(2)?;
        let base = places.number(base_size)?;
        let mut parts = Vec::new();
        for _ in 0..places.number(2)? {
            places.number(index_size)?;
            let (offset, length) = (places.number(offset_size)?, places.number(length_size)?);
            if id == u64::from(item) {
                let source = match method {
                    0 => file,
                    1 => child(meta, b"idat")?,
                    _ => return None,
                };
                let start = usize::try_from(base.checked_add(offset)?).ok()?;
                let source = source.get(start..)?;
                parts.push(match length {
                    0 => source,
                    length => source.get(..usize::try_from(length).ok()?)?,
                });
            }
        }
        if id == u64::from(item) {
            return match (parts.as_slice(), other_file) {
                ([part], 0) => Some((*part).into()),
                (parts, 0) if parts.len() <= MAX_PARTS => Some(parts.concat().into()),
                _ => None,
            };
        }
    }
    None
}

/// More than any item of metadata is cut into.
const MAX_PARTS: usize = 16;

/// The color of the item that is shown: a profile if it has one, else code points.
fn color(meta: &[u8]) -> Option<Color<'_>> {
    let shown = {
        let mut shown = Cursor(child(meta, b"pitm")?);
        let version = shown.number(1)?;
        shown.number(3)?;
        shown.number(if version == 0 { 2 } else { 4 })?
    };
    let properties = child(meta, b"iprp")?;
    let contents = child(properties, b"ipco")?;
    let numbers = associated(child(properties, b"ipma")?, shown)?;
    let mut rest = contents;
    let mut code_points = None;
    for number in 1.. {
        let Some((name, content, next)) = first(rest) else { break };
        rest = next;
        if name != b"colr" || !numbers.contains(&number) {
            continue;
        }
        match content.split_first_chunk::<4>() {
            Some((b"prof" | b"rICC", profile)) => return Some(Color::Icc(profile.into())),
            Some((b"nclx", &[_, primaries, _, transfer, _, matrix, flags, ..])) => {
                code_points = Some(Color::CodePoints([primaries, transfer, matrix, flags >> 7]));
            }
            _ => {}
        }
    }
    code_points
}

/// The numbers of the properties of an item, counted from 1 (box `ipma`).
fn associated(associations: &[u8], item: u64) -> Option<Vec<u64>> {
    let mut associations = Cursor(associations);
    let version = associations.number(1)?;
    let flags = associations.number(3)?;
    for _ in 0..associations.number(4)? {
        let id = associations.number(if version == 0 { 2 } else { 4 })?;
        let count = associations.number(1)?;
        let mut numbers = Vec::new();
        for _ in 0..count {
            // The upper bit says whether one has to understand the property.
            numbers.push(match flags & 1 {
                0 => associations.number(1)? & 0x7F,
                _ => associations.number(2)? & 0x7FFF,
            });
        }
        if id == item {
            return Some(numbers);
        }
    }
    None
}

/// Numbers one after the other.
struct Cursor<'a>(&'a [u8]);

impl Cursor<'_> {
    /// The next number of so many bytes; of none it is 0.
    fn number(&mut self, size: usize) -> Option<u64> {
        let (bytes, rest) = self.0.split_at_checked(size)?;
        self.0 = rest;
        Some(number(bytes))
    }
}

fn number(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}
