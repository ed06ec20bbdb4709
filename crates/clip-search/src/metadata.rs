//! What an image file says of itself besides its pixels.

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

/// What is known of a file; what it does not say is left out, and of one that cannot be read all of it.
/// The size is known where the pixels are read, which for HEIC, HEIF and AVIF is in a build with the
/// feature, on a system with libheif.
pub fn of_file(path: &Path) -> Facts {
    std::fs::read(path).map_or_else(|_| Facts::default(), |bytes| of_bytes(&bytes))
}

/// As [`of_file`], of the bytes of one.
pub fn of_bytes(bytes: &[u8]) -> Facts {
    let metadata = Metadata::read(bytes);
    let packet = metadata.xmp.as_deref().map(xmp::text);
    let xmp = packet.as_deref().and_then(|packet| Document::parse(packet).ok());
    Facts {
        hash: Some(*blake3::hash(bytes).as_bytes()),
        size: clip::shown_size(bytes, "").ok().map(<[u32; 2]>::from),
        taken: taken::of(&metadata, xmp.as_ref()),
        place: metadata.exif.as_ref().and_then(place),
        tags: tags::of(&metadata, xmp.as_ref()),
    }
}

/// BLAKE3 of a file.
///
/// # Errors
///
/// Where the file cannot be read.
pub fn content_hash(path: &Path) -> io::Result<[u8; 32]> {
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
    use std::io::Cursor;

    use exif::experimental::Writer;
    use exif::{Field, In, Rational, Tag, Value};
    use image::codecs::jpeg::JpegEncoder;
    use image::{ExtendedColorType, ImageEncoder};

    use super::*;

    const XMP: &[u8] = b"http://ns.adobe.com/xap/1.0/\0";
    const APP1: u8 = 0xE1;
    const APP13: u8 = 0xED;

    /// A JPEG of 8 by 4 pixels with these fields, and these segments.
    fn jpeg_with(fields: &[(Tag, Value)], segments: &[(u8, Vec<u8>)]) -> Facts {
        let fields: Vec<Field> = fields
            .iter()
            .map(|(tag, value)| Field { tag: *tag, ifd_num: In::PRIMARY, value: value.clone() })
            .collect();
        let mut writer = Writer::new();
        fields.iter().for_each(|field| writer.push_field(field));
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new(&mut bytes);
        if !fields.is_empty() {
            let mut exif = Cursor::new(Vec::new());
            writer.write(&mut exif, false).unwrap();
            encoder.set_exif_metadata(exif.into_inner()).unwrap();
        }
        encoder.encode(&[128; 8 * 4 * 3], 8, 4, ExtendedColorType::Rgb8).unwrap();
        for (marker, content) in segments {
            let [high, low] = (content.len() as u16 + 2).to_be_bytes();
            bytes.splice(2..2, [&[0xFF, *marker, high, low], content.as_slice()].concat());
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("picture.jpg");
        std::fs::write(&path, bytes).unwrap();
        of_file(&path)
    }

    fn jpeg(fields: &[(Tag, Value)]) -> Facts {
        jpeg_with(fields, &[])
    }

    fn text(text: &str) -> Value {
        Value::Ascii(vec![text.as_bytes().to_vec()])
    }

    fn degrees(degrees: u32, minutes: u32, seconds: u32) -> Value {
        let parts = [degrees, minutes, seconds];
        Value::Rational(parts.map(|num| Rational { num, denom: 1 }).to_vec())
    }

    /// A segment with properties of RDF.
    fn xmp(attributes: &str, elements: &str) -> (u8, Vec<u8>) {
        let packet = format!(
            r#"<?xpacket begin=""?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
            xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description
            xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:lr="http://ns.adobe.com/lightroom/1.0/"
            xmlns:digiKam="http://www.digikam.org/ns/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
            xmlns:MicrosoftPhoto="http://ns.microsoft.com/photo/1.0/"
            xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
            {attributes}>{elements}</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end="w"?>   "#
        );
        (APP1, [XMP, packet.as_bytes()].concat())
    }

    fn list(name: &str, words: &[&str]) -> String {
        let items: Vec<String> =
            words.iter().map(|word| format!("<rdf:li>{word}</rdf:li>")).collect();
        format!("<{name}><rdf:Bag>{}</rdf:Bag></{name}>", items.concat())
    }

    /// A segment with data sets of the second record.
    fn iptc(sets: &[(u8, &[u8])]) -> (u8, Vec<u8>) {
        let mut data = Vec::new();
        for (number, value) in sets {
            data.extend([0x1C, 2, *number, 0, value.len() as u8]);
            data.extend(*value);
        }
        let length = (data.len() as u32).to_be_bytes();
        (APP13, [b"Photoshop 3.0\08BIM\x04\x04\0\0", &length[..], &data].concat())
    }

    #[test]
    fn keywords_are_those_of_all_programs() {
        let tags = |segments: &[(u8, Vec<u8>)]| jpeg_with(&[], segments).tags;
        assert_eq!(tags(&[]), [""; 0]);
        let subject = list("dc:subject", &["sea", " Anna ", "sea", ""]);
        let title = "<dc:title><rdf:Alt><rdf:li>A title</rdf:li></rdf:Alt></dc:title>";
        assert_eq!(tags(&[xmp("", &(subject.clone() + title))]), ["Anna", "sea"]);
        let one = xmp("", "<dc:subject>alone</dc:subject>");
        assert_eq!(tags(&[one]), ["alone"]);
        let lightroom =
            list("lr:hierarchicalSubject", &["People|Anna", "sea", "Places | Italy|Rome"]);
        assert_eq!(
            tags(&[xmp("", &lightroom)]),
            [
                "Anna",
                "People",
                "People/Anna",
                "Places",
                "Places/Italy",
                "Places/Italy/Rome",
                "Rome",
                "sea"
            ]
        );
        let digikam = list("digiKam:TagsList", &["People/Anna", "sea"]);
        assert_eq!(tags(&[xmp("", &digikam)]), ["Anna", "People", "People/Anna", "sea"]);
        let windows = list("MicrosoftPhoto:LastKeywordXMP", &["owl"]);
        assert_eq!(tags(&[xmp("", &windows)]), ["owl"]);
        let latin = iptc(&[(25, b"Z\xfcrich"), (25, b"sea"), (120, b"no keyword")]);
        assert_eq!(tags(std::slice::from_ref(&latin)), ["Z\u{fc}rich", "sea"]);
        // What several places say counts once.
        assert_eq!(tags(&[latin, xmp("", &subject)]), ["Anna", "Z\u{fc}rich", "sea"]);
        for broken in [&b"<x:xmpmeta"[..], b"", b"\xff\xfe"] {
            assert_eq!(tags(&[(APP1, [XMP, broken].concat())]), [""; 0]);
        }
    }

    #[test]
    fn keywords_of_windows_are_utf_16() {
        const XP_KEYWORDS: Tag = Tag(exif::Context::Tiff, 0x9C9E);
        let bytes = "sea;Z\u{fc}rich; \u{1f415}\0".encode_utf16().flat_map(u16::to_le_bytes);
        let facts = jpeg(&[(XP_KEYWORDS, Value::Byte(bytes.collect()))]);
        assert_eq!(facts.tags, ["Z\u{fc}rich", "sea", "\u{1f415}"]);
    }

    #[test]
    fn the_first_field_that_says_a_time_counts() {
        let day = |day: i64| Some((16_071 + day) * 86_400);
        let (original, digitized) = (Tag::DateTimeOriginal, Tag::DateTimeDigitized);
        // 2014-01-01 is 16,071 days after 1970-01-01.
        let taken =
            |fields: &[(Tag, Value)], segments: &[(u8, Vec<u8>)]| jpeg_with(fields, segments).taken;
        assert_eq!(taken(&[(original, text("2014:01:01 00:00:00"))], &[]), day(0));
        assert_eq!(
            taken(&[(original, Value::Undefined(b"2014:01:01\0".to_vec(), 0))], &[]),
            day(0)
        );
        assert_eq!(taken(&[(original, Value::Byte(b"2014-01-01".to_vec()))], &[]), day(0));
        for nothing in
            ["0000:00:00 00:00:00", "    :  :     :  :  ", "", "2014:02:30 00:00:00", "x"]
        {
            let second = (digitized, text("2014:01:02 00:00:00"));
            assert_eq!(taken(&[(original, text(nothing)), second], &[]), day(1), "{nothing:?}");
        }
        assert_eq!(taken(&[(Tag::DateTime, text("2014:01:01 00:00:00"))], &[]), None);

        let of_xmp = |attributes: &str| xmp(attributes, "");
        let (one, two, three) = (
            r#"exif:DateTimeOriginal="2014-01-03T00:00:00+05:00""#,
            r#"photoshop:DateCreated="2014-01-04""#,
            r#"xmp:CreateDate="2014-01-05T00:00Z""#,
        );
        assert_eq!(taken(&[], &[of_xmp(&[one, two, three].join(" "))]), day(2));
        assert_eq!(taken(&[], &[of_xmp(&[two, three].join(" "))]), day(3));
        assert_eq!(taken(&[], &[of_xmp(three)]), day(4));
        let element = xmp("", "<exif:DateTimeOriginal>2014-01-03</exif:DateTimeOriginal>");
        assert_eq!(taken(&[], &[element]), day(2));
        let camera = (original, text("2014:01:01 00:00:00"));
        assert_eq!(taken(&[camera], &[of_xmp(one)]), day(0));
        let digital = (digitized, text("2014:01:02 00:00:00"));
        assert_eq!(taken(&[digital], &[of_xmp(one)]), day(1));

        let date_alone = iptc(&[(55, b"20140106")]);
        assert_eq!(taken(&[], std::slice::from_ref(&date_alone)), day(5));
        assert_eq!(taken(&[], &[date_alone, of_xmp(three)]), day(4));
        let with_time = iptc(&[(55, b"20140106"), (60, b"000001+0100")]);
        assert_eq!(taken(&[], &[with_time]), day(5).map(|time| time + 1));
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

    /// PNG, WebP and TIFF have the same fields elsewhere.
    #[test]
    fn every_container_says_when() {
        let date = (Tag::DateTimeOriginal, text("2000:03:01 01:02:03"));
        let field = Field { tag: date.0, ifd_num: In::PRIMARY, value: date.1 };
        let mut writer = Writer::new();
        writer.push_field(&field);
        let mut exif = Cursor::new(Vec::new());
        writer.write(&mut exif, true).unwrap();
        let exif = exif.into_inner();
        let pixels = [128; 8 * 4 * 3];
        let (mut png, mut webp) = (Vec::new(), Vec::new());
        let mut encoder = image::codecs::png::PngEncoder::new(&mut png);
        encoder.set_exif_metadata(exif.clone()).unwrap();
        encoder.write_image(&pixels, 8, 4, ExtendedColorType::Rgb8).unwrap();
        let mut encoder = image::codecs::webp::WebPEncoder::new_lossless(&mut webp);
        encoder.set_exif_metadata(exif.clone()).unwrap();
        encoder.encode(&pixels, 8, 4, ExtendedColorType::Rgb8).unwrap();
        // What EXIF is in: a TIFF, here without pixels.
        for (name, bytes) in [("a.png", png), ("a.webp", webp), ("a.tif", exif)] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join(name);
            std::fs::write(&path, bytes).unwrap();
            assert_eq!(of_file(&path).taken, Some(11_017 * 86_400 + 3723), "{name}");
        }
    }

    /// HEIC and AVIF as telephones write them: the orientation stands in EXIF and in the format.
    #[test]
    fn heif_says_when_and_where() {
        let data = clip_testkit::repository_root().join("crates/clip-preprocess/tests/data/heif");
        for file in ["turned-6.heic", "turned-8.avif"] {
            let facts = of_file(&data.join(file));
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
        let facts = of_file(&samples.join("rocket.jpg"));
        let size = image::image_dimensions(samples.join("rocket.jpg")).unwrap();
        assert_eq!(facts.size, Some([size.0, size.1]));
        assert_eq!(facts.hash, Some(content_hash(&samples.join("rocket.jpg")).unwrap()));
        assert_eq!(of_file(&samples.join("none.jpg")), Facts::default());
    }
}
