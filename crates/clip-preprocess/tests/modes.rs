//! Byte for byte what the references of each mode make of lossless pictures of every kind.
//!
//! `tests/scripts/modes.py` writes the data with OpenAI's, OpenCLIP's and transformers' packages.

use std::collections::BTreeMap;
use std::path::Path;

use clip_checkpoint::{Interpolation, PreprocessConfig, PreprocessMode, ResizeMode};
use clip_preprocess::{Conversion, Picture, Preprocessor, ReadOptions, RgbImage, read};
use image::Rgb;
use serde::Deserialize;
use sha2::{Digest, Sha256};

#[derive(Deserialize)]
struct Goldens {
    configs: Vec<Config>,
    levels: Vec<BTreeMap<String, String>>,
    files: Vec<File>,
    noise: Vec<Noise>,
}

#[derive(Deserialize)]
struct Config {
    mode: PreprocessMode,
    resize: ResizeMode,
    resize_size: usize,
    interpolation: Interpolation,
    crop_size: usize,
}

/// A committed file, and the beginning of the hash of its crop by each configuration.
#[derive(Deserialize)]
struct File {
    picture: String,
    crops: Vec<Option<String>>,
}

/// A picture made by [`noise`].
#[derive(Deserialize)]
struct Noise {
    size: [u32; 2],
    crops: Vec<Option<String>>,
}

fn goldens() -> Goldens {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/modes.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn card(config: &Config) -> PreprocessConfig {
    PreprocessConfig {
        mode: config.mode,
        resize: config.resize,
        resize_size: config.resize_size,
        interpolation: config.interpolation,
        crop_size: config.crop_size,
        mean: PreprocessConfig::OPENAI_MEAN,
        std: PreprocessConfig::OPENAI_STD,
    }
}

/// Half of the samples are black, so that the cubic overshoots; `noise` in the script is the same.
fn noise([width, height]: [u32; 2]) -> RgbImage {
    let mut state = 0x2545_F491_u32;
    RgbImage::from_fn(width, height, |_, _| {
        Rgb(std::array::from_fn(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            if state >> 31 == 0 { (state >> 23) as u8 } else { 0 }
        }))
    })
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Which crops differ, in words; a reference that fails has none.
fn different(
    what: &str,
    config: &Config,
    expected: Option<&String>,
    picture: &Picture,
) -> Option<String> {
    let Config { mode, resize, resize_size, interpolation, crop_size } = config;
    let crop = Preprocessor::new(&card(config)).unwrap().resize_and_crop_picture(picture);
    expected.filter(|expected| !sha256(&crop).starts_with(expected.as_str())).map(|_| {
        format!("{what}: {mode:?}, {resize:?} to {resize_size}, {interpolation:?}, {crop_size}")
    })
}

#[track_caller]
fn assert_none(different: &[String]) {
    assert!(different.is_empty(), "{} differ:\n{}", different.len(), different.join("\n"));
}

#[test]
fn files_of_every_kind() {
    let Goldens { configs, files, .. } = goldens();
    assert!(files.len() >= 70 && configs.len() >= 13);
    let mut wrong = Vec::new();
    for File { picture, crops } in &files {
        assert_eq!(crops.len(), configs.len());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(picture);
        for (config, expected) in configs.iter().zip(crops) {
            let options = ReadOptions::reference(config.mode);
            let decoded = Picture::read(&path, &options).unwrap();
            wrong.extend(different(picture, config, expected.as_ref(), &decoded));
        }
    }
    assert_none(&wrong);
}

/// Unless the options ask for the other order, a picture is RGB from the start.
#[test]
fn the_order_is_up_to_the_options() {
    let Goldens { configs, files, .. } = goldens();
    let preprocessor = Preprocessor::new(&card(&configs[1])).unwrap();
    let mut moved = 0;
    for File { picture, .. } in &files {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(picture);
        let crop = |options: &ReadOptions| {
            preprocessor.resize_and_crop_picture(&Picture::read(&path, options).unwrap())
        };
        let last = ReadOptions::reference(PreprocessMode::Openai);
        let first = ReadOptions { conversion: Conversion::BeforeResize, ..last.clone() };
        for options in [&first, &ReadOptions::default()] {
            let rgb = read(&path, options).unwrap();
            assert_eq!(crop(options), preprocessor.resize_and_crop(&rgb), "{picture}");
        }
        moved += usize::from(crop(&first) != crop(&last));
    }
    // Palettes, bits, alpha and 16-bit gray.
    assert!(moved >= 30, "{moved}");
}

#[test]
fn pictures_of_many_sizes() {
    let Goldens { configs, noise: made, .. } = goldens();
    assert!(made.len() >= 93);
    let mut wrong = Vec::new();
    for Noise { size, crops } in &made {
        let rgb = noise(*size);
        let picture = Picture::from(rgb.clone());
        assert_eq!(crops.len(), configs.len());
        for (config, expected) in configs.iter().zip(crops) {
            let what = format!("{}×{}", size[0], size[1]);
            wrong.extend(different(&what, config, expected.as_ref(), &picture));
            let preprocessor = Preprocessor::new(&card(config)).unwrap();
            let crop = preprocessor.resize_and_crop_picture(&picture);
            assert_eq!(preprocessor.resize_and_crop(&rgb), crop, "{what}");
        }
    }
    assert_none(&wrong);
}

#[test]
fn values_of_every_level() {
    let Goldens { configs, levels, .. } = goldens();
    let every = RgbImage::from_fn(16, 16, |x, y| Rgb([(16 * y + x) as u8; 3]));
    let mut checked = 0;
    for (mode, expected) in levels.iter().flatten() {
        let config = configs.iter().find(|config| {
            serde_json::to_value(config.mode).unwrap().as_str() == Some(mode.as_str())
        });
        let values = Preprocessor::new(&card(config.unwrap())).unwrap().normalize(&every);
        let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(sha256(&bytes), *expected, "{mode}");
        checked += 1;
    }
    assert_eq!(checked, 2);
}
