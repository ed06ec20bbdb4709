//! Vectors of large pictures of which only enough pixels are read.
#![cfg(all(feature = "embedded-model", any(feature = "flex", feature = "ndarray")))]

use clip::{DeviceName, Embedder, Embedding, Picture, ReadOptions};
use clip_testkit::sample_pictures;
use image::imageops::FilterType;
use image::{ImageFormat, RgbImage};

/// The shorter side of the pictures: twice what is enough for the model.
const SIDE: u32 = 960;

/// As PNG, and as JPEG, which a decoder can make smaller on the way.
#[test]
fn vectors_of_fewer_pixels_are_near() {
    let clip = Embedder::embedded(&DeviceName::Auto.open().unwrap()).unwrap();
    let mut files: Vec<Vec<u8>> = Vec::new();
    for path in sample_pictures() {
        let picture = clip::read_picture(&path, &ReadOptions::default()).unwrap();
        let picture = enlarged(&picture);
        files.extend([ImageFormat::Png, ImageFormat::Jpeg].map(|format| {
            let mut file = std::io::Cursor::new(Vec::new());
            picture.write_to(&mut file, format).unwrap();
            file.into_inner()
        }));
    }
    let vectors = |options: &ReadOptions| -> Vec<Embedding> {
        let read = |bytes: &Vec<u8>| Picture::decode(bytes, "a sample", options);
        clip.pictures_from(&files, read).unwrap().into_iter().map(Result::unwrap).collect()
    };
    let whole = vectors(&ReadOptions::default());
    let detail = clip.enough_detail();
    let enough = vectors(&ReadOptions { detail, ..ReadOptions::default() });
    let cosines: Vec<f32> = whole.iter().zip(&enough).map(|(a, b)| a.similarity(b)).collect();
    let lowest = cosines.iter().copied().fold(1.0, f32::min);
    let mean = cosines.iter().sum::<f32>() / cosines.len() as f32;
    assert!(lowest >= 0.995 && mean >= 0.9995, "lowest {lowest}, mean {mean}");
    let differ = whole.iter().zip(&enough).filter(|(a, b)| a != b).count();
    assert!(differ >= 70, "of {} only {differ} were read with less", files.len());
}

fn enlarged(picture: &RgbImage) -> RgbImage {
    let (width, height) = picture.dimensions();
    let scaled = |length: u32| (length * SIDE).div_ceil(width.min(height));
    image::imageops::resize(picture, scaled(width), scaled(height), FilterType::CatmullRom)
}
