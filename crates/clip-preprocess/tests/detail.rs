//! Large pictures that are read with less than every pixel.

use std::path::{Path, PathBuf};

use clip_checkpoint::{Interpolation, PreprocessConfig, PreprocessMode, ResizeMode};
use clip_preprocess::{
    Conversion, Detail, Error, Picture, Preprocessor, ReadOptions, RgbImage, decode, read,
};

fn here(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(path)
}

fn pictures(folder: &str) -> Vec<PathBuf> {
    let files = std::fs::read_dir(here(folder)).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        files.filter(|path| path.extension().is_some_and(|ending| ending != "md")).collect();
    files.sort();
    files
}

fn at_least(side: u32) -> ReadOptions {
    ReadOptions { detail: Detail::AtLeast(side), ..ReadOptions::default() }
}

fn preprocessor(side: usize) -> Preprocessor {
    Preprocessor::new(&PreprocessConfig {
        mode: PreprocessMode::HfPil,
        resize: ResizeMode::Shortest,
        resize_size: side,
        interpolation: Interpolation::Bicubic,
        crop_size: side,
        mean: [0.0; 3],
        std: [1.0; 3],
    })
    .unwrap()
}

/// The mean difference of two pictures in levels.
fn distance(a: &RgbImage, b: &RgbImage) -> f64 {
    assert_eq!(a.dimensions(), b.dimensions());
    let sum: u32 = a.iter().zip(b.iter()).map(|(a, b)| u32::from(a.abs_diff(*b))).sum();
    f64::from(sum) / a.len() as f64
}

/// Every format, kind and orientation: what a model of a small side sees is nearly the same.
#[test]
fn a_model_sees_nearly_the_same() {
    let preprocessor = preprocessor(32);
    let options = ReadOptions { detail: preprocessor.enough(), ..ReadOptions::default() };
    let seen = |path: &Path, options: &ReadOptions| {
        Picture::read(path, options).map(|picture| preprocessor.resize_and_crop_picture(&picture))
    };
    let mut read = 0;
    for path in pictures("../clip-testkit/formats").iter().chain(&pictures("../../samples")) {
        match (seen(path, &ReadOptions::default()), seen(path, &options)) {
            (Ok(whole), Ok(reduced)) => {
                let distance = distance(&whole, &reduced);
                assert!(distance < 1.0, "{}: {distance}", path.display());
                read += 1;
            }
            (Err(whole), Err(reduced)) => assert_eq!(whole.to_string(), reduced.to_string()),
            (whole, reduced) => panic!("{}: {whole:?}, {reduced:?}", path.display()),
        }
    }
    assert!(read >= 75, "{read}");
}

/// The kinds of JPEG, down to an eighth: smaller by what is allowed, and a mean of the whole.
#[test]
fn every_kind_of_jpeg() {
    for path in pictures("tests/data/jpeg") {
        let whole = read(&path, &ReadOptions::default());
        for side in [3, 5, 10, 20] {
            let name = format!("{}, {side}", path.display());
            let (whole, reduced) = match (&whole, read(&path, &at_least(side))) {
                (Ok(whole), Ok(reduced)) => (whole, reduced),
                (Err(whole), Err(reduced)) => {
                    assert_eq!(whole.to_string(), reduced.to_string());
                    continue;
                }
                (whole, reduced) => panic!("{name}: {whole:?}, {reduced:?}"),
            };
            assert!(reduced.width().min(reduced.height()) >= side.min(whole.height()), "{name}");
            let mean = |picture: &RgbImage| {
                picture.iter().map(|level| f64::from(*level)).sum::<f64>() / picture.len() as f64
            };
            let difference = (mean(whole) - mean(&reduced)).abs();
            assert!(difference < 4.0, "{name}: {difference}");
        }
    }
}

/// The limit is on the picture of the file, and what is cut off stays an error.
#[test]
fn errors_are_those_of_the_whole() {
    let path = here("../../samples/rocket.jpg");
    let bytes = std::fs::read(&path).unwrap();
    let small = ReadOptions { max_megapixels: 0, ..at_least(40) };
    let error = read(&path, &small).unwrap_err();
    assert!(matches!(error, Error::TooLarge { width: 640, height: 427, .. }), "{error}");
    for part in [200, bytes.len() / 2, bytes.len() - 20] {
        let message = |options| decode(&bytes[..part], "half", options).unwrap_err().to_string();
        assert_eq!(message(&at_least(40)), message(&ReadOptions::default()), "{part}");
    }
}

/// Each byte set to four values: the same comes of it as of the whole, or a picture all the same.
#[test]
fn damaged_bytes_do_no_harm() {
    for name in ["420", "420-restart", "422", "gray", "rgb"] {
        let file = std::fs::read(here(&format!("tests/data/jpeg/{name}.jpg"))).unwrap();
        for at in 2..file.len() {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut damaged = file.clone();
                damaged[at] = value;
                let whole = decode(&damaged, name, &ReadOptions::default());
                let reduced = decode(&damaged, name, &at_least(3));
                if let (Ok(_), Err(error)) = (whole, reduced) {
                    panic!("{name}, {value} at {at}: {error}");
                }
            }
        }
    }
}

/// Pictures without enough pixels, and those resized in their own kind, stay as they are.
#[test]
fn what_is_kept_whole() {
    let path = here("../../samples/rocket.jpg");
    let whole = read(&path, &ReadOptions::default()).unwrap();
    for side in [214, 427, 5000] {
        assert_eq!(read(&path, &at_least(side)).unwrap(), whole, "{side}");
    }
    let own = ReadOptions { conversion: Conversion::AfterResize, ..at_least(40) };
    assert_eq!(read(&path, &own).unwrap(), whole);
    assert_eq!(read(&path, &at_least(100)).unwrap().dimensions(), (160, 107));
    // A quarter by the decoder, and half of that.
    assert_eq!(read(&path, &at_least(50)).unwrap().dimensions(), (80, 54));
}
