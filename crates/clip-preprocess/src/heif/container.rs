//! What is looked at in the container before libheif reads it: that it is whole, that it ends, and
//! that it is cropped by numbers which libheif does not compute wrongly with.

use std::collections::HashMap;

use super::boxes::{child, first, head};

/// How many pictures one may be made of, and how deep. A telephone's grid has some hundreds, AVIF
/// allows 65,536.
const MAX_PARTS: u32 = 100_000;
const MAX_DEPTH: u32 = 8;

/// Whether the boxes that hold a picture end where the file does or before. What cameras append to
/// them is their own business.
pub(super) fn is_whole(mut bytes: &[u8]) -> bool {
    while let Some((name, length)) = head(bytes) {
        match length.and_then(|length| bytes.get(length..)) {
            Some(next) => bytes = next,
            None => return !matches!(name, b"ftyp" | b"meta" | b"mdat"),
        }
    }
    true
}

/// Whether the pictures that others are made of are not made of those again, which libheif 1.15
/// follows with one more thread each time; nor too many.
pub(super) fn is_finite(bytes: &[u8]) -> bool {
    let Some(references) = child(bytes, b"meta").and_then(|meta| child(meta.get(4..)?, b"iref"))
    else {
        return true;
    };
    let parts = Parts::of(references).0;
    // Each from the start, since any may be the one that is shown.
    parts.keys().all(|item| follow(&parts, *item, MAX_DEPTH, &mut { MAX_PARTS }))
}

fn follow(parts: &HashMap<u32, Vec<u32>>, item: u32, depth: u32, left: &mut u32) -> bool {
    let Some(parts_of_it) = parts.get(&item) else { return true };
    depth > 0
        && parts_of_it.iter().all(|part| {
            *left = left.saturating_sub(1);
            *left > 0 && follow(parts, *part, depth - 1, left)
        })
}

/// Whether what pictures are cropped to is given in small numbers (box `clap`, ISO/IEC 14496-12,
/// 12.1.4): with those of 31 bits libheif 1.15 writes where it must not. Encoders divide by 1 or 2.
pub(super) fn is_cropped_soundly(bytes: &[u8]) -> bool {
    let properties = child(bytes, b"meta")
        .and_then(|meta| child(child(meta.get(4..)?, b"iprp")?, b"ipco"))
        .unwrap_or_default();
    let mut rest = properties;
    while let Some((name, content, next)) = first(rest) {
        rest = next;
        let is_small = |[numerator, divisor]: &[[u8; 4]; 2]| {
            i32::from_be_bytes(*numerator).unsigned_abs() <= 1 << 17
                && (1..=16).contains(&u32::from_be_bytes(*divisor))
        };
        let fractions = content.as_chunks::<4>().0.as_chunks::<2>().0;
        if name == b"clap" && !fractions.iter().take(4).all(is_small) {
            return false;
        }
    }
    true
}

/// For each picture the others that it needs (box `iref`, ISO/IEC 14496-12, 8.11.12).
#[derive(Default)]
struct Parts(HashMap<u32, Vec<u32>>);

impl Parts {
    fn of(references: &[u8]) -> Self {
        let mut parts = Self::default();
        let Some((&[version, ..], mut rest)) = references.split_first_chunk::<4>() else {
            return parts;
        };
        let width = if version == 0 { 2 } else { 4 };
        while let Some((name, content, next)) = first(rest) {
            rest = next;
            let Some((from, numbers)) = content.split_at_checked(width) else { continue };
            let Some((_, numbers)) = numbers.split_first_chunk::<2>() else { continue };
            for to in numbers.chunks_exact(width) {
                let (from, to) = (number(from), number(to));
                match name {
                    b"dimg" => parts.0.entry(from).or_default().push(to),
                    // Transparency names the picture that it belongs to.
                    b"auxl" => parts.0.entry(to).or_default().push(from),
                    _ => {}
                }
            }
        }
        parts
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |sum, byte| sum << 8 | u32::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_end_where_their_boxes_do() {
        assert!(is_whole(b"\0\0\0\x0cftypavif\0\0\0\x08mdat"));
        assert!(is_whole(b"\0\0\0\0mdat to the end"));
        assert!(is_whole(b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x11!"));
        assert!(is_whole(b"\0\0\0\x08mdat\0\0\0\xffsefd of a telephone"));
        assert!(is_whole(b"\0\0\0\x08mdat\0\0"));
        assert!(!is_whole(b"\0\0\0\x0cftypavif\0\0\0\x09mdat"));
        assert!(!is_whole(b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x12!"));
        assert!(!is_whole(b"\0\0\0\x01mdat\xff\xff\xff\xff\xff\xff\xff\xff!"));
        assert!(!is_whole(b"\0\0\0\x01mdat"));
        assert!(!is_whole(b"\0\0\0\x07mdat"));
    }

    fn boxed(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
        [&(8 + content.len() as u32).to_be_bytes(), &name[..], content].concat()
    }

    /// A file in which these pictures are made of those.
    fn file(version: u8, references: &[(&[u8; 4], u8, &[u8])]) -> Vec<u8> {
        let number = |number: u8| match version {
            0 => vec![0, number],
            _ => vec![0, 0, 0, number],
        };
        let mut content = vec![version, 0, 0, 0];
        for (name, from, to) in references {
            let to: Vec<u8> = to.iter().flat_map(|to| number(*to)).collect();
            content.extend(boxed(name, &[number(*from), vec![0, 1], to].concat()));
        }
        let meta = [vec![0; 4], boxed(b"hdlr", b""), boxed(b"iref", &content)].concat();
        [boxed(b"ftyp", b"heic"), boxed(b"meta", &meta)].concat()
    }

    #[test]
    fn pictures_are_not_made_of_themselves() {
        for version in [0, 1] {
            let check = |references: &[(&[u8; 4], u8, &[u8])], expected: bool| {
                assert_eq!(is_finite(&file(version, references)), expected, "{references:?}");
            };
            check(&[], true);
            check(&[(b"dimg", 1, &[2, 3, 2]), (b"auxl", 4, &[1]), (b"dimg", 4, &[5])], true);
            check(&[(b"thmb", 1, &[1])], true);
            check(&[(b"dimg", 1, &[1])], false);
            check(&[(b"dimg", 1, &[2]), (b"dimg", 2, &[3]), (b"dimg", 3, &[1])], false);
            // Through its own transparency.
            check(&[(b"auxl", 4, &[1]), (b"dimg", 4, &[1])], false);
            // Each of the next twenty times.
            let next: Vec<_> = (1..7).map(|item| [item + 1; 20]).collect();
            let many: Vec<_> =
                next.iter().map(|next| (b"dimg", next[0] - 1, next.as_slice())).collect();
            check(&many, false);
            check(&many[..2], true);
        }
        assert!(is_finite(b""));
        assert!(is_finite(&file(0, &[(b"dimg", 1, &[1])])[..20]));
    }

    #[test]
    fn crops_are_small_numbers() {
        let check = |numbers: [i32; 8], expected| {
            let numbers: Vec<u8> = numbers.iter().flat_map(|number| number.to_be_bytes()).collect();
            let properties = [boxed(b"ispe", b""), boxed(b"clap", &numbers)].concat();
            let properties = boxed(b"iprp", &boxed(b"ipco", &properties));
            let file = boxed(b"meta", &[vec![0; 4], properties].concat());
            assert_eq!(is_cropped_soundly(&file), expected, "{numbers:?}");
        };
        check([65_535, 1, 37, 1, -13, 2, 0, 1], true);
        check([0x7F00_0020, 1, 37, 1, -13, 2, 0, 1], false);
        check([37, 1, 37, 1, i32::MIN, 2, 0, 1], false);
        check([37, 0, 37, 1, -13, 2, 0, 1], false);
        check([37, 1, 37, 1, -13, 2, 0, -1], false);
        assert!(is_cropped_soundly(b""));
    }
}
