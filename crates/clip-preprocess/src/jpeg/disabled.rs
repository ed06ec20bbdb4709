use std::io::Cursor;

use image::codecs::jpeg::JpegDecoder;
use image::{ImageDecoder, ImageResult};

/// Reads the header. The decoder is written in Rust; its arithmetic is not libjpeg's.
pub(crate) fn open(bytes: &[u8]) -> ImageResult<Box<dyn ImageDecoder + '_>> {
    Ok(Box::new(JpegDecoder::new(Cursor::new(bytes))?))
}
