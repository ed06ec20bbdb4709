//! What the benches share: inputs that are not zeros, and the device under test.

mod products;
pub mod protocol;

pub use products::Products;

use clip_model::{Backend, Device, DeviceName};
use clip_testkit::Random;

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

/// Uniform values in `-1..1`, as normalized pixels are about.
pub fn pixels(batch: usize, side: usize) -> Vec<f32> {
    Random::new(1).values(batch * 3 * side * side)
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
