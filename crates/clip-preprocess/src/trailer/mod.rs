//! Files of which all pixels are there and only the end is missing: a copy that broke off, a camera that
//! lost power, a program that never wrote it. Pillow reads them; the decoders of the crate `image` want
//! the end too, so they are given it.

mod bmp;
mod gif;
mod png;
mod qoi;

use image::{ImageError, ImageFormat};

/// The file with its end, where it has all pixels and lacks that. Of GIF and PNG only the decoder
/// can tell whether all are there.
pub(crate) fn completed(format: ImageFormat, bytes: &[u8]) -> Option<Vec<u8>> {
    match format {
        ImageFormat::Png => png::completed(bytes),
        ImageFormat::Bmp => bmp::completed(bytes),
        ImageFormat::Gif => gif::completed(bytes),
        ImageFormat::Qoi => qoi::completed(bytes),
        _ => None,
    }
}

/// Whether the decoder's error means that pixels are missing: the file has no end either.
pub(crate) fn is_cut_off(format: ImageFormat, bytes: &[u8], error: &ImageError) -> bool {
    let has_end = match format {
        ImageFormat::Gif | ImageFormat::Png => completed(format, bytes).is_none(),
        ImageFormat::Qoi => qoi::has_end(bytes),
        _ => true,
    };
    !has_end && matches!(error, ImageError::Decoding(_))
}
