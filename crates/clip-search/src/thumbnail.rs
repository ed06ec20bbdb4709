//! Small copies of images.

use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use clip::{ColorManagement, Detail, ReadOptions, RgbImage};
use image::codecs::jpeg::JpegEncoder;
use image::imageops;

use crate::{Error, Observer, Progress, Result, Task};

/// Of JPEG, out of 100.
const QUALITY: u8 = 78;

/// A small copy of an image file, as the bytes of a JPEG file: upright, in the colors of sRGB, with at
/// most `side` pixels on the longer side.
///
/// # Errors
///
/// [`Error::Clip`] where the file cannot be read.
pub fn jpeg(path: &Path, side: u32) -> Result<Vec<u8>> {
    // Of a large file no more is decoded than shows.
    let (color, detail) = (ColorManagement::ToSrgb, Detail::AtLeast(side));
    let options = ReadOptions { color, detail, ..ReadOptions::default() };
    let image = clip::read_picture(path, &options).map_err(clip::Error::from)?;
    let mut file = Vec::new();
    shrink(&image, side)
        .write_with_encoder(JpegEncoder::new_with_quality(&mut file, QUALITY))
        .map_err(|error| Error::Thumbnail { reason: error.to_string() })?;
    Ok(file)
}

/// As [`jpeg`], of many files on all cores, in their order.
pub fn jpegs(paths: &[&Path], side: u32, observer: &mut dyn Observer) -> Vec<Result<Vec<u8>>> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let (task, total) = (Task::Thumbnails, paths.len());
    observer.progress(Progress { task, done: 0, total });
    let (next, made) = (AtomicUsize::new(0), Mutex::new((Vec::with_capacity(total), observer)));
    thread::scope(|scope| {
        for _ in 0..cores.min(total) {
            scope.spawn(|| {
                while let i = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(path) = paths.get(i)
                {
                    let jpeg = jpeg(path, side);
                    let (made, observer) =
                        &mut *made.lock().unwrap_or_else(PoisonError::into_inner);
                    made.push((i, jpeg));
                    observer.progress(Progress { task, done: made.len(), total });
                }
            });
        }
    });
    let (mut made, _) = made.into_inner().unwrap_or_else(PoisonError::into_inner);
    made.sort_unstable_by_key(|(i, _)| *i);
    made.into_iter().map(|(_, jpeg)| jpeg).collect()
}

/// At most `side` pixels on the longer side, at least 1 on the shorter.
fn shrink(image: &RgbImage, side: u32) -> RgbImage {
    let (width, height) = image.dimensions();
    let longer = width.max(height);
    if longer <= side {
        return image.clone();
    }
    let scaled =
        |length: u32| (u64::from(length) * u64::from(side) / u64::from(longer)).max(1) as u32;
    imageops::thumbnail(image, scaled(width), scaled(height))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_stay() {
        let check = |size: (u32, u32), expected| {
            assert_eq!(shrink(&RgbImage::new(size.0, size.1), 100).dimensions(), expected);
        };
        check((400, 200), (100, 50));
        check((30, 100), (30, 100));
        check((1, 5000), (1, 100));
        check((5000, 1), (100, 1));
    }
}
