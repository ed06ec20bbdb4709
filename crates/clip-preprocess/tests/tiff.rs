//! TIFF files of every kind, against Pillow's pixels or the picture that they were made from.
//!
//! `tests/scripts/tiff.py` writes the data.

use std::path::{Path, PathBuf};

use clip_checkpoint::{Interpolation, PreprocessConfig, PreprocessMode, ResizeMode};
use clip_preprocess::{
    Error, Gray16, Picture, Preprocessor, ReadOptions, RgbImage, Transparency, decode, read,
    shown_size,
};
use serde::Deserialize;

/// Decoders of JPEG agree on neighboring levels only; with libjpeg-turbo they are Pillow's.
const EXACT: bool = cfg!(feature = "turbojpeg");

/// In levels; measured: 3.
const NEAR: u8 = 4;

/// The most that floats of Lab differ from the integers of Little CMS, which Pillow converts with.
const LAB: u8 = 2;

#[derive(Deserialize)]
struct Goldens {
    /// Files whose pixels are Pillow's, without alpha and on white.
    lossless: Vec<File>,
    /// The same for JPEG.
    lossy: Vec<File>,
    /// Files of which the picture is known.
    #[serde(rename = "true")]
    known: Vec<File>,
}

#[derive(Deserialize)]
struct File {
    picture: String,
    width: u32,
    height: u32,
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn file(name: &str) -> Vec<u8> {
    std::fs::read(data(&format!("tiff/{name}.tif"))).unwrap()
}

fn dropped() -> ReadOptions {
    ReadOptions { transparency: Transparency::Drop, ..ReadOptions::default() }
}

/// How a file differs from the next pixels of `rest`, in words.
fn difference(file: &File, options: &ReadOptions, rest: &mut &[u8], most: u8) -> Option<String> {
    let (expected, after) = rest.split_at((3 * file.width * file.height) as usize);
    *rest = after;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(&file.picture);
    let size = (file.width, file.height);
    let rgb = match read(&path, options) {
        Ok(rgb) => rgb,
        Err(error) => return Some(error.to_string()),
    };
    let shown = shown_size(&std::fs::read(&path).unwrap(), &file.picture).unwrap();
    if rgb.dimensions() != size || shown != size {
        return Some(format!("{}: {:?}, shown as {shown:?}", file.picture, rgb.dimensions()));
    }
    let differences = rgb.iter().zip(expected).map(|(a, b)| a.abs_diff(*b));
    let (largest, wrong) = (differences.clone().max()?, differences.filter(|d| *d > most).count());
    (wrong > 0).then(|| format!("{}: {wrong} samples, by up to {largest}", file.picture))
}

#[test]
fn files_of_every_kind() {
    let json = std::fs::read(data("tiff.json")).unwrap();
    let Goldens { lossless, lossy, known } = serde_json::from_slice(&json).unwrap();
    assert!(lossless.len() >= 97 && lossy.len() >= 8 && known.len() >= 20);
    let pixels = std::fs::read(data("tiff.rgb")).unwrap();
    let mut rest = pixels.as_slice();
    let mut wrong = Vec::new();
    let both = [dropped(), ReadOptions::default()];
    for file in lossless {
        let most = if file.picture.ends_with("lab-8.tif") { LAB } else { 0 };
        both.iter().for_each(|options| wrong.extend(difference(&file, options, &mut rest, most)));
    }
    for file in lossy {
        // What has fewer samples of color libtiff fills up in its own way in old JPEG.
        let most = if EXACT && !file.picture.ends_with("jpeg-old.tif") { 0 } else { NEAR };
        both.iter().for_each(|options| wrong.extend(difference(&file, options, &mut rest, most)));
    }
    for file in known {
        wrong.extend(difference(&file, &dropped(), &mut rest, 0));
    }
    assert!(rest.is_empty());
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// Under the rules of the references gray of more than 8 bits is Pillow's, which clips it.
#[test]
fn gray_is_scaled_or_clipped() {
    let reference = ReadOptions { gray16: Gray16::Clip, ..ReadOptions::default() };
    let first =
        |name: &str, options: &ReadOptions| decode(&file(name), name, options).unwrap().as_raw()[0];
    let gray = first("gray-8", &reference);
    for name in ["gray-12", "gray-16", "gray-32", "gray-float", "gray-float-levels"] {
        assert_eq!(first(name, &ReadOptions::default()), gray, "{name}");
    }
    for (name, clipped) in [
        ("gray-12", 255),
        ("gray-16", 255),
        ("gray-32-small", gray),
        ("gray-32-signed-small", gray),
        ("gray-float", 0),
        ("gray-float-levels", gray),
    ] {
        assert_eq!(first(name, &reference), clipped, "{name}");
    }
}

/// Pillow takes the nearest number of a palette, whatever the format of the file.
#[test]
fn palettes_are_resized_as_those_of_png() {
    let config = PreprocessConfig {
        mode: PreprocessMode::Openai,
        resize: ResizeMode::Shortest,
        resize_size: 8,
        interpolation: Interpolation::Bicubic,
        crop_size: 8,
        mean: [0.5; 3],
        std: [0.5; 3],
    };
    let preprocessor = Preprocessor::new(&config).unwrap();
    let options = ReadOptions::reference(config.mode);
    for (name, is_interpolated) in
        [("palette-1", false), ("palette-8", false), ("bilevel", false), ("rgb-8-little", true)]
    {
        let bytes = file(name);
        let whole = decode(&bytes, name, &options).unwrap();
        let picture = Picture::decode(&bytes, name, &options).unwrap();
        let crop: RgbImage = preprocessor.resize_and_crop_picture(&picture);
        let is_new = crop.pixels().any(|color| whole.pixels().all(|other| other != color));
        assert_eq!(is_new, is_interpolated, "{name}");
    }
}

#[test]
fn kinds_that_are_not_read_are_named() {
    // The value of the field Compression in a file of one strip.
    let compressed = |kind: u16| {
        let mut bytes = file("rgb-8-zip");
        let entry = [0x03, 0x01, 3, 0, 1, 0, 0, 0];
        let at = bytes.windows(8).position(|window| window == entry).unwrap() + 8;
        bytes[at..at + 2].copy_from_slice(&kind.to_le_bytes());
        bytes
    };
    for (kind, name) in [(34887, "LERC"), (33003, "JPEG 2000"), (34661, "JBIG"), (77, "kind 77")] {
        let error = decode(&compressed(kind), "scan.tif", &ReadOptions::default()).unwrap_err();
        assert!(matches!(error, Error::UnsupportedKind { .. }), "{error:?}");
        let message = error.to_string();
        assert!(message.contains(name) && message.contains("convert it"), "{message}");
    }
}

/// A huge picture is refused by its size, whatever else is wrong with it.
#[test]
fn a_huge_picture_is_refused_from_its_header() {
    for name in ["rgb-8-little", "rgb-8-bigtiff", "gray-4", "group4", "jpeg-ycbcr", "tiles"] {
        let mut bytes = file(name);
        let field = [0x00, 0x01, 3, 0, 1, 0, 0, 0];
        let at = bytes.windows(8).position(|window| window == field).unwrap();
        // The entry of the width, and the one of the height behind it.
        let (value, entry) = if name.contains("big") { (12, 20) } else { (8, 12) };
        for at in [at + value, at + value + entry] {
            bytes[at..at + 2].copy_from_slice(&60_000_u16.to_le_bytes());
        }
        let error = decode(&bytes, "scan.tif", &ReadOptions::default()).unwrap_err();
        let is_refused = matches!(error, Error::TooLarge { width: 60_000, height: 60_000, .. });
        assert!(is_refused, "{name}: {error}");
    }
}

#[test]
fn rows_that_are_missing_are_an_error() {
    let folder = std::fs::read_dir(data("tiff")).unwrap();
    for path in folder.map(|entry| entry.unwrap().path()) {
        let bytes = std::fs::read(&path).unwrap();
        for length in [bytes.len() / 3, bytes.len() / 2] {
            let error = decode(&bytes[..length], "scan.tif", &ReadOptions::default());
            let error = error.expect_err(&format!("{length} bytes of {}", path.display()));
            let is_cut_off = matches!(error, Error::CutOff { .. } | Error::Damaged { .. });
            assert!(is_cut_off, "{length} bytes of {}: {error}", path.display());
        }
    }
}

/// Each byte set to four values: there comes a picture or an error about the file.
#[test]
fn damaged_bytes_do_no_harm() {
    let (mut pictures, mut errors) = (0, 0);
    let options = ReadOptions { max_megapixels: 1, ..ReadOptions::default() };
    let folder = std::fs::read_dir(data("tiff")).unwrap();
    for path in folder.map(|entry| entry.unwrap().path()) {
        let bytes = std::fs::read(&path).unwrap();
        for at in 0..bytes.len() {
            for value in [0, 1, 0x7F, 0xFF] {
                let mut damaged = bytes.clone();
                damaged[at] = value;
                match decode(&damaged, "scan.tif", &options) {
                    Ok(_) => pictures += 1,
                    Err(
                        Error::Damaged { .. }
                        | Error::CutOff { .. }
                        | Error::NotAPicture { .. }
                        | Error::TooLarge { .. }
                        | Error::NoPixels { .. }
                        | Error::UnsupportedKind { .. },
                    ) => errors += 1,
                    Err(error) => panic!("{}, {value} at {at}: {error}", path.display()),
                }
            }
        }
    }
    assert!(pictures > 10_000 && errors > 10_000, "{pictures} pictures, {errors} errors");
}
