//! Where containers keep what a camera noted, and that the picture is turned by it.

use std::io::{Cursor, Write};

use clip_preprocess::metadata::{Metadata, Tag};
use clip_preprocess::{Orientation, ReadOptions, RgbImage, decode, shown_size};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use image::codecs::jpeg::JpegEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, ImageEncoder, ImageFormat, Rgb};

/// EXIF that says "turn right" in a value of a type, and a date.
fn exif(kind: u8, value: &[u8]) -> Vec<u8> {
    let mut exif = b"II*\0\x08\0\0\0\x02\0".to_vec();
    exif.extend([0x12, 1, kind, 0, 1, 0, 0, 0]);
    match value.len() {
        0..=4 => exif.extend(value.iter().chain(&[0; 4]).take(4)),
        _ => exif.extend([58, 0, 0, 0]),
    }
    exif.extend([0x32, 1, 2, 0, 20, 0, 0, 0, 38, 0, 0, 0]);
    exif.extend([0; 4]);
    exif.extend(b"2014:04:26 19:09:19\0");
    exif.extend(value);
    exif
}

/// 6 as SHORT, which is what cameras write.
fn turned() -> Vec<u8> {
    exif(3, &[6, 0])
}

const XMP: &str = r#"<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description xmlns:tiff="http://ns.adobe.com/tiff/1.0/" tiff:Orientation="6"/></rdf:RDF></x:xmpmeta>"#;

fn picture() -> RgbImage {
    RgbImage::from_fn(6, 4, |x, y| Rgb([40 * x as u8, 60 * y as u8, 7]))
}

fn upright() -> RgbImage {
    image::imageops::rotate90(&picture())
}

fn read(bytes: &[u8]) -> RgbImage {
    decode(bytes, "picture", &ReadOptions::default()).unwrap()
}

/// That a lossless file of [`picture`] is turned right, unless it is asked for as it is stored.
#[track_caller]
fn assert_turned(bytes: &[u8], what: &str) {
    assert_eq!(read(bytes), upright(), "{what}");
    assert_eq!(shown_size(bytes, "").unwrap(), (4, 6), "{what}");
    let stored = ReadOptions { orientation: Orientation::Ignore, ..ReadOptions::default() };
    assert_eq!(decode(bytes, "", &stored).unwrap(), picture(), "{what}");
}

#[track_caller]
fn assert_as_stored(bytes: &[u8], what: &str) {
    assert_eq!(read(bytes), picture(), "{what}");
    assert_eq!(shown_size(bytes, "").unwrap(), (6, 4), "{what}");
}

/// A PNG with more chunks ahead of the pixels and behind them.
fn png(ahead: &[Vec<u8>], behind: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(picture()).write_to(&mut bytes, ImageFormat::Png).unwrap();
    let bytes = bytes.into_inner();
    let (head, rest) = bytes.split_at(33);
    let (pixels, end) = rest.split_at(rest.len() - 12);
    [head, &ahead.concat(), pixels, &behind.concat(), end].concat()
}

fn chunk(name: &[u8; 4], content: &[u8]) -> Vec<u8> {
    let mut checksum = flate2::Crc::new();
    checksum.update(name);
    checksum.update(content);
    let length = (content.len() as u32).to_be_bytes();
    [&length, &name[..], content, &checksum.sum().to_be_bytes()].concat()
}

fn deflated(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// A text as each of the three chunks has it, and the last compressed, too.
fn texts(keyword: &str, text: &[u8]) -> [Vec<u8>; 4] {
    let keyword = keyword.as_bytes();
    [
        chunk(b"tEXt", &[keyword, b"\0", text].concat()),
        chunk(b"zTXt", &[keyword, b"\0\0", &deflated(text)].concat()),
        chunk(b"iTXt", &[keyword, b"\0\0\0\0\0", text].concat()),
        chunk(b"iTXt", &[keyword, b"\0\x01\0\0\0", &deflated(text)].concat()),
    ]
}

/// As ImageMagick writes it: an empty line, the name, the length, and lines of hexadecimal digits.
fn raw_profile(name: &str, block: &[u8]) -> Vec<u8> {
    let digits: Vec<String> = block.iter().map(|byte| format!("{byte:02x}")).collect();
    let lines: Vec<String> = digits.chunks(36).map(<[String]>::concat).collect();
    format!("\n{name}\n{:8}\n{}\n", block.len(), lines.join("\n")).into_bytes()
}

#[test]
fn png_is_turned_wherever_it_says_so() {
    let exif = turned();
    let prefixed = [b"Exif\0\0", exif.as_slice()].concat();
    let app1 = [b"http://ns.adobe.com/xap/1.0/\0", XMP.as_bytes()].concat();
    let mut chunks = vec![chunk(b"eXIf", &exif), chunk(b"eXIf", &prefixed)];
    chunks.extend(texts("Raw profile type exif", &raw_profile("exif", &prefixed)));
    chunks.extend(texts("Raw profile type exif", &raw_profile("exif", &exif)));
    chunks.extend(texts("Raw profile type APP1", &raw_profile("generic profile", &prefixed)));
    chunks.extend(texts("Raw profile type APP1", &raw_profile("generic profile", &app1)));
    chunks.extend(texts("Raw profile type xmp", &raw_profile("xmp", XMP.as_bytes())));
    chunks.extend(texts("XML:com.adobe.xmp", XMP.as_bytes()));
    for (number, chunk) in chunks.into_iter().enumerate() {
        let what = format!("{number}, {}", String::from_utf8_lossy(&chunk[4..30]));
        assert_turned(&png(std::slice::from_ref(&chunk), &[]), &what);
        assert_turned(&png(&[], &[chunk]), &format!("{what} behind the pixels"));
    }
}

#[test]
fn exif_counts_more_than_xmp() {
    let [xmp, ..] = texts("XML:com.adobe.xmp", XMP.as_bytes());
    let upright = chunk(b"eXIf", &exif(3, &[1, 0]));
    assert_as_stored(&png(std::slice::from_ref(&xmp), &[upright]), "upright in EXIF");
    let without = chunk(b"eXIf", b"II*\0\x08\0\0\0\0\0\0\0\0\0");
    assert_turned(&png(&[xmp, without], &[]), "nothing in EXIF");
}

/// `exif` of a PNG is found behind what is odd, cut off or too large, or is not there.
#[test]
fn damaged_chunks_do_no_harm() {
    let profile = raw_profile("exif", &turned());
    let odd = String::from_utf8(profile.clone()).unwrap().replace("4949", "49xy").into_bytes();
    // 32 million digits in some kilobytes.
    let bomb = deflated(&[b"\nexif\n 16000000\n", vec![b'4'; 64 << 20].as_slice()].concat());
    for (what, chunk) in [
        ("odd digits", chunk(b"tEXt", &[b"Raw profile type exif\0", odd.as_slice()].concat())),
        ("a bomb", chunk(b"zTXt", &[b"Raw profile type exif\0\0", bomb.as_slice()].concat())),
        ("no zlib", chunk(b"zTXt", b"Raw profile type exif\0\0nothing of the kind")),
        ("no end of the keyword", chunk(b"tEXt", b"Raw profile type exif")),
        ("no method", chunk(b"zTXt", b"Raw profile type exif\0")),
        ("no lines", chunk(b"tEXt", b"Raw profile type exif\0exif")),
        ("no TIFF", chunk(b"eXIf", b"Exif\0\0nothing")),
    ] {
        assert_as_stored(&png(std::slice::from_ref(&chunk), &[]), what);
        assert_turned(&png(&[], &[chunk, self::chunk(b"eXIf", &turned())]), what);
    }
    let whole =
        png(&[], &[chunk(b"tEXt", &[b"Raw profile type exif\0", profile.as_slice()].concat())]);
    for length in 0..whole.len() {
        let _ = Metadata::read(&whole[..length]);
    }
}

/// The number is a SHORT by the specification, and what programs make of it.
#[test]
fn an_orientation_may_be_of_any_integer_type() {
    for (kind, value) in [
        (1, &[6][..]),
        (3, &[6, 0]),
        (4, &[6, 0, 0, 0]),
        (6, &[6]),
        (8, &[6, 0]),
        (9, &[6, 0, 0, 0]),
        (5, &[6, 0, 0, 0, 1, 0, 0, 0]),
    ] {
        let exif = exif(kind, value);
        assert_turned(&png(&[chunk(b"eXIf", &exif)], &[]), &format!("PNG {kind}"));

        let mut webp = Vec::new();
        let mut encoder = WebPEncoder::new_lossless(&mut webp);
        encoder.set_exif_metadata(exif.clone()).unwrap();
        encoder.encode(&picture(), 6, 4, image::ExtendedColorType::Rgb8).unwrap();
        assert_turned(&webp, &format!("WebP {kind}"));

        let mut jpeg = Vec::new();
        let mut encoder = JpegEncoder::new(&mut jpeg);
        encoder.set_exif_metadata(exif).unwrap();
        encoder.encode(&picture(), 6, 4, image::ExtendedColorType::Rgb8).unwrap();
        assert_eq!(read(&jpeg).dimensions(), (4, 6), "JPEG {kind}");
        assert_eq!(shown_size(&jpeg, "").unwrap(), (4, 6), "JPEG {kind}");
    }
    for (kind, value) in [(2, &[b'6', 0][..]), (3, &[9, 0]), (3, &[0, 0]), (4, &[6, 1, 0, 0])] {
        assert_as_stored(
            &png(&[chunk(b"eXIf", &exif(kind, value))], &[]),
            &format!("{kind} {value:?}"),
        );
    }
}

/// TIFF is turned in any case, as Pillow turns it.
#[test]
fn the_orientation_of_tiff_may_be_of_any_integer_type() {
    let mut bytes = Cursor::new(Vec::new());
    DynamicImage::from(picture()).write_to(&mut bytes, ImageFormat::Tiff).unwrap();
    let bytes = bytes.into_inner();
    for (kind, value) in
        [(1_u8, [6, 0, 0, 0]), (3, [6, 0, 0, 0]), (4, [6, 0, 0, 0]), (9, [6, 0, 0, 0])]
    {
        // The directory once more at the end, with one field more.
        let offset = u32::from_le_bytes(bytes[4..8].try_into().unwrap()) as usize;
        let count = usize::from(u16::from_le_bytes([bytes[offset], bytes[offset + 1]]));
        let entries = &bytes[offset + 2..offset + 2 + 12 * count];
        let mut entries: Vec<&[u8]> = entries.chunks(12).collect();
        let orientation = [&[0x12, 1, kind, 0, 1, 0, 0, 0][..], &value].concat();
        entries.push(&orientation);
        entries.sort_by_key(|entry| u16::from_le_bytes([entry[0], entry[1]]));
        let mut file = bytes.clone();
        file.resize(file.len().next_multiple_of(2), 0);
        let new_offset = (file.len() as u32).to_le_bytes();
        file[4..8].copy_from_slice(&new_offset);
        file.extend((count as u16 + 1).to_le_bytes());
        file.extend(entries.concat());
        file.extend([0; 4]);
        assert_eq!(read(&file), upright(), "{kind}");
        assert_eq!(shown_size(&file, "").unwrap(), (4, 6), "{kind}");
        let stored = ReadOptions { orientation: Orientation::Ignore, ..ReadOptions::default() };
        assert_eq!(decode(&file, "", &stored).unwrap(), upright(), "{kind}");
    }
}

#[test]
fn the_fields_of_exif_are_read() {
    let png = png(&[], &[chunk(b"eXIf", &turned())]);
    let exif = Metadata::read(&png).exif.unwrap();
    assert_eq!(exif.field(Tag::DATE_TIME).unwrap().bytes(), b"2014:04:26 19:09:19\0");
    assert!(exif.field(Tag::DATE_TIME_ORIGINAL).is_none());
}

/// Keywords of Photoshop's resources, as they lie in JPEG, in the raw profiles of PNG and in TIFF.
#[test]
fn iptc_is_found_in_every_container() {
    let iptc = b"\x1c\x02\x19\0\x03sea";
    let resources = [b"8BIM\x04\x04\0\0\0\0\0\x08", &iptc[..]].concat();
    for name in ["iptc", "8bim"] {
        for block in [&iptc[..], &resources] {
            let keyword = format!("Raw profile type {name}");
            let [text, ..] = texts(&keyword, &raw_profile(name, block));
            let png = png(&[], &[text]);
            assert_eq!(Metadata::read(&png).iptc.as_deref(), Some(&iptc[..]), "{name}");
        }
    }
    let segment = [b"Photoshop 3.0\0", resources.as_slice()].concat();
    let length = (segment.len() as u16 + 2).to_be_bytes();
    let jpeg = [b"\xff\xd8\xff\xed", &length[..], &segment, b"\xff\xd9"].concat();
    assert_eq!(Metadata::read(&jpeg).iptc.as_deref(), Some(&iptc[..]));
    let field = |tag: u16, kind: u8, count: u8, block: &[u8]| {
        let mut tiff = b"II*\0\x08\0\0\0\x01\0".to_vec();
        tiff.extend(tag.to_le_bytes());
        tiff.extend([kind, 0, count, 0, 0, 0, 26, 0, 0, 0, 0, 0, 0, 0]);
        tiff.extend(block);
        Metadata::read(&tiff).iptc.map(|iptc| iptc.into_owned())
    };
    assert_eq!(field(33_723, 7, 8, iptc), Some(iptc.to_vec()));
    assert_eq!(field(34_377, 1, resources.len() as u8, &resources), Some(iptc.to_vec()));
    // As LONG, written by a program of the other byte order.
    assert_eq!(field(33_723, 4, 2, b"\0\x19\x02\x1caes\x03"), Some(iptc.to_vec()));
}

/// The items of HEIC, in a build that does not decode it, too.
#[test]
fn heic_has_exif_and_xmp() {
    let path =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/color/profile.heic");
    let file = std::fs::read(path).unwrap();
    let metadata = Metadata::read(&file);
    let exif = metadata.exif.unwrap();
    assert_eq!(exif.field(Tag::DATE_TIME).unwrap().bytes(), b"2014:04:26 19:09:19\0");
    assert!(metadata.xmp.unwrap().starts_with(b"<x:xmpmeta"));
    // Whatever is cut off or wrong, there is no more than nothing.
    for length in 0..file.len() {
        let _ = Metadata::read(&file[..length]);
    }
    for at in 0..1000 {
        let mut damaged = file.clone();
        damaged[at] ^= 0xFF;
        let _ = Metadata::read(&damaged);
    }
}
