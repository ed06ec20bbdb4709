//! JPEG: one of two decoders; the only place that asks for the feature.

#[cfg(not(feature = "turbojpeg"))]
mod disabled;
#[cfg(feature = "turbojpeg")]
mod enabled;
mod markers;
#[cfg(not(feature = "turbojpeg"))]
mod reduced;

#[cfg(not(feature = "turbojpeg"))]
pub(crate) use disabled::open;
#[cfg(feature = "turbojpeg")]
pub(crate) use enabled::open;
pub(crate) use markers::{is_whole, walk};

#[cfg(all(feature = "turbojpeg", panic = "abort"))]
compile_error!(
    "with `panic = \"abort\"` a damaged JPEG would end the program: leave out the feature `turbojpeg` or let panics unwind"
);

/// How many times the picture is in memory while it is decoded. A progressive one comes a few bits
/// at a time, and until the last all coefficients are kept, two bytes each.
fn memory(is_progressive: bool) -> u64 {
    if is_progressive { 3 } else { 1 }
}
