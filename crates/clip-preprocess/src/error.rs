use std::path::PathBuf;

use image::ImageError;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// What libheif is called where programs are installed from.
const LIBHEIF: &str =
    "Debian and Ubuntu: `libheif1`, Fedora: `libheif`, macOS: `brew install libheif`";

/// Why a picture could not be read, or a preprocessor not be built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing of that name.
    #[error("there is no file {path}: check the path")]
    NotFound {
        /// The path.
        path: PathBuf,
    },
    /// A folder where a picture is expected.
    #[error("{path} is a folder: name a picture in it")]
    Folder {
        /// The path.
        path: PathBuf,
    },
    /// A pipe, a socket or a device; reading one could wait forever.
    #[error("{path} is not an ordinary file: name a picture file")]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// The system refuses to open or read the file.
    #[error("cannot read {path}: {source}; check its permissions and the disk")]
    Io {
        /// The path.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file of no bytes.
    #[error("{origin} is empty: copy or download it again")]
    Empty {
        /// File name, or what the bytes are called.
        origin: String,
    },
    /// No picture format that is known begins like this.
    #[error(
        "{origin} is not a picture, whatever its name says: JPEG, PNG, WebP, GIF, TIFF, BMP and QOI are read"
    )]
    NotAPicture {
        /// File name, or what the bytes are called.
        origin: String,
    },
    /// A format that is known, but not read.
    #[error("{origin} is a file in {format} format, which is not read: convert it to JPEG or PNG")]
    UnsupportedFormat {
        /// File name, or what the bytes are called.
        origin: String,
        /// Name of the format.
        format: String,
    },
    /// HEIC, HEIF or AVIF, in a program without the feature `heif`.
    #[error(
        "{origin} is a file in {format} format, which this program was built without: build it with `--features heif` and install libheif ({LIBHEIF}), or convert the file to JPEG or PNG"
    )]
    WithoutHeif {
        /// File name, or what the bytes are called.
        origin: String,
        /// Name of the format.
        format: String,
    },
    /// HEIC, HEIF or AVIF, on a system without libheif.
    #[error(
        "{origin} is a file in {format} format, and libheif, which reads it, cannot be loaded ({reason}): install it ({LIBHEIF})"
    )]
    NoLibheif {
        /// File name, or what the bytes are called.
        origin: String,
        /// Name of the format.
        format: String,
        /// What the system said.
        reason: String,
    },
    /// HEIC or AVIF, where libheif has no decoder for it.
    #[error(
        "{origin} is a file in {format} format, for which the libheif of this system has no decoder: install one ({packages})"
    )]
    NoHeifDecoder {
        /// File name, or what the bytes are called.
        origin: String,
        /// Name of the format.
        format: String,
        /// Which packages have it.
        packages: &'static str,
    },
    /// A rare kind of a format that is read.
    #[error("{origin} is of a kind that is not read ({source}): convert it to JPEG or PNG")]
    UnsupportedKind {
        /// File name, or what the bytes are called.
        origin: String,
        /// What the decoder said.
        source: ImageError,
    },
    /// More pixels than [`ReadOptions::max_megapixels`](crate::ReadOptions::max_megapixels).
    #[error(
        "{origin} has {width}×{height} pixels, more than the limit of {max_megapixels} megapixels: make it smaller or raise `max_megapixels`"
    )]
    TooLarge {
        /// File name, or what the bytes are called.
        origin: String,
        /// Width in the header.
        width: u32,
        /// Height in the header.
        height: u32,
        /// The limit.
        max_megapixels: u32,
    },
    /// The file ends before the picture does.
    #[error("{origin} is cut off before the end of the picture: copy or download it again")]
    CutOff {
        /// File name, or what the bytes are called.
        origin: String,
    },
    /// The decoder cannot make sense of the bytes.
    #[error("{origin} is damaged ({source}): copy or download it again")]
    Damaged {
        /// File name, or what the bytes are called.
        origin: String,
        /// What the decoder said.
        source: ImageError,
    },
    /// A picture without pixels.
    #[error("{origin} has {width}×{height} pixels, nothing to see: leave it out")]
    NoPixels {
        /// File name, or what the bytes are called.
        origin: String,
        /// Width in the header.
        width: u32,
        /// Height in the header.
        height: u32,
    },
    /// A preprocessing configuration that cannot be followed.
    #[error("pictures cannot be preprocessed: {reason}; convert the checkpoint again")]
    BadConfig {
        /// One sentence on the first field that cannot be.
        reason: String,
    },
}
