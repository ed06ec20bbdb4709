//! Which of the formats in HEIF's container a file is in, by the brands that it names.

use std::fmt;

/// What people call the format. The container and the way to a picture in it are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Compressed by HEVC.
    Heic,
    /// Compressed by AV1.
    Avif,
    /// Compressed by something that the brands do not tell.
    Heif,
}

/// The brands of ISO/IEC 23008-12, of AVIF and of MIAF, in the order in which they tell more.
const BRANDS: &[(Kind, &[&[u8; 4]])] = &[
    (Kind::Heic, &[b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs"]),
    (Kind::Avif, &[b"avif", b"avis"]),
    (Kind::Heif, &[b"mif1", b"mif2", b"msf1", b"miaf"]),
];

impl Kind {
    /// The kind of a file that begins so, if it is one of these: its own brand counts most, then the
    /// others that it goes with.
    pub(crate) fn of(head: &[u8]) -> Option<Self> {
        let (length, rest) = head.split_first_chunk::<4>()?;
        let brands = rest.strip_prefix(b"ftyp")?;
        let length = (u32::from_be_bytes(*length) as usize).saturating_sub(8).min(brands.len());
        let (brands, _) = brands[..length].as_chunks::<4>();
        // The second field is a version.
        let (own, others) = (brands.get(..1)?, brands.get(2..).unwrap_or_default());
        let known = |kind: Self| kind != Self::Heif;
        let own = named(own);
        own.filter(|kind| known(*kind)).or_else(|| named(others)).or(own)
    }
}

fn named(brands: &[[u8; 4]]) -> Option<Kind> {
    let is_named = |names: &[&[u8; 4]]| brands.iter().any(|brand| names.contains(&brand));
    BRANDS.iter().find(|(_, names)| is_named(names)).map(|(kind, _)| *kind)
}

impl fmt::Display for Kind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Heic => "HEIC",
            Self::Avif => "AVIF",
            Self::Heif => "HEIF",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brands_tell_the_kind() {
        let check = |head: &[u8], kind| assert_eq!(Kind::of(head), kind, "{head:?}");
        check(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", Some(Kind::Heic));
        check(b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", Some(Kind::Heic));
        check(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1", Some(Kind::Avif));
        check(b"\0\0\0\x1cftypmif1\0\0\0\0mif1miafavif", Some(Kind::Avif));
        check(b"\0\0\0\x14ftypmif1\0\0\0\0mif1", Some(Kind::Heif));
        check(b"\0\0\0\x14ftypjpeg\0\0\0\0mif1", Some(Kind::Heif));
        // What follows the box is not a brand.
        check(b"\0\0\0\x14ftypmif1\0\0\0\0mif1heic", Some(Kind::Heif));
        // A film, half a box and a box of no size.
        check(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", None);
        check(b"\0\0\0\x18ftyp", None);
        check(b"\0\0\0\x0aftypheic", None);
        check(b"\0\0\0\0ftypheic", None);
        check(b"", None);
    }
}
