//! HEIC, HEIF and AVIF: decoded with the feature `heif`, a sentence on what is missing without.
//!
//! The tests with the feature need libheif, and fail without it: `apt-get install libheif1`.
//! `tests/scripts/heif.py` writes the data.

use std::path::{Path, PathBuf};

use clip_preprocess::{ReadOptions, Result, RgbImage, decode};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(data("heif").join(name)).unwrap()
}

fn picture(name: &str) -> Result<RgbImage> {
    decode(&bytes(name), name, &ReadOptions::default())
}

#[cfg(not(feature = "heif"))]
mod without {
    use clip_preprocess::{Error, read, shown_size};

    use super::*;

    #[test]
    fn the_message_says_what_is_needed() {
        let check = |file: &str, format: &str| {
            let message = picture(file).unwrap_err().to_string();
            let expected = format!(
                "{file} is a file in {format} format, which this program was built without: build it with `--features heif` and install libheif (Debian and Ubuntu: `libheif1`, Fedora: `libheif`, macOS: `brew install libheif`), or convert the file to JPEG or PNG"
            );
            assert_eq!(message, expected);
        };
        check("lossless.heic", "HEIC");
        check("lossless.avif", "AVIF");
        check("grid.heic", "HEIF");
        check("turned-8.avif", "AVIF");
    }

    /// The first bytes are enough, whatever the name says.
    #[test]
    fn the_content_tells() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("photo.jpg");
        std::fs::write(&path, &bytes("lossy.heic")[..40]).unwrap();
        let error = read(&path, &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, Error::WithoutHeif { .. }), "{error}");
        let error = shown_size(&bytes("lossy.avif"), "photo").unwrap_err();
        assert!(matches!(error, Error::WithoutHeif { .. }), "{error}");
    }
}

#[cfg(feature = "heif")]
mod with {
    use clip_preprocess::{
        Conversion, Detail, Error, Orientation, Picture, Transparency, shown_size,
    };
    use image::DynamicImage;
    use image::metadata::Orientation as Turn;
    use serde::Deserialize;

    use super::*;

    /// How far from the pixels of libheif 1.15.1 another version may be, in levels: at most, and on
    /// average over a file. Measured: 0 with 1.15.1; 1 and 0.04 with 1.23.6, for HEIC.
    const NEAR: (u32, f64) = (2, 0.1);

    /// How far from what the encoder was given, on average: a picture this small with colors at half
    /// the resolution, and all others. Measured: 5.3 and 1.0.
    const LOSSY: f64 = 6.0;
    const FINE: f64 = 1.5;

    #[derive(Deserialize)]
    struct Golden {
        file: String,
        source: String,
        orientation: u8,
        width: u32,
        height: u32,
    }

    fn goldens() -> Vec<Golden> {
        serde_json::from_slice(&std::fs::read(data("heif.json")).unwrap()).unwrap()
    }

    /// At most and on average, in levels.
    #[track_caller]
    fn distance(a: &[u8], b: &[u8]) -> (u32, f64) {
        assert_eq!(a.len(), b.len());
        let differences = a.iter().zip(b).map(|(a, b)| u32::from(a.abs_diff(*b)));
        let mean = f64::from(differences.clone().sum::<u32>()) / a.len() as f64;
        (differences.max().unwrap(), mean)
    }

    #[test]
    fn pixels_are_those_of_libheif() {
        let pixels = std::fs::read(data("heif.rgb")).unwrap();
        let mut rest = pixels.as_slice();
        for Golden { file, width, height, .. } in goldens() {
            let (expected, after) = rest.split_at((3 * width * height) as usize);
            rest = after;
            let rgb = picture(&file).unwrap();
            assert_eq!(rgb.dimensions(), (width, height), "{file}");
            let (most, mean) = distance(&rgb, expected);
            assert!(most <= NEAR.0 && mean <= NEAR.1, "{file}: at most {most}, mean {mean:.3}");
        }
        assert!(rest.is_empty());
    }

    /// What libheif says is held to what its encoder was given.
    #[test]
    fn pictures_look_like_their_sources() {
        let goldens = goldens();
        assert!(goldens.len() >= 13);
        for Golden { file, source, orientation, .. } in goldens {
            let mut expected = image::open(data("heif").join(source)).unwrap();
            expected.apply_orientation(Turn::from_exif(orientation).unwrap());
            let rgb = picture(&file).unwrap();
            let (_, mean) = distance(&rgb, &expected.into_rgb8());
            let is_lossy = file.starts_with("lossy") || orientation > 1;
            assert!(mean < if is_lossy { LOSSY } else { FINE }, "{file}: {mean:.2}");
            // The bound has to tell a wrong picture from a right one.
            let mut blue_first = rgb.clone();
            blue_first.pixels_mut().for_each(|pixel| pixel.0.reverse());
            let mut mirrored = rgb.clone();
            image::imageops::flip_horizontal_in_place(&mut mirrored);
            for (wrong, name) in [(blue_first, "channels"), (mirrored, "sides")] {
                let gray = file == "gray.heic" && name == "channels";
                let (_, mean) = distance(&rgb, &wrong);
                assert!(gray || mean > 3.0 * LOSSY, "{file}, {name}: {mean:.2}");
            }
        }
    }

    /// The header of HEIC and AVIF turns them, not EXIF, and there is no picture without.
    #[test]
    fn turned_once_and_always() {
        let ignore = ReadOptions { orientation: Orientation::Ignore, ..ReadOptions::default() };
        for file in ["turned-6.heic", "turned-7.heic", "turned-8.avif"] {
            let rgb = picture(file).unwrap();
            assert_eq!(rgb.dimensions(), (64, 72), "{file}");
            assert_eq!(decode(&bytes(file), file, &ignore).unwrap(), rgb, "{file}");
        }
    }

    #[test]
    fn a_header_says_the_size_as_shown() {
        for Golden { file, width, height, .. } in goldens() {
            assert_eq!(shown_size(&bytes(&file), &file).unwrap(), (width, height), "{file}");
        }
    }

    #[test]
    fn transparency_is_on_white_or_dropped() {
        let drop = |conversion| ReadOptions {
            transparency: Transparency::Drop,
            conversion,
            ..ReadOptions::default()
        };
        let source = image::open(data("heif/source.png")).unwrap().into_rgb8();
        for file in ["alpha.heic", "alpha.avif"] {
            let dropped = decode(&bytes(file), file, &drop(Conversion::BeforeResize)).unwrap();
            assert!(distance(&dropped, &source).0 <= 1, "{file}");
            assert_ne!(picture(file).unwrap(), dropped);
            // It stays a channel where a reference weighs by it.
            let kept = Picture::decode(&bytes(file), file, &drop(Conversion::AfterResize)).unwrap();
            assert!(format!("{kept:?}").contains("Rgba"), "{file}");
        }
    }

    #[test]
    fn a_large_picture_is_refused_from_its_header() {
        let none = ReadOptions { max_megapixels: 0, ..ReadOptions::default() };
        let error = decode(&bytes("turned-6.heic"), "photo.heic", &none).unwrap_err().to_string();
        assert_eq!(
            error,
            "photo.heic has 64×72 pixels, more than the limit of 0 megapixels: make it smaller or raise `max_megapixels`"
        );
        // The header lies, and is taken at its word before anything is decoded.
        for (file, size) in [("grid.heic", (96, 32)), ("lossless.avif", (37, 25))] {
            let huge = resized(file, size, (30_000, 30_000));
            let error = decode(&huge, file, &ReadOptions::default()).unwrap_err();
            let refused = matches!(error, Error::TooLarge { width: 30_000, height: 30_000, .. });
            assert!(refused, "{error}");
        }
    }

    /// The file with another size in its box `ispe`.
    fn resized(file: &str, size: (u32, u32), other: (u32, u32)) -> Vec<u8> {
        let ispe = |(width, height): (u32, u32)| {
            [&b"ispe\0\0\0\0"[..], &width.to_be_bytes(), &height.to_be_bytes()].concat()
        };
        let (mut bytes, old) = (bytes(file), ispe(size));
        let at = bytes.windows(old.len()).position(|box_| box_ == old).unwrap();
        bytes.splice(at..at + old.len(), ispe(other));
        bytes
    }

    /// A header that says less than there is: libheif would give more pixels than there is room for.
    #[test]
    fn a_header_that_lies_is_damage() {
        for (width, height) in [(9, 7), (36, 25), (37, 24), (38, 25), (370, 250)] {
            let other = resized("lossy.avif", (37, 25), (width, height));
            let error = decode(&other, "lossy.avif", &ReadOptions::default()).unwrap_err();
            assert!(matches!(error, Error::Damaged { .. }), "{error}");
        }
    }

    /// A grid of itself, which libheif 1.15 never comes to the end of.
    #[test]
    fn a_picture_of_itself_is_damage() {
        let mut bytes = bytes("grid.heic");
        let at = bytes.windows(4).position(|name| name == b"dimg").unwrap() + 4;
        let grid = bytes[at + 1];
        bytes[at + 5] = grid;
        let error = decode(&bytes, "photo", &ReadOptions::default()).unwrap_err().to_string();
        assert_eq!(
            error,
            "photo is damaged (Format error decoding `HEIF`: its pictures are made of each other): copy or download it again"
        );
    }

    /// With tiles of such a size libheif 1.15 writes over its memory.
    #[test]
    fn a_crop_of_two_billion_pixels_is_damage() {
        let mut bytes = bytes("grid.heic");
        let at = bytes.windows(4).position(|name| name == b"clap").unwrap() + 4;
        bytes[at] = 0x7F;
        let error = decode(&bytes, "photo", &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, Error::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("cropped"), "{error}");
    }

    /// Half of a file is never a picture, and never taken for one.
    #[test]
    fn half_a_file_is_an_error() {
        for Golden { file, .. } in goldens() {
            let bytes = bytes(&file);
            for length in (24..bytes.len()).step_by(7).chain([bytes.len() - 1]) {
                let error = decode(&bytes[..length], "half", &ReadOptions::default()).unwrap_err();
                assert!(
                    matches!(error, Error::CutOff { .. } | Error::Damaged { .. }),
                    "{length} bytes of {file}: {error:?}"
                );
            }
            let error = decode(&bytes[..bytes.len() - 1], "photo", &ReadOptions::default());
            assert_eq!(
                error.unwrap_err().to_string(),
                "photo is cut off before the end of the picture: copy or download it again"
            );
        }
    }

    /// Each byte set to four values: there comes a picture or an error about the file.
    #[test]
    fn damaged_bytes_do_no_harm() {
        let (mut pictures, mut errors) = (0, 0);
        for file in ["lossy.heic", "lossy.avif"] {
            let whole = bytes(file);
            for at in 8..whole.len() {
                for value in [0, 1, 0x7F, 0xFF] {
                    let mut damaged = whole.clone();
                    damaged[at] = value;
                    match decode(&damaged, file, &ReadOptions::default()) {
                        Ok(_) => pictures += 1,
                        Err(
                            Error::Damaged { .. }
                            | Error::CutOff { .. }
                            | Error::NotAPicture { .. }
                            | Error::TooLarge { .. }
                            | Error::NoPixels { .. }
                            | Error::UnsupportedKind { .. }
                            | Error::UnsupportedFormat { .. },
                        ) => errors += 1,
                        Err(error) => panic!("{file}, {value} at {at}: {error}"),
                    }
                }
            }
        }
        assert!(pictures > 1_000 && errors > 1_000, "{pictures} pictures, {errors} errors");
    }

    #[test]
    fn threads_do_not_meet() {
        let files: Vec<_> = goldens().into_iter().map(|golden| golden.file).collect();
        let expected: Vec<_> = files.iter().map(|file| picture(file).unwrap()).collect();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        for (file, expected) in files.iter().zip(&expected) {
                            assert!(picture(file).unwrap() == *expected, "{file}");
                        }
                    }
                });
            }
        });
    }

    /// Fewer pixels are made of it after the decoder, as of any format but JPEG.
    #[test]
    fn a_part_of_the_detail() {
        let options = ReadOptions { detail: Detail::AtLeast(16), ..ReadOptions::default() };
        let reduced = decode(&bytes("grid.heic"), "grid", &options).unwrap();
        assert_eq!(reduced.dimensions(), (48, 16));
        let whole = DynamicImage::from(picture("grid.heic").unwrap());
        let half = whole.resize_exact(48, 16, image::imageops::FilterType::Triangle).into_rgb8();
        assert!(distance(&reduced, &half).1 < 8.0);
    }
}
