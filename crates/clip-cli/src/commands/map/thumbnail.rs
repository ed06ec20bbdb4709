//! Small copies of pictures.

use std::num::NonZero;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use clip::{ColorManagement, ReadOptions, RgbImage};
use image::codecs::jpeg::JpegEncoder;
use image::imageops;

use crate::report::{self, Bar};

/// Longer side in pixels; on a large map, so that a browser bears it.
const SIDE: u32 = 224;
const SIDE_OF_MANY: u32 = 112;
const MANY: usize = 1000;
/// Of JPEG, out of 100.
const QUALITY: u8 = 78;

/// A small copy as a JPEG file in Base64, or why there is none.
pub(super) type Thumbnail = Result<String>;

/// Small copies of all pictures, made on all cores.
pub(super) fn all(paths: &[&Path]) -> Vec<Thumbnail> {
    let side = if paths.len() < MANY { SIDE } else { SIDE_OF_MANY };
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let bar = Bar::pictures(paths.len());
    let (next, done) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(paths.len())));
    thread::scope(|scope| {
        for _ in 0..cores.min(paths.len()) {
            scope.spawn(|| {
                while let i = next.fetch_add(1, Ordering::Relaxed)
                    && let Some(path) = paths.get(i)
                {
                    let thumbnail = thumbnail(path, side);
                    done.lock().unwrap_or_else(PoisonError::into_inner).push((i, thumbnail));
                    bar.advance(1);
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_unstable_by_key(|(i, _)| *i);
    done.into_iter().map(|(_, thumbnail)| thumbnail).collect()
}

/// Says once what has no copy: a drive that is not plugged in may hold all of them.
pub(super) fn report(paths: &[&Path], thumbnails: &[Thumbnail]) {
    let failed = || paths.iter().zip(thumbnails).filter(|(_, thumbnail)| thumbnail.is_err());
    if let Some((path, Err(error))) = failed().next() {
        let count = match failed().count() {
            1 => "1 picture has".to_owned(),
            n => format!("{n} pictures have"),
        };
        let path = path.display().to_string();
        let error = error.to_string();
        let named = if error.contains(&path) { error } else { format!("{path}: {error}") };
        report::warning(format_args!("{count} only a placeholder; the first: {named}"));
    }
}

fn thumbnail(path: &Path, side: u32) -> Thumbnail {
    let options = ReadOptions { color: ColorManagement::ToSrgb, ..ReadOptions::default() };
    let picture = clip::read_picture(path, &options)?;
    let small = shrink(&picture, side);
    let mut file = Vec::new();
    small
        .write_with_encoder(JpegEncoder::new_with_quality(&mut file, QUALITY))
        .context("cannot make a small copy")?;
    Ok(BASE64_STANDARD.encode(file))
}

/// At most `side` pixels on the longer side, at least 1 on the shorter.
fn shrink(picture: &RgbImage, side: u32) -> RgbImage {
    let (width, height) = picture.dimensions();
    let longer = width.max(height);
    if longer <= side {
        return picture.clone();
    }
    let scaled =
        |length: u32| (u64::from(length) * u64::from(side) / u64::from(longer)).max(1) as u32;
    imageops::thumbnail(picture, scaled(width), scaled(height))
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
