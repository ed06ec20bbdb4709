//! Colors of other spaces, against what Little CMS makes of them (`tests/scripts/color.py`).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clip_preprocess::{ColorManagement, ReadOptions, RgbImage, decode};
use image::codecs::jpeg::JpegEncoder;
use image::codecs::png::PngEncoder;
use image::codecs::tiff::TiffEncoder;
use image::codecs::webp::WebPEncoder;
use image::{DynamicImage, GrayImage, ImageEncoder, Rgb, Rgba, RgbaImage};

type Pairs = BTreeMap<String, Vec<([u8; 3], [u8; 3])>>;

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/color").join(name)
}

fn profile(name: &str) -> Vec<u8> {
    std::fs::read(data(&format!("{name}.icc"))).unwrap()
}

/// For each profile, colors in its space and in sRGB.
fn pairs() -> Pairs {
    serde_json::from_slice(&std::fs::read(data("colors.json")).unwrap()).unwrap()
}

/// A field of 8 × 8 pixels for each color.
fn fields(colors: impl Iterator<Item = [u8; 3]>) -> RgbImage {
    let colors: Vec<[u8; 3]> = colors.collect();
    RgbImage::from_fn(8 * colors.len() as u32, 8, |x, _| Rgb(colors[x as usize / 8]))
}

/// The encoders that write a profile.
const CONTAINERS: [&str; 4] = ["jpg", "png", "webp", "tiff"];

fn encoded(picture: &DynamicImage, profile: &[u8], container: &str) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    let write = |mut encoder: Box<dyn Encode + '_>| encoder.write(picture, profile);
    match container {
        "jpg" => write(Box::new(Some(JpegEncoder::new_with_quality(&mut bytes, 100)))),
        "png" => write(Box::new(Some(PngEncoder::new(&mut bytes)))),
        "webp" => write(Box::new(Some(WebPEncoder::new_lossless(&mut bytes)))),
        _ => write(Box::new(Some(TiffEncoder::new(&mut bytes)))),
    }
    bytes.into_inner()
}

/// Any encoder of the crate `image`.
trait Encode {
    fn write(&mut self, picture: &DynamicImage, profile: &[u8]);
}

impl<E: ImageEncoder> Encode for Option<E> {
    fn write(&mut self, picture: &DynamicImage, profile: &[u8]) {
        let mut encoder = self.take().unwrap();
        encoder.set_icc_profile(profile.to_vec()).unwrap();
        picture.write_with_encoder(encoder).unwrap();
    }
}

fn read(bytes: &[u8], color: ColorManagement) -> RgbImage {
    decode(bytes, "picture", &ReadOptions { color, ..ReadOptions::default() }).unwrap()
}

/// That no sample is further away than so many levels.
#[track_caller]
fn assert_near(found: &RgbImage, expected: &RgbImage, levels: u8, what: &str) {
    assert_eq!(found.dimensions(), expected.dimensions());
    for ((x, y, found), expected) in found.enumerate_pixels().zip(expected.pixels()) {
        let far = found.0.iter().zip(expected.0).any(|(a, b)| a.abs_diff(b) > levels);
        assert!(!far, "{what} at {x}, {y}: {found:?}, not {expected:?}");
    }
}

#[test]
fn colors_become_those_of_srgb() {
    for (name, pairs) in pairs() {
        let stored = fields(pairs.iter().map(|(stored, _)| *stored));
        let expected = fields(pairs.iter().map(|(_, srgb)| *srgb));
        for container in CONTAINERS {
            let picture = match name.starts_with("gray") {
                // The encoder of WebP has no gray.
                true if container == "webp" => continue,
                true => DynamicImage::from(DynamicImage::from(stored.clone()).into_luma8()),
                false => stored.clone().into(),
            };
            let bytes = encoded(&picture, &profile(&name), container);
            let (managed, ignored) =
                (read(&bytes, ColorManagement::ToSrgb), read(&bytes, ColorManagement::Ignore));
            // JPEG is a level off, which a steep curve makes more of in the dark.
            let levels = if container == "jpg" { 6 } else { 2 };
            assert_near(&managed, &expected, levels, &format!("{name} in {container}"));
            assert_near(&ignored, &stored, if container == "jpg" { 2 } else { 0 }, &name);
        }
    }
}

#[test]
fn what_is_srgb_stays_to_the_bit() {
    let picture = RgbImage::from_fn(64, 64, |x, y| Rgb([4 * x as u8, 4 * y as u8, (x * y) as u8]));
    for container in CONTAINERS {
        let bytes = encoded(&picture.clone().into(), &profile("srgb"), container);
        let [managed, ignored] =
            [ColorManagement::ToSrgb, ColorManagement::Ignore].map(|color| read(&bytes, color));
        assert_eq!(managed, ignored, "{container}");
    }
}

#[test]
fn sixteen_bits_keep_the_dark() {
    // Linear light: the lowest of 8 bits would be 13 levels of sRGB.
    let stored = image::ImageBuffer::from_fn(64, 1, |x, _| Rgb([4 * x as u16, 0, 0xFFFF]));
    let bytes = encoded(&DynamicImage::ImageRgb16(stored), &profile("linear"), "png");
    let managed = read(&bytes, ColorManagement::ToSrgb);
    let reds: Vec<u8> = managed.pixels().map(|pixel| pixel.0[0]).collect();
    assert!(reds.is_sorted() && reds[63] >= 10, "{reds:?}");
    assert!(reds.windows(2).all(|pair| pair[1] - pair[0] <= 1), "{reds:?}");
    assert!(managed.pixels().all(|pixel| pixel.0[1] == 0 && pixel.0[2] == 255));
}

#[test]
fn transparency_shows_white_after_the_conversion() {
    let (stored, srgb) = pairs()["display-p3"][0];
    let [r, g, b] = stored;
    let picture = RgbaImage::from_fn(2, 1, |x, _| Rgba([r, g, b, if x == 0 { 255 } else { 128 }]));
    let bytes = encoded(&picture.into(), &profile("display-p3"), "png");
    let managed = read(&bytes, ColorManagement::ToSrgb);
    let half = srgb.map(|level| ((u32::from(level) * 128 + 255 * 127 + 127) / 255) as u8);
    let expected = RgbImage::from_fn(2, 1, |x, _| Rgb(if x == 0 { srgb } else { half }));
    assert_near(&managed, &expected, 1, "half transparent");
}

#[test]
fn inks_become_colors_by_their_profile() {
    let file = std::fs::read(data("inks.jpg")).unwrap();
    let expected = image::open(data("inks.png")).unwrap().into_rgb8();
    // The most and the least of each ink are in the table of the profile; between them each program
    // computes in its own way.
    assert_near(&read(&file, ColorManagement::ToSrgb), &expected, 4, "inks");
    let ignored = read(&file, ColorManagement::Ignore);
    // All of the cyan: without its profile as pure as a screen has it.
    let [red, green, blue] = ignored.get_pixel(12, 4).0;
    assert!(red < 3 && green > 252 && blue > 252, "{red} {green} {blue}");
}

/// PNG says it in other ways, too, and in this order (PNG specification, 4.3).
#[test]
fn png_has_code_points_and_a_gamma() {
    let stored: Vec<[u8; 3]> = pairs()["linear"].iter().map(|(stored, _)| *stored).collect();
    let png = |chunks: &[(&[u8; 4], Vec<u8>)]| {
        let mut bytes = std::io::Cursor::new(Vec::new());
        let picture: DynamicImage = fields(stored.iter().copied()).into();
        picture.write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        let mut bytes = bytes.into_inner();
        for (name, content) in chunks.iter().rev() {
            let mut checksum = flate2::Crc::new();
            checksum.update(*name);
            checksum.update(content);
            let length = (content.len() as u32).to_be_bytes();
            let sum = checksum.sum().to_be_bytes();
            bytes.splice(33..33, [&length, &name[..], content, &sum].concat());
        }
        read(&bytes, ColorManagement::ToSrgb)
    };
    let in_srgb = |name: &str| fields(pairs()[name].iter().map(|(_, srgb)| *srgb));
    let as_stored = fields(stored.iter().copied());
    let numbers =
        |numbers: &[u32]| numbers.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<u8>>();
    let p3 = numbers(&[31_270, 32_900, 68_000, 32_000, 26_500, 69_000, 15_000, 6_000]);
    let (srgb, linear) = (numbers(&[45_455]), numbers(&[100_000]));
    assert_near(&png(&[(b"gAMA", linear.clone())]), &in_srgb("linear"), 2, "gAMA");
    assert_eq!(png(&[(b"gAMA", srgb.clone())]), as_stored, "sRGB's gAMA");
    assert_near(&png(&[(b"gAMA", srgb), (b"cHRM", p3)]), &in_srgb("display-p3"), 2, "cHRM");
    assert_eq!(png(&[(b"sRGB", vec![0]), (b"gAMA", linear.clone())]), as_stored, "sRGB");
    let code_points = |primaries, transfer| (b"cICP", vec![primaries, transfer, 0, 1]);
    assert_near(&png(&[code_points(12, 13)]), &in_srgb("display-p3"), 2, "P3 in cICP");
    assert_near(&png(&[code_points(1, 8)]), &in_srgb("linear"), 2, "linear in cICP");
    // sRGB, television, unspecified, HDR, and nothing of the kind.
    for (primaries, transfer) in [(1, 13), (1, 1), (2, 2), (9, 16), (9, 18), (200, 13), (1, 200)] {
        let found = png(&[code_points(primaries, transfer)]);
        assert_near(&found, &as_stored, 1, &format!("{primaries} {transfer}"));
    }
    let found = png(&[code_points(12, 13), (b"gAMA", linear)]);
    assert_near(&found, &in_srgb("display-p3"), 2, "cICP comes first");
    for odd in [vec![], numbers(&[0]), numbers(&[1]), numbers(&[u32::MAX])] {
        png(&[(b"gAMA", odd.clone()), (b"cHRM", odd)]);
    }
    png(&[(b"gAMA", numbers(&[45_455])), (b"cHRM", vec![0; 32])]);
}

#[test]
fn a_profile_that_cannot_be_followed_is_ignored() {
    let picture: DynamicImage = fields(pairs()["linear"].iter().map(|(stored, _)| *stored)).into();
    let whole = profile("linear");
    let same = |profile: &[u8], what: &str| {
        let bytes = encoded(&picture, profile, "png");
        let [managed, ignored] =
            [ColorManagement::ToSrgb, ColorManagement::Ignore].map(|color| read(&bytes, color));
        assert_eq!(managed, ignored, "{what}");
    };
    same(b"no profile", "text");
    for length in [1, 127, 128, 140, 300] {
        same(&whole[..length], "cut off");
    }
    same(&profile("gray-linear"), "gray for colors");
    let gray: GrayImage = picture.to_luma8();
    let bytes = encoded(&gray.clone().into(), &whole, "png");
    let managed = read(&bytes, ColorManagement::ToSrgb);
    assert_eq!(managed, DynamicImage::from(gray).into_rgb8(), "colors for gray");
}

/// Whatever is wrong with a profile, the picture is read.
#[test]
fn damaged_profiles_do_no_harm() {
    let picture: DynamicImage = RgbImage::from_pixel(4, 4, Rgb([200, 100, 50])).into();
    for name in ["display-p3", "adobe-rgb", "gray-2.2"] {
        let whole = profile(name);
        let picture = if name == "gray-2.2" { picture.to_luma8().into() } else { picture.clone() };
        for at in (0..whole.len()).step_by(3) {
            for value in [0xFF, whole[at] ^ 0x80] {
                let mut damaged = whole.clone();
                damaged[at] = value;
                let bytes = encoded(&picture, &damaged, "tiff");
                assert_eq!(read(&bytes, ColorManagement::ToSrgb).dimensions(), (4, 4));
            }
        }
    }
}

/// Telephones' files: with a profile, and with code points.
#[cfg(feature = "heif")]
#[test]
fn heic_says_it_in_two_ways() {
    let pairs = &pairs()["display-p3"];
    let twice = |fields: RgbImage| {
        let (width, height) = (2 * fields.width(), 2 * fields.height());
        image::imageops::resize(&fields, width, height, image::imageops::FilterType::Nearest)
    };
    let stored = twice(fields(pairs.iter().map(|(stored, _)| *stored)));
    let srgb = twice(fields(pairs.iter().map(|(_, srgb)| *srgb)));
    for name in ["profile.heic", "points.heic"] {
        let file = std::fs::read(data(name)).unwrap();
        assert_near(&read(&file, ColorManagement::Ignore), &stored, 1, name);
        assert_near(&read(&file, ColorManagement::ToSrgb), &srgb, 2, name);
    }
}
