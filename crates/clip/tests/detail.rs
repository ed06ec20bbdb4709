//! Vectors of large pictures of which only enough pixels are read.
#![cfg(all(feature = "embedded-model", any(feature = "flex", feature = "ndarray")))]

use clip::{DeviceName, Embedder, Embedding, Picture, ReadOptions};
use clip_testkit::sample_pictures;
use image::ImageFormat;

/// As they are and as JPEG, which a decoder can make smaller on the way.
#[test]
fn vectors_stay_within_a_cosine_of_0_999() {
    let clip = Embedder::embedded(&DeviceName::Auto.open().unwrap()).unwrap();
    let mut files: Vec<Vec<u8>> = Vec::new();
    for path in sample_pictures() {
        let picture = clip::read_picture(&path, &ReadOptions::default()).unwrap();
        let mut jpeg = std::io::Cursor::new(Vec::new());
        picture.write_to(&mut jpeg, ImageFormat::Jpeg).unwrap();
        files.extend([std::fs::read(path).unwrap(), jpeg.into_inner()]);
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
    assert!(lowest >= 0.999, "{lowest}");
    let differ = whole.iter().zip(&enough).filter(|(a, b)| a != b).count();
    assert!(differ >= 40, "of {} only {differ} were read with less", files.len());
}
