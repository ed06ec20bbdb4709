//! TIFF: fields of the file itself.

use super::{Exif, Metadata, Tag, photoshop};
use crate::color::Color;

const XMP: Tag = Tag::Image(700);
const IPTC: Tag = Tag::Image(33_723);
const PHOTOSHOP: Tag = Tag::Image(34_377);
const PROFILE: Tag = Tag::Image(34_675);

/// The first byte of each data set of IPTC-IIM.
const DATA_SET: u8 = 0x1C;

pub(super) fn read(bytes: &[u8]) -> Metadata<'_> {
    let Some(exif) = Exif::new(bytes.into()) else { return Metadata::default() };
    let field = |tag| exif.field(tag).map(|field| field.bytes().to_vec());
    let iptc = field(IPTC).map(|iptc| match iptc.as_slice() {
        // Photoshop calls the bytes LONG, and a file in the other order has them swapped by fours.
        [first, _, _, DATA_SET, ..] if *first != DATA_SET => {
            iptc.chunks(4).flat_map(|four| four.iter().rev().copied()).collect()
        }
        _ => iptc,
    });
    let resources = || Some(photoshop::iptc(&field(PHOTOSHOP)?)?.to_vec());
    Metadata {
        xmp: field(XMP).map(Into::into),
        iptc: iptc.or_else(resources).map(Into::into),
        color: field(PROFILE).map(|profile| Color::Icc(profile.into())),
        exif: Some(exif),
    }
}
