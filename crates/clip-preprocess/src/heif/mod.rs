//! HEIC, HEIF and AVIF, which the system's libheif decodes; the only place that asks for the feature.

mod boxes;
#[cfg(feature = "heif")]
mod container;
#[cfg(not(feature = "heif"))]
mod disabled;
#[cfg(feature = "heif")]
mod enabled;
mod kind;
#[cfg(feature = "heif")]
#[expect(unsafe_code, reason = "the library is C, and is found when the program runs")]
mod library;

pub(crate) use boxes::{child, first};
#[cfg(not(feature = "heif"))]
pub(crate) use disabled::Codec;
#[cfg(feature = "heif")]
pub(crate) use enabled::Codec;
pub(crate) use kind::Kind;

/// Whether the build has the feature.
pub(crate) const IS_BUILT: bool = cfg!(feature = "heif");
