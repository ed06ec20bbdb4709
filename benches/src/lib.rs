//! What the benches share: inputs that are not zeros, and the device under test.

mod products;
pub mod protocol;
mod random;
mod stem;
mod training;

pub use products::Products;
pub use random::Random;
pub use stem::stem_tower;
pub use training::{Training, TrainingStep, TrainingWork};

use clip_model::{Backend, Device, DeviceName, Pixels};

/// As in the program that people use.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The device named by `CLIP_DEVICE`, or the first CPU backend.
///
/// # Panics
///
/// Where that device cannot be used.
pub fn device() -> Device {
    let name = match std::env::var("CLIP_DEVICE") {
        Ok(name) => name.parse().expect("CLIP_DEVICE names a device"),
        Err(_) => DeviceName::On(Backend::Flex, 0),
    };
    name.open().expect("the device is there")
}

/// How the pictures' levels become what the tower reads.
pub const PIXELS: Pixels = Pixels { mean: [0.5; 3], std: [0.25; 3] };

/// Pictures of random levels, normalized.
pub fn pixels(batch: usize, side: usize) -> Vec<f32> {
    let (mean, std) = (PIXELS.mean[0], PIXELS.std[0]);
    let level = |value: f32| (127.5 * (value + 1.0)).round();
    let values = Random::new(1).values(batch * 3 * side * side);
    values.into_iter().map(|value| (level(value) / 255.0 - mean) / std).collect()
}

/// Unit vectors, row-major.
pub fn unit_vectors(rows: usize, width: usize) -> Vec<f32> {
    let mut random = Random::new(2);
    let mut vectors = Vec::with_capacity(rows * width);
    for _ in 0..rows {
        let row = random.values(width);
        let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        vectors.extend(row.iter().map(|x| x / norm));
    }
    vectors
}

/// The median, and the mean of the two in the middle where they are even.
///
/// # Panics
///
/// For no values.
pub fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    f64::midpoint(sorted[(sorted.len() - 1) / 2], sorted[sorted.len() / 2])
}

/// The Rust of the documents, which has to compile. Here, since no other crate has all of ours below it, and
/// this one is never packaged.
#[cfg(doctest)]
mod documents {
    #[doc = include_str!("../../README.md")]
    struct Readme;

    #[doc = include_str!("../../docs/guide.md")]
    struct Guide;
}
