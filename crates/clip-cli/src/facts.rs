//! What a picture file says of itself besides its pixels.

use std::fs::File;
use std::io::{self, Cursor};
use std::path::Path;

use clip_retrieval::Facts;
use exif::{Exif, In, Tag, Value};
use image::metadata::Orientation;
use image::{ImageDecoder, ImageReader};

use crate::dates;

/// What is known of a file; what it does not say is left out.
pub(crate) fn of(path: &Path) -> Facts {
    let Ok(bytes) = std::fs::read(path) else { return Facts::default() };
    let hash = Some(*blake3::hash(&bytes).as_bytes());
    let decoder = ImageReader::new(Cursor::new(&bytes)).with_guessed_format().ok();
    let Some(mut decoder) = decoder.and_then(|reader| reader.into_decoder().ok()) else {
        return Facts { hash, ..of_heif(&bytes) };
    };
    let (width, height) = decoder.dimensions();
    let turned = match decoder.orientation() {
        Ok(
            Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH,
        ) => true,
        Ok(_) | Err(_) => false,
    };
    let size = Some(if turned { [height, width] } else { [width, height] });
    let tags = decoder.xmp_metadata().ok().flatten().map_or_else(Vec::new, |xmp| keywords(&xmp));
    let exif = decoder.exif_metadata().ok().flatten();
    // A field that is not as it should be says nothing of the others.
    let exif = exif.and_then(|bytes| {
        let read = exif::Reader::new().continue_on_error(true).read_raw(bytes);
        read.or_else(|error| error.distill_partial_result(|_| ())).ok()
    });
    let (taken, place) = exif.as_ref().map_or((None, None), |exif| (taken(exif), place(exif)));
    Facts { hash, size, taken, place, tags }
}

/// The words that somebody gave a picture: `dc:subject` of its XMP, as Lightroom, digiKam and darktable
/// write it (ISO 16684-1).
fn keywords(xmp: &[u8]) -> Vec<String> {
    const DUBLIN_CORE: &str = "http://purl.org/dc/elements/1.1/";
    const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
    let text = String::from_utf8_lossy(xmp);
    // Room is left behind the end for programs that write more into it.
    let text = text.trim_matches(|c: char| c == '\0' || c.is_whitespace());
    let Ok(document) = roxmltree::Document::parse(text) else { return Vec::new() };
    let subjects =
        document.descendants().filter(|node| node.has_tag_name((DUBLIN_CORE, "subject")));
    let words = subjects
        .flat_map(|subject| subject.descendants())
        .filter(|node| node.has_tag_name((RDF, "li")))
        .filter_map(|node| node.text());
    let mut words: Vec<String> =
        words.map(|word| word.trim().to_owned()).filter(|word| !word.is_empty()).collect();
    words.sort();
    words.dedup();
    words
}

/// The size and the notes of HEIC, HEIF and AVIF. The size is known where their pixels are: in a build
/// with the feature, on a system with libheif.
fn of_heif(bytes: &[u8]) -> Facts {
    let size = clip::shown_size(bytes, "").ok().map(<[u32; 2]>::from);
    let read = exif::Reader::new()
        .continue_on_error(true)
        .read_from_container(&mut Cursor::new(bytes))
        .or_else(|error| error.distill_partial_result(|_| ()));
    let exif = read.as_ref().ok();
    Facts { size, taken: exif.and_then(taken), place: exif.and_then(place), ..Facts::default() }
}

/// BLAKE3 of a file.
pub(crate) fn hash(path: &Path) -> io::Result<[u8; 32]> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(File::open(path)?)?;
    Ok(*hasher.finalize().as_bytes())
}

/// When it was taken, in seconds since 1970 of the camera's own clock.
fn taken(exif: &Exif) -> Option<i64> {
    let field = exif.get_field(Tag::DateTimeOriginal, In::PRIMARY)?;
    let Value::Ascii(texts) = &field.value else { return None };
    let time = exif::DateTime::from_ascii(texts.first()?).ok()?;
    let [year, month, day] = [i64::from(time.year), time.month.into(), time.day.into()];
    // Cameras without a clock write zeros.
    if year == 0 || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let [hour, minute, second] = [time.hour, time.minute, time.second].map(i64::from);
    Some(dates::seconds(year, month, day) + hour * 3600 + minute * 60 + second)
}

/// Where it was taken: degrees north and east.
fn place(exif: &Exif) -> Option<[f64; 2]> {
    let degrees = |value, sign, negative: &str| {
        let Value::Rational(parts) = &exif.get_field(value, In::PRIMARY)?.value else {
            return None;
        };
        let parts: Vec<f64> = parts.iter().map(exif::Rational::to_f64).collect();
        let degrees: f64 = parts.iter().zip([1.0, 60.0, 3600.0]).map(|(part, by)| part / by).sum();
        let sign = exif.get_field(sign, In::PRIMARY)?.display_value().to_string();
        let degrees = if sign == negative { -degrees } else { degrees };
        (!parts.is_empty() && degrees.is_finite() && degrees.abs() <= 180.0).then_some(degrees)
    };
    let north = degrees(Tag::GPSLatitude, Tag::GPSLatitudeRef, "S")?;
    let east = degrees(Tag::GPSLongitude, Tag::GPSLongitudeRef, "W")?;
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
