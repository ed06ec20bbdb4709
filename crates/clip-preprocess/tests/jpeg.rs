//! JPEG as Pillow decodes it: exactly with the feature `turbojpeg`, nearly without.
//!
//! `tests/scripts/jpeg.py` writes the data.

use std::path::{Path, PathBuf};

use clip_checkpoint::PreprocessMode;
use clip_preprocess::{Detail, Error, ReadOptions, Result, RgbImage, decode, read};
use serde::Deserialize;
use sha2::{Digest, Sha256};

const EXACT: bool = cfg!(feature = "turbojpeg");

/// How far from Pillow's pixels the decoder in Rust may be, in levels: at most, and on average over
/// a file. Measured: 3 and 0.134. Over larger files `goldens.rs` has another bound.
const NEAR: (u32, f64) = (3, 0.15);

/// What the decoders in Rust do not read: arithmetic coding.
const NOT_READ: &str = "arithmetic.jpg";

#[derive(Deserialize)]
struct Goldens {
    /// Files whose pixels are stored.
    small: Vec<Picture>,
    /// Larger ones.
    whole: Vec<Picture>,
}

#[derive(Deserialize)]
struct Picture {
    picture: String,
    width: u32,
    height: u32,
    #[serde(default)]
    sha256: String,
}

impl Picture {
    fn bytes(&self) -> Vec<u8> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        std::fs::read(root.join(&self.picture)).unwrap()
    }

    /// Pillow leaves pictures on their side.
    fn decode(&self) -> Result<RgbImage> {
        decode(&self.bytes(), &self.picture, &ReadOptions::reference(PreprocessMode::HfPil))
    }
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn goldens() -> Goldens {
    serde_json::from_slice(&std::fs::read(data("jpeg.json")).unwrap()).unwrap()
}

#[track_caller]
fn check(case: &Picture, expected: &[u8]) {
    let Picture { picture, width, height, .. } = case;
    let rgb = case.decode().unwrap();
    assert_eq!(rgb.dimensions(), (*width, *height), "{picture}");
    let differences = rgb.iter().zip(expected).map(|(a, b)| u32::from(a.abs_diff(*b)));
    let mean = f64::from(differences.clone().sum::<u32>()) / expected.len() as f64;
    let most = differences.max().unwrap();
    let (allowed, on_average) = if EXACT { (0, 0.0) } else { NEAR };
    assert!(most <= allowed && mean <= on_average, "{picture}: mean {mean:.3}, at most {most}");
}

#[test]
fn files_of_every_kind() {
    let pixels = std::fs::read(data("jpeg.rgb")).unwrap();
    let mut rest = pixels.as_slice();
    let cases = goldens().small;
    assert!(cases.len() >= 25);
    for case in &cases {
        let (expected, after) = rest.split_at((3 * case.width * case.height) as usize);
        rest = after;
        if !EXACT && case.picture.ends_with(NOT_READ) {
            let error = case.decode().unwrap_err();
            assert!(matches!(error, Error::UnsupportedKind { .. }), "{error}");
        } else {
            check(case, expected);
        }
    }
    assert!(rest.is_empty());
}

#[test]
fn whole_files() {
    let cases = goldens().whole;
    assert!(cases.len() >= 16);
    for case in cases {
        let rgb = case.decode().unwrap();
        assert_eq!(rgb.dimensions(), (case.width, case.height), "{}", case.picture);
        let sha256: String =
            Sha256::digest(&*rgb).iter().map(|byte| format!("{byte:02x}")).collect();
        assert!(!EXACT || sha256 == case.sha256, "{}", case.picture);
    }
}

/// A file of 420 with bytes put in place of those at a position.
fn patched(at: usize, bytes: &[u8]) -> Vec<u8> {
    let mut file = std::fs::read(data("jpeg/420.jpg")).unwrap();
    file.splice(at..at + bytes.len(), bytes.iter().copied());
    file
}

fn position(marker: u8) -> usize {
    let file = std::fs::read(data("jpeg/420.jpg")).unwrap();
    file.windows(2).position(|pair| pair == [0xFF, marker]).unwrap()
}

#[test]
fn a_header_that_says_other_things() {
    let frame = position(0xC0);
    let error = |at: usize, bytes: &[u8]| {
        decode(&patched(at, bytes), "photo.jpg", &ReadOptions::default()).unwrap_err()
    };
    // Lossless, which is another format under the same name.
    let lossless = error(frame + 1, &[0xC3]);
    assert!(matches!(lossless, Error::UnsupportedKind { .. }), "{lossless}");
    let huge = error(frame + 5, &[0xEA, 0x60, 0xEA, 0x60]);
    assert!(matches!(huge, Error::TooLarge { width: 60_000, height: 60_000, .. }), "{huge}");
    let flat = error(frame + 5, &[0, 0]);
    assert!(matches!(flat, Error::Damaged { .. } | Error::NoPixels { .. }), "{flat}");
    let components = error(frame + 9, &[2]);
    assert!(matches!(components, Error::Damaged { .. }), "{components}");
    let tables = error(position(0xC4) + 4, &[0x77]);
    assert!(matches!(tables, Error::Damaged { .. }), "{tables}");
}

fn decoded(bytes: &[u8]) -> Result<RgbImage> {
    decode(bytes, "photo.jpg", &ReadOptions::default())
}

/// What some cameras and broken transfers leave out is two bytes, and nothing of the picture.
#[test]
fn a_picture_of_all_its_rows_needs_no_end() {
    for name in [
        "420",
        "420-restart",
        "444",
        "gray",
        "420-progressive",
        "gray-progressive",
        "thirds",
        "uneven",
    ] {
        let file = std::fs::read(data(&format!("jpeg/{name}.jpg"))).unwrap();
        let whole = decoded(&file).unwrap();
        let without = &file[..file.len() - 2];
        for more in [&[][..], &[0xFF], &[0; 600]] {
            let bytes = [without, more].concat();
            assert_eq!(decoded(&bytes).unwrap(), whole, "{name} and {} bytes", more.len());
        }
        for missing in [16, 100, file.len() / 3, file.len() / 2] {
            let error = decoded(&without[..without.len() - missing]).unwrap_err();
            assert!(matches!(error, Error::CutOff { .. }), "{name} without {missing}: {error}");
        }
    }
}

/// A scan that is missing makes a picture coarser, and none that is whole.
#[test]
fn a_picture_needs_all_its_scans() {
    let file = std::fs::read(data("jpeg/420-progressive.jpg")).unwrap();
    let is_scan = |at: &usize| file[*at..].starts_with(&[0xFF, 0xDA]);
    let scans: Vec<usize> = (0..file.len()).filter(is_scan).collect();
    assert!(scans.len() > 5);
    for at in scans {
        let error = decoded(&file[..at]).unwrap_err();
        assert!(matches!(error, Error::CutOff { .. }), "{at}: {error}");
    }
}

/// Frames of Motion JPEG have the tables of the specification in mind.
#[test]
fn codes_that_are_not_there_are_those_of_the_specification() {
    for name in ["420", "422", "gray"] {
        let mut file = std::fs::read(data(&format!("jpeg/{name}.jpg"))).unwrap();
        let whole = decoded(&file).unwrap();
        let mut tables = 0;
        while let Some(at) = file.windows(2).position(|pair| pair == [0xFF, 0xC4]) {
            let length = usize::from(u16::from_be_bytes([file[at + 2], file[at + 3]]));
            file.drain(at..at + 2 + length);
            tables += 1;
            // With some of the tables, too.
            assert_eq!(decoded(&file).unwrap(), whole, "{name} without {tables}");
        }
        assert!(tables > 1);
        let detail = Detail::AtLeast(8);
        let reduced = decode(&file, name, &ReadOptions { detail, ..ReadOptions::default() });
        assert!(reduced.unwrap().width() < whole.width());
    }
}

/// Each scan costs a decoder the whole picture, and a hostile file has as many as it likes.
#[test]
fn a_hundred_scans_are_enough() {
    let path = data("jpeg/420-progressive.jpg");
    let file = std::fs::read(&path).unwrap();
    assert!(read(&path, &ReadOptions::default()).is_ok());
    // The last scan again and again: its marker is the last of the kind.
    let last = file.windows(2).rposition(|pair| pair == [0xFF, 0xDA]).unwrap();
    let (head, tail) = file.split_at(last);
    let (scan, end) = tail.split_at(tail.len() - 2);
    let many = [head, &scan.repeat(120), end].concat();
    let error = decode(&many, "photo.jpg", &ReadOptions::default()).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("scans"), "{error}");
}

/// Each byte set to four values: there comes a picture or an error about the file.
#[test]
fn damaged_bytes_do_no_harm() {
    let (mut pictures, mut errors) = (0, 0);
    for name in ["420", "422-progressive-restart", "gray", "ycck", "thirds", "finer-1x1"] {
        let path = data(&format!("jpeg/{name}.jpg"));
        let file = std::fs::read(path).unwrap();
        for at in 2..file.len() {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut damaged = file.clone();
                damaged[at] = value;
                match decode(&damaged, name, &ReadOptions::default()) {
                    Ok(_) => pictures += 1,
                    Err(
                        Error::Damaged { .. }
                        | Error::CutOff { .. }
                        | Error::NotAPicture { .. }
                        | Error::TooLarge { .. }
                        | Error::NoPixels { .. }
                        | Error::UnsupportedKind { .. },
                    ) => errors += 1,
                    Err(error) => panic!("{name}, {value} at {at}: {error}"),
                }
            }
        }
    }
    assert!(pictures > 1_000 && errors > 1_000, "{pictures} pictures, {errors} errors");
}
