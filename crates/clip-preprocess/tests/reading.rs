//! What comes of files that are unusual, wrong or broken.

use std::io::Cursor;
use std::path::{Path, PathBuf};

use clip_preprocess::{
    Error, Gray16, Orientation, ReadOptions, RgbImage, Transparency, decode, read, shown_size,
};
use image::codecs::gif::GifEncoder;
use image::{DynamicImage, Frame, ImageFormat, Rgb, Rgba, RgbaImage};

const PICTURES: [&str; 3] = ["cat", "dog", "horse"];

fn format(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../clip-testkit/formats").join(name)
}

fn picture(name: &str, options: &ReadOptions) -> RgbImage {
    read(&format(name), options).unwrap_or_else(|error| panic!("{error}"))
}

fn encoded(picture: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.into().write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// The mean difference of two pictures in levels.
fn distance(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u32 = a.iter().zip(b.iter()).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    f64::from(sum) / a.len() as f64
}

/// The message for some bytes, which say the same under a name that lies.
#[track_caller]
fn check(bytes: &[u8], message: &str) {
    let options = ReadOptions::default();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.jpg");
    std::fs::write(&path, bytes).unwrap();
    let from_file = read(&path, &options).unwrap_err().to_string();
    let from_bytes = decode(bytes, "photo.jpg", &options).unwrap_err().to_string();
    assert_eq!(from_bytes, message);
    assert_eq!(from_file.replace(&path.display().to_string(), "photo.jpg"), message);
}

#[test]
fn not_a_picture() {
    const NOT: &str = "photo.jpg is not a picture, whatever its name says: JPEG, PNG, WebP, GIF, TIFF, BMP and QOI are read";
    check(b"Dear diary, today I saw a dog.", NOT);
    check(&[0], NOT);
    check(&[0; 4096], NOT);
    check(b"", "photo.jpg is empty: copy or download it again");
}

#[test]
fn formats_that_are_not_read() {
    let check = |bytes: &[u8], format: &str| {
        let message = format!(
            "photo.jpg is a file in {format} format, which is not read: convert it to JPEG or PNG"
        );
        check(bytes, &message);
    };
    check(b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "Canon raw");
    check(b"\xff\x0a\xfa\x1f", "JPEG XL");
    check(b"\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14", "JPEG 2000");
    check(b"8BPS\0\x01", "Photoshop");
    check(b"%PDF-1.7", "PDF");
    check(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG");
    check(&[0, 0, 1, 0, 1, 0], "ICO");
}

#[test]
fn paths_that_hold_no_picture() {
    let folder = tempfile::tempdir().unwrap();
    let message = |path: &Path| read(path, &ReadOptions::default()).unwrap_err().to_string();
    let missing = folder.path().join("gone.jpg");
    assert_eq!(
        message(&missing),
        format!("there is no file {}: check the path", missing.display())
    );
    assert_eq!(
        message(folder.path()),
        format!("{} is a folder: name a picture in it", folder.path().display())
    );
    let below = format("cat.bmp").join("photo.jpg");
    assert!(message(&below).contains("check its permissions"), "{}", message(&below));
}

#[cfg(unix)]
#[test]
fn a_pipe_is_not_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("photo.jpg");
    let _listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let error = read(&path, &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, Error::NotAFile { .. }), "{error:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn names_need_not_be_utf8() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(std::ffi::OsStr::from_bytes(b"caf\xe9.png"));
    std::fs::copy(format("cat-palette.png"), &path).unwrap();
    let options = ReadOptions::default();
    assert_eq!(read(&path, &options).unwrap(), picture("cat-palette.png", &options));
}

#[test]
fn a_huge_picture_is_refused_from_its_header() {
    const REFUSED: &str = "photo.jpg has 60000×60000 pixels, more than the limit of 256 megapixels: make it smaller or raise `max_megapixels`";
    // Nothing behind the first chunk: there is nothing that could be decoded.
    let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR".to_vec();
    png.extend([60_000_u32.to_be_bytes(), 60_000_u32.to_be_bytes()].as_flattened());
    png.extend([8, 2, 0, 0, 0, 0, 0, 0, 0]);
    check(&png, REFUSED);

    let mut gif = encoded(RgbaImage::new(1, 1), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[60_000_u16.to_le_bytes(), 60_000_u16.to_le_bytes()].concat());
    check(&gif, REFUSED);

    let small = ReadOptions { max_megapixels: 0, ..ReadOptions::default() };
    let error = read(&format("cat-baseline.jpg"), &small).unwrap_err();
    assert!(error.to_string().contains("has 320×213 pixels, more than the limit of 0 megapixels"));
}

#[test]
fn a_jpeg_that_ends_early_is_named() {
    for name in PICTURES {
        let error =
            read(&format(&format!("{name}-truncated.jpg")), &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, Error::CutOff { .. }), "{error:?}");
    }
    check(
        &std::fs::read(format("cat-truncated.jpg")).unwrap(),
        "photo.jpg is cut off before the end of the picture: copy or download it again",
    );
}

/// Half of a file is never a picture, and never taken for one.
#[test]
fn half_a_file_is_an_error() {
    let files = std::fs::read_dir(format("")).unwrap().map(|entry| entry.unwrap().path());
    let mut checked = 0;
    for path in files.filter(|path| path.extension().is_some_and(|kind| kind != "md")) {
        let bytes = std::fs::read(&path).unwrap();
        for part in [bytes.len() / 2, bytes.len() * 9 / 10] {
            let error = decode(&bytes[..part], "half", &ReadOptions::default());
            let error = error.expect_err(&format!("{part} bytes of {}", path.display()));
            assert!(
                matches!(error, Error::CutOff { .. } | Error::Damaged { .. }),
                "{}: {error:?}",
                path.display()
            );
            checked += 1;
        }
    }
    assert!(checked >= 2 * 42);
}

#[test]
fn orientation_is_applied_or_ignored() {
    for name in PICTURES {
        let upright = picture(&format!("{name}-baseline.jpg"), &ReadOptions::default());
        let noted = format!("{name}-exif6.jpg");
        let turned = picture(&noted, &ReadOptions::default());
        // The two were compressed apart from each other: Pillow finds up to 3.2 levels.
        assert!(distance(&turned, &upright) < 4.0, "{}", distance(&turned, &upright));
        let ignore = ReadOptions { orientation: Orientation::Ignore, ..ReadOptions::default() };
        let stored = picture(&noted, &ignore);
        assert_eq!(image::imageops::rotate90(&stored), turned);
    }
}

#[test]
fn transparency_is_on_white_or_dropped() {
    let (clear, half) = (Rgba([90, 20, 0, 0]), Rgba([0, 100, 200, 128]));
    let cutout = RgbaImage::from_fn(2, 1, |x, _| if x == 0 { clear } else { half });
    let on_white = ReadOptions::default();
    let dropped = ReadOptions { transparency: Transparency::Drop, ..ReadOptions::default() };
    for kind in [ImageFormat::Png, ImageFormat::WebP, ImageFormat::Tiff, ImageFormat::Qoi] {
        let bytes = encoded(cutout.clone(), kind);
        let check = |options, expected: [u8; 6]| {
            assert_eq!(decode(&bytes, "cutout", options).unwrap().into_raw(), expected, "{kind:?}");
        };
        check(&on_white, [255, 255, 255, 127, 177, 227]);
        check(&dropped, [90, 20, 0, 0, 100, 200]);
    }
    let options = ReadOptions::default();
    assert_ne!(picture("cat-alpha.png", &options), picture("cat-alpha.png", &dropped));
}

#[test]
fn gray_of_16_bits_is_scaled_or_clipped() {
    let levels = vec![0, 255, 256, 0x8000, 0xFFFF];
    let gray = image::ImageBuffer::<image::Luma<u16>, _>::from_raw(5, 1, levels).unwrap();
    let bytes = encoded(gray, ImageFormat::Png);
    let check = |gray16, expected: [u8; 5]| {
        let options = ReadOptions { gray16, ..ReadOptions::default() };
        let rgb = decode(&bytes, "gray", &options).unwrap();
        assert_eq!(rgb.into_raw(), expected.map(|level| [level; 3]).as_flattened());
    };
    check(Gray16::Scale, [0, 0, 1, 0x80, 0xFF]);
    check(Gray16::Clip, [0, 255, 255, 255, 255]);
}

#[test]
fn an_animation_shows_its_first_frame() {
    let color = |rgb: [u8; 3]| Rgba([rgb[0], rgb[1], rgb[2], 255]);
    let frame = |rgb| Frame::new(RgbaImage::from_pixel(6, 4, color(rgb)));
    let mut bytes = Vec::new();
    let mut encoder = GifEncoder::new(&mut bytes);
    encoder.encode_frames([frame([255, 0, 0]), frame([0, 0, 255])]).unwrap();
    drop(encoder);
    let rgb = decode(&bytes, "moving.gif", &ReadOptions::default()).unwrap();
    assert_eq!(rgb, RgbImage::from_pixel(6, 4, Rgb([255, 0, 0])));
}

fn noise(width: u32, height: u32) -> RgbImage {
    let mut state = 1_u32;
    RgbImage::from_fn(width, height, |_, _| {
        Rgb(std::array::from_fn(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 24) as u8
        }))
    })
}

/// A copy that broke off behind the last pixel is a picture; one that broke off before is an error,
/// whatever the decoder makes of the end.
#[test]
fn files_that_lack_only_their_end() {
    let check = |bytes: &[u8], end: usize, name: &str| {
        let options = ReadOptions::default();
        let whole = decode(bytes, name, &options).unwrap();
        for missing in 0..bytes.len() {
            match decode(&bytes[..bytes.len() - missing], name, &options) {
                Ok(picture) => assert_eq!(picture, whole, "{name} without {missing} bytes"),
                Err(error) => {
                    assert!(missing > end, "{name} without {missing} bytes: {error}");
                    let is_short = missing + 20 > bytes.len();
                    let is_cut_off = matches!(error, Error::CutOff { .. });
                    assert!(is_cut_off || is_short, "{name} without {missing} bytes: {error:?}");
                }
            }
        }
    };
    // Rows of 39 bytes, which BMP fills up to 40.
    let noise = noise(13, 7);
    // The last chunk, and the checksum of the one before.
    check(&encoded(noise.clone(), ImageFormat::Png), 12 + 4, "photo.png");
    check(&encoded(noise.clone(), ImageFormat::Bmp), 1, "photo.bmp");
    check(&encoded(noise, ImageFormat::Qoi), 8, "photo.qoi");
    check(&gif((6, 4), (0, 0)), 2, "photo.gif");
    // Two rows of three pixels, a run and single ones; their end and the end of all.
    let runs = [3, 1, 0, 0, 0, 3, 2, 1, 2, 0, 0, 0, 0, 1];
    check(&bitmap(40, (3, 2), 8, 1, &[[0; 4], [9; 4], [200; 4]], &runs), 4, "runs.bmp");
}

/// A BMP with a header of so many bytes.
fn bitmap(
    header: usize,
    (width, height): (u32, u32),
    bits: u32,
    compression: u32,
    palette: &[[u8; 4]],
    pixels: &[u8],
) -> Vec<u8> {
    let number = |number: usize| (number as u32).to_le_bytes();
    let start = 14 + header + 4 * palette.len();
    let colors = number(palette.len());
    let mut fields = [number(header), width.to_le_bytes(), height.to_le_bytes()].concat();
    fields.extend((bits << 16 | 1).to_le_bytes());
    fields.extend(
        [compression.to_le_bytes(), number(0), number(0), number(0), colors].as_flattened(),
    );
    fields.resize(header, 0);
    let file = [b"BM", &number(start + pixels.len())[..], &[0; 4], &number(start), &fields];
    [&file.concat(), palette.as_flattened(), pixels].concat()
}

/// The header of OS/2 2.x may end anywhere behind the number of bits.
#[test]
fn bitmaps_of_os2() {
    let options = ReadOptions::default();
    let color = bitmap(40, (2, 1), 24, 0, &[], &[1, 2, 3, 4, 5, 6, 0, 0]);
    let palette: [[u8; 4]; 16] = std::array::from_fn(|i| [i as u8, 99, 200, 0]);
    let indexed = bitmap(40, (3, 2), 4, 0, &palette, &[0x12, 0x30, 0, 0, 0x45, 0x60, 0, 0]);
    for header in [16, 20, 24, 36, 48, 64] {
        for (bits, windows) in [(24, &color), (4, &indexed)] {
            let (palette, size) =
                if bits == 4 { (&palette[..], (3, 2)) } else { (&[][..], (2, 1)) };
            let pixels = &windows[54 + 4 * palette.len()..];
            let os2 = bitmap(header, size, bits, 0, palette, pixels);
            assert_eq!(shown_size(&os2, "os2.bmp").unwrap(), size);
            let expected = decode(windows, "windows.bmp", &options).unwrap();
            assert_eq!(decode(&os2, "os2.bmp", &options).unwrap(), expected, "{header}, {bits}");
        }
    }
    for (compression, name) in [(3, "Huffman 1D"), (4, "RLE24")] {
        let file = bitmap(64, (2, 1), 24, compression, &[], &[0; 8]);
        let error = decode(&file, "os2.bmp", &options).unwrap_err();
        assert!(matches!(error, Error::UnsupportedKind { .. }), "{error:?}");
        assert!(error.to_string().contains(name), "{error}");
    }
}

/// A GIF of one frame, of red and a transparent green by turns, and a screen of that size.
fn gif(screen: (u16, u16), (left, top): (u16, u16)) -> Vec<u8> {
    let numbers: Vec<u8> = (0..6 * 4).map(|i| 1 + i % 2).collect();
    let mut frame = gif::Frame::from_indexed_pixels(6, 4, numbers, Some(2));
    (frame.left, frame.top) = (left, top);
    let mut bytes = Vec::new();
    let palette = [0, 0, 255, 255, 0, 0, 0, 255, 0];
    let mut encoder = gif::Encoder::new(&mut bytes, screen.0, screen.1, &palette).unwrap();
    encoder.write_frame(&frame).unwrap();
    drop(encoder);
    bytes
}

/// Where a screen does not hold the first frame, browsers and Pillow make it larger.
#[test]
fn the_screen_of_a_gif_holds_its_first_frame() {
    let check = |screen, place: (u16, u16), size: (u32, u32)| {
        let bytes = gif(screen, place);
        assert_eq!(shown_size(&bytes, "moving.gif").unwrap(), size);
        let read = |transparency| {
            let options = ReadOptions { transparency, ..ReadOptions::default() };
            decode(&bytes, "moving.gif", &options).unwrap()
        };
        let (on_white, dropped) = (read(Transparency::OnWhite), read(Transparency::Drop));
        let expected = |seen: [u8; 3], behind: [u8; 3]| {
            RgbImage::from_fn(size.0, size.1, |x, y| {
                let (x, y) = (x.wrapping_sub(place.0.into()), y.wrapping_sub(place.1.into()));
                Rgb(if x < 6 && y < 4 && (y * 6 + x) % 2 == 0 { seen } else { behind })
            })
        };
        assert_eq!(on_white, expected([255, 0, 0], [255; 3]), "{screen:?}, {place:?}");
        assert_eq!(dropped, expected([255, 0, 0], [0, 255, 0]), "{screen:?}, {place:?}");
    };
    check((6, 4), (0, 0), (6, 4));
    check((3, 2), (0, 0), (6, 4));
    check((0, 0), (0, 0), (6, 4));
    check((3, 9), (0, 0), (6, 9));
    check((10, 10), (2, 3), (10, 10));
    check((10, 10), (9, 3), (15, 10));
    check((5, 5), (20, 30), (26, 34));
}

/// A palette may be left out; Pillow shows numbers in gray then.
#[test]
fn a_gif_without_palette_is_gray() {
    let mut bytes = gif((6, 4), (0, 0));
    // Four colors, which the flags of the screen announce.
    bytes[10] &= 0x7f;
    bytes.drain(13..13 + 12);
    let rgb = decode(&bytes, "gray.gif", &ReadOptions::default()).unwrap();
    let expected =
        RgbImage::from_fn(6, 4, |x, y| Rgb(if (y * 6 + x) % 2 == 0 { [1; 3] } else { [255; 3] }));
    assert_eq!(rgb, expected);
}

#[test]
fn a_frame_far_out_of_its_screen_is_refused_from_its_header() {
    let bytes = gif((6, 4), (60_000, 60_000));
    assert_eq!(shown_size(&bytes, "moving.gif").unwrap(), (60_006, 60_004));
    let error = decode(&bytes, "moving.gif", &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, Error::TooLarge { width: 60_006, height: 60_004, .. }), "{error}");
}

/// Every way of storing a picture shows about the same picture; the limits lie a little above what
/// Pillow finds, which is 4.2 levels for JPEG, 3.7 for WebP, 2.6 and 4.2 for 256 colors.
#[test]
fn every_format_shows_the_picture() {
    for name in PICTURES {
        let bitmap = picture(&format!("{name}.bmp"), &ReadOptions::default());
        let check = |file: &str, most: f64| {
            let distance =
                distance(&picture(&format!("{name}{file}"), &ReadOptions::default()), &bitmap);
            assert!(distance <= most, "{name}{file}: {distance:.2} levels");
        };
        check(".tiff", 0.0);
        check("-lossless.webp", 0.0);
        check("-baseline.jpg", 5.0);
        check("-progressive.jpg", 5.0);
        check("-exif6.jpg", 5.0);
        check("-cmyk.jpg", 5.0);
        check("-lossy.webp", 5.0);
        check(".gif", 5.0);
        check("-palette.png", 5.0);
    }
}

#[test]
fn gray_pictures_have_three_equal_channels() {
    for name in PICTURES {
        for file in ["-gray.jpg", "-gray16.png"] {
            let rgb = picture(&format!("{name}{file}"), &ReadOptions::default());
            assert!(rgb.pixels().all(|Rgb([r, g, b])| r == g && g == b), "{name}{file}");
            let (low, high) = (rgb.iter().min().unwrap(), rgb.iter().max().unwrap());
            assert!(high - low > 150, "{name}{file}: from {low} to {high}");
        }
    }
}
