//! JPEG: one of two decoders, and a third for what is rare; the only place that asks for the feature.

mod complete;
#[cfg(not(feature = "turbojpeg"))]
mod disabled;
#[cfg(feature = "turbojpeg")]
mod enabled;
mod fallback;
mod markers;
#[cfg(not(feature = "turbojpeg"))]
mod reduced;

use image::ImageResult;

pub(crate) use complete::{complete, has_all_rows};
pub(crate) use decoder::inks;
#[cfg(not(feature = "turbojpeg"))]
use disabled as decoder;
#[cfg(feature = "turbojpeg")]
use enabled as decoder;
pub(crate) use markers::walk;

use crate::Detail;
use crate::color::Inks;
use crate::opened::Opened;
use crate::rgb::product;

#[cfg(all(feature = "turbojpeg", panic = "abort"))]
compile_error!(
    "with `panic = \"abort\"` a damaged JPEG would end the program: leave out the feature `turbojpeg` or let panics unwind"
);

/// Encoders write about ten scans; the decoder in Rust has the same limit. Each goes over the whole
/// picture, however few bytes it has.
const MAX_SCANS: usize = 100;

/// Reads the header. Inks become colors by a profile where one is given.
pub(crate) fn open(bytes: &[u8], detail: Detail, inks: Option<Inks>) -> ImageResult<Opened<'_>> {
    match inks {
        Some(inks) if markers::channels(bytes) == Some(4) => fallback::open(bytes, Some(inks)),
        _ => decoder::open(bytes, detail),
    }
}

/// How many times the picture is in memory while it is decoded. A progressive one comes a few bits
/// at a time, and until the last all coefficients are kept, two bytes each.
fn memory(is_progressive: bool) -> u64 {
    if is_progressive { 3 } else { 1 }
}

/// `cmyk2rgb` of Pillow's `Convert.c`. Files hold how much each ink leaves of the paper, as Adobe
/// has it; Pillow takes that for granted, and so do we.
fn inks_to_rgb([cyan, magenta, yellow, black]: [u8; 4]) -> [u8; 3] {
    [cyan, magenta, yellow].map(|paper| black - product(255 - paper, black))
}
