//! What a picture file says of itself besides its pixels.

mod iptc;
mod tags;
mod taken;
mod xmp;

use std::fs::File;
use std::io;
use std::path::Path;

use clip::metadata::{Exif, Metadata, Tag};
use clip_retrieval::Facts;
use roxmltree::Document;

/// What is known of a file; what it does not say is left out. The size is known where the pixels are
/// read, which for HEIC, HEIF and AVIF is in a build with the feature, on a system with libheif.
pub(crate) fn of(path: &Path) -> Facts {
    let Ok(bytes) = std::fs::read(path) else { return Facts::default() };
    let metadata = Metadata::read(&bytes);
    let packet = metadata.xmp.as_deref().map(xmp::text);
    let xmp = packet.as_deref().and_then(|packet| Document::parse(packet).ok());
    Facts {
        hash: Some(*blake3::hash(&bytes).as_bytes()),
        size: clip::shown_size(&bytes, "").ok().map(<[u32; 2]>::from),
        taken: taken::of(&metadata, xmp.as_ref()),
        place: metadata.exif.as_ref().and_then(place),
        tags: tags::of(&metadata, xmp.as_ref()),
    }
}

/// BLAKE3 of a file.
pub(crate) fn hash(path: &Path) -> io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(*hasher.finalize().as_bytes())
}

/// Where it was taken: degrees north and east.
fn place(exif: &Exif<'_>) -> Option<[f64; 2]> {
    let degrees = |value, sign, negative: u8| {
        let parts = exif.field(value)?.fractions();
        let degrees: f64 = parts.iter().zip([1.0, 60.0, 3600.0]).map(|(part, by)| part / by).sum();
        let sign = exif.field(sign)?.bytes().first().copied()?;
        let degrees = if sign == negative { -degrees } else { degrees };
        (!parts.is_empty() && degrees.is_finite() && degrees.abs() <= 180.0).then_some(degrees)
    };
    let north = degrees(Tag::GPS_LATITUDE, Tag::GPS_LATITUDE_REF, b'S')?;
    let east = degrees(Tag::GPS_LONGITUDE, Tag::GPS_LONGITUDE_REF, b'W')?;
    Some([north, east])
}

#[cfg(test)]
mod tests {
    #[test]
    fn keywords_are_those_of_dublin_core() {
        let xmp = r#"<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/">
            <rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
            xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:subject><rdf:Bag><rdf:li>sea</rdf:li>
            <rdf:li> Anna </rdf:li><rdf:li>sea</rdf:li><rdf:li/></rdf:Bag></dc:subject>
            <dc:title><rdf:Alt><rdf:li>A title</rdf:li></rdf:Alt></dc:title></rdf:Description>
            </rdf:RDF></x:xmpmeta><?xpacket end="w"?>   "#;
        assert_eq!(keywords(xmp.as_bytes()), ["Anna", "sea"]);
        for broken in [&b"<x:xmpmeta"[..], b"", b"\xff\xfe"] {
            assert_eq!(keywords(broken), [""; 0]);
        }
    }

    use exif::experimental::Writer;
    use exif::{Field, Rational};
    use image::codecs::jpeg::JpegEncoder;
    use image::{ExtendedColorType, ImageEncoder};

    use super::*;

    /// A JPEG of 8 by 4 pixels with these fields.
    fn jpeg(fields: &[(Tag, Value)]) -> Facts {
        let fields: Vec<Field> = fields
            .iter()
            .map(|(tag, value)| Field { tag: *tag, ifd_num: In::PRIMARY, value: value.clone() })
            .collect();
        let mut writer = Writer::new();
        fields.iter().for_each(|field| writer.push_field(field));
        let mut exif = Cursor::new(Vec::new());
        writer.write(&mut exif, false).unwrap();
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new(&mut bytes);
        encoder.set_exif_metadata(exif.into_inner()).unwrap();
        encoder.encode(&[128; 8 * 4 * 3], 8, 4, ExtendedColorType::Rgb8).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.jpg");
        std::fs::write(&path, bytes).unwrap();
        of(&path)
    }

    fn text(text: &str) -> Value {
        Value::Ascii(vec![text.as_bytes().to_vec()])
    }

    fn degrees(degrees: u32, minutes: u32, seconds: u32) -> Value {
        let parts = [degrees, minutes, seconds];
        Value::Rational(parts.map(|num| Rational { num, denom: 1 }).to_vec())
    }

    #[test]
    fn cameras_say_when_and_where() {
        let facts = jpeg(&[
            (Tag::Orientation, Value::Short(vec![6])),
            (Tag::DateTimeOriginal, text("2000:03:01 01:02:03")),
            (Tag::GPSLatitude, degrees(52, 30, 0)),
            (Tag::GPSLatitudeRef, text("N")),
            (Tag::GPSLongitude, degrees(13, 0, 36)),
            (Tag::GPSLongitudeRef, text("W")),
        ]);
        // It is shown upright.
        assert_eq!(facts.size, Some([4, 8]));
        assert_eq!(facts.taken, Some(11_017 * 86_400 + 3723));
        let [north, east] = facts.place.unwrap();
        assert!((north - 52.5).abs() < 1e-9 && (east + 13.01).abs() < 1e-9, "{north} {east}");
    }

    /// A camera without a clock, and one that knows half of where it is.
    #[test]
    fn what_cameras_do_not_know_is_left_out() {
        let facts = jpeg(&[
            (Tag::DateTimeOriginal, text("0000:00:00 00:00:00")),
            (Tag::GPSLatitude, degrees(52, 30, 0)),
            (Tag::GPSLatitudeRef, text("N")),
        ]);
        assert_eq!((facts.size, facts.taken, facts.place), (Some([8, 4]), None, None));
        let odd = jpeg(&[
            (Tag::DateTimeOriginal, text("yesterday")),
            (Tag::GPSLatitude, Value::Rational(vec![Rational { num: 1, denom: 0 }])),
            (Tag::GPSLatitudeRef, text("S")),
            (Tag::GPSLongitude, degrees(7, 0, 0)),
            (Tag::GPSLongitudeRef, text("E")),
        ]);
        assert_eq!((odd.taken, odd.place), (None, None));
    }

    /// HEIC and AVIF as telephones write them: the orientation stands in EXIF and in the format.
    #[test]
    fn heif_says_when_and_where() {
        let data = clip_testkit::repository_root().join("crates/clip-preprocess/tests/data/heif");
        for file in ["turned-6.heic", "turned-8.avif"] {
            let facts = of(&data.join(file));
            assert_eq!(facts.taken, Some(11_017 * 86_400 + 3723), "{file}");
            let [north, east] = facts.place.unwrap();
            assert!((north - 52.5).abs() < 1e-9 && (east + 13.01).abs() < 1e-9, "{north} {east}");
            let bytes = std::fs::read(data.join(file)).unwrap();
            let is_read = clip::shown_size(&bytes, file).is_ok();
            assert_eq!(facts.size, is_read.then_some([64, 72]), "{file}");
        }
    }

    #[test]
    fn files_say_their_size_as_they_are_shown() {
        let samples = clip_testkit::repository_root().join("samples");
        let facts = of(&samples.join("rocket.jpg"));
        let size = image::image_dimensions(samples.join("rocket.jpg")).unwrap();
        assert_eq!(facts.size, Some([size.0, size.1]));
        assert_eq!(facts.hash, Some(hash(&samples.join("rocket.jpg")).unwrap()));
        assert_eq!(of(&samples.join("none.jpg")), Facts::default());
    }
}
