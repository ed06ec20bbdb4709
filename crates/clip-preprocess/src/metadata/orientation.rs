//! How an image is to be turned, as `ImageOps.exif_transpose` of Pillow 13 finds it.

use image::metadata::Orientation;

use super::{Metadata, Tag};

impl Metadata<'_> {
    /// The orientation in EXIF; where there is none, `tiff:Orientation` of XMP. A number that makes no
    /// sense is no reason to lose the image.
    pub(crate) fn orientation(&self) -> Orientation {
        let exif = self.exif.as_ref().and_then(|exif| exif.field(Tag::ORIENTATION));
        let number = match exif {
            // Of several numbers Pillow makes a list, which is no orientation.
            Some(field) => {
                let mut numbers = field.integers();
                numbers.next().flatten().filter(|_| numbers.next().is_none())
            }
            None => self.xmp.as_deref().and_then(of_xmp),
        };
        number
            .and_then(|number| Orientation::from_exif(u8::try_from(number).ok()?))
            .unwrap_or(Orientation::NoTransforms)
    }
}

/// `tiff:Orientation(="|>)([0-9])`, which is how Pillow searches it.
fn of_xmp(xmp: &[u8]) -> Option<u64> {
    const NAME: &[u8] = b"tiff:Orientation";
    xmp.windows(NAME.len() + 3).find_map(|window| {
        let digit = match window.strip_prefix(NAME)? {
            [b'=', b'"', digit] | [b'>', digit, _] => *digit,
            _ => return None,
        };
        char::from(digit).to_digit(10).map(u64::from)
    })
}

#[cfg(test)]
mod tests {
    use super::of_xmp;

    #[test]
    fn xmp_has_an_attribute_or_an_element() {
        assert_eq!(of_xmp(br#"<x tiff:Orientation="6" />"#), Some(6));
        assert_eq!(of_xmp(b"<tiff:Orientation>8</tiff:Orientation>"), Some(8));
        assert_eq!(of_xmp(b"tiff:Orientation"), None);
        assert_eq!(of_xmp(b""), None);
    }
}
