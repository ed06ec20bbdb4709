//! JPEG: segments ahead of the first scan.

use super::{Metadata, exif_block, photoshop};
use crate::color::Color;
use crate::jpeg::walk;

const APP1: u8 = 0xE1;
const APP2: u8 = 0xE2;
const APP13: u8 = 0xED;
const SCAN: u8 = 0xDA;

pub(super) fn read(bytes: &[u8]) -> Metadata<'_> {
    let mut metadata = Metadata::default();
    let mut profile = Vec::new();
    let mut resources = Vec::new();
    for (marker, content, _) in walk(bytes).take_while(|(marker, ..)| *marker != SCAN) {
        match marker {
            APP1 if content.starts_with(b"Exif\0") => {
                metadata.exif = metadata.exif.or_else(|| exif_block(content.into()));
            }
            APP1 => {
                let xmp = content.strip_prefix(b"http://ns.adobe.com/xap/1.0/\0");
                metadata.xmp = metadata.xmp.or(xmp.map(Into::into));
            }
            // Number and count of the part, then the part (ICC.1:2022, B.4).
            APP2 => {
                if let Some([number, _, part @ ..]) = content.strip_prefix(b"ICC_PROFILE\0") {
                    profile.push((*number, part));
                }
            }
            APP13 => {
                resources.extend_from_slice(
                    content.strip_prefix(b"Photoshop 3.0\0").unwrap_or_default(),
                );
            }
            _ => {}
        }
    }
    profile.sort_by_key(|(number, _)| *number);
    metadata.color = match profile.as_slice() {
        [] => None,
        [(_, whole)] => Some(Color::Icc((*whole).into())),
        parts => Some(Color::Icc(parts.iter().flat_map(|(_, part)| *part).copied().collect())),
    };
    metadata.iptc = photoshop::iptc(&resources).map(|iptc| iptc.to_vec().into());
    metadata
}
