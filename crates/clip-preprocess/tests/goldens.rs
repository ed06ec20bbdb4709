//! Byte for byte what the references make of lossless pictures.
//!
//! `tests/scripts/pixels.py` writes the data with Pillow and transformers.

use std::path::{Path, PathBuf};

use clip_checkpoint::{Interpolation, PreprocessConfig, PreprocessMode, ResizeMode};
use clip_preprocess::{Preprocessor, ReadOptions, RgbImage, Transparency, read};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};

fn reference() -> ReadOptions {
    ReadOptions::reference(PreprocessMode::HfPil)
}

#[derive(Deserialize)]
struct Goldens<T> {
    cases: Vec<T>,
}

/// One lossless file as RGB.
#[derive(Deserialize)]
struct Decoded {
    picture: String,
    width: u32,
    height: u32,
    sha256: String,
}

/// One picture through one configuration.
#[derive(Deserialize)]
struct Crop {
    picture: String,
    resize_size: usize,
    crop_size: usize,
    interpolation: String,
    sha256: String,
    pixels_sha256: String,
    pixels: Vec<(usize, f32)>,
    stored: Option<String>,
}

/// The center of a lossy file, which decoders agree on only roughly. Measured over whole files
/// against libjpeg-turbo: at most 4 levels and 0.3 on average; lossy WebP is equal.
#[derive(Deserialize)]
struct Center {
    picture: String,
    left: u32,
    top: u32,
    side: u32,
}

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn goldens<T: DeserializeOwned>(name: &str) -> Vec<T> {
    let json = std::fs::read(data(name)).unwrap();
    let goldens: Goldens<T> = serde_json::from_slice(&json).unwrap();
    goldens.cases
}

fn picture(name: &str, options: &ReadOptions) -> RgbImage {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(name);
    read(&path, options).unwrap_or_else(|error| panic!("{error}"))
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn preprocessor(case: &Crop) -> Preprocessor {
    Preprocessor::new(&PreprocessConfig {
        mode: PreprocessMode::HfPil,
        resize: ResizeMode::Shortest,
        resize_size: case.resize_size,
        interpolation: match case.interpolation.as_str() {
            "bicubic" => Interpolation::Bicubic,
            "bilinear" => Interpolation::Bilinear,
            other => panic!("no filter {other}"),
        },
        crop_size: case.crop_size,
        mean: [0.48145466, 0.4578275, 0.40821073],
        std: [0.26862954, 0.2613026, 0.2757771],
    })
    .unwrap()
}

#[test]
fn lossless_files_decode_as_pillow_decodes_them() {
    let cases: Vec<Decoded> = goldens("rgb.json");
    assert!(cases.len() >= 49);
    for case in cases {
        let options = ReadOptions { transparency: Transparency::Drop, ..reference() };
        let rgb = picture(&case.picture, &options);
        assert_eq!(rgb.dimensions(), (case.width, case.height), "{}", case.picture);
        assert_eq!(sha256(&rgb), case.sha256, "{}", case.picture);
    }
}

#[test]
fn crops_equal_those_of_transformers() {
    let cases: Vec<Crop> = goldens("goldens.json");
    assert!(cases.len() >= 343);
    let options = reference();
    for pictures in cases.chunk_by(|a, b| a.picture == b.picture) {
        let rgb = picture(&pictures[0].picture, &options);
        pictures.iter().for_each(|case| check(case, &rgb));
    }
}

fn check(case: &Crop, rgb: &RgbImage) {
    let Crop { picture, resize_size, crop_size, interpolation, .. } = case;
    let what = format!("{picture}, {interpolation} to {resize_size}, crop {crop_size}");
    let preprocessor = preprocessor(case);
    let crop = preprocessor.resize_and_crop(rgb);
    if let Some(stored) = &case.stored {
        let expected = std::fs::read(data(stored)).unwrap();
        let different = crop.iter().zip(&expected).position(|(ours, theirs)| ours != theirs);
        assert_eq!((crop.len(), different), (expected.len(), None), "{what}");
    }
    assert_eq!(sha256(&crop), case.sha256, "{what}");

    let pixels = preprocessor.pixels(rgb);
    for &(position, value) in &case.pixels {
        assert_eq!(pixels[position], value, "{what}, value {position}");
    }
    let bytes: Vec<u8> = pixels.iter().flat_map(|value| value.to_le_bytes()).collect();
    assert_eq!(sha256(&bytes), case.pixels_sha256, "{what}");

    let mut batch = vec![7.0];
    preprocessor.pixels_into(rgb, &mut batch);
    assert!(batch[0] == 7.0 && batch[1..] == pixels, "{what}");
}

#[test]
fn lossy_files_decode_nearly_as_pillow_decodes_them() {
    let cases: Vec<Center> = goldens("lossy.json");
    let centers = std::fs::read(data("lossy.rgb")).unwrap();
    assert_eq!(cases.len(), 18);
    let size = centers.len() / cases.len();
    for (case, expected) in cases.iter().zip(centers.chunks(size)) {
        let Center { picture, left, top, side } = case;
        let mut rgb = crate::picture(picture, &reference());
        let center = image::imageops::crop(&mut rgb, *left, *top, *side, *side).to_image();
        let differences = center.iter().zip(expected).map(|(a, b)| u32::from(a.abs_diff(*b)));
        let mean = f64::from(differences.clone().sum::<u32>()) / size as f64;
        let max = differences.max().unwrap();
        assert!(mean < 0.5 && max <= 8, "{picture}: mean {mean:.3}, at most {max}");
    }
}
