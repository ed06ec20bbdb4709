//! The decoder of the crate `image`, written in Rust; its arithmetic is not libjpeg's.

use std::io::Cursor;
use std::ops::RangeInclusive;

use image::codecs::jpeg::JpegDecoder;
use image::error::{ImageError, ImageFormatHint, UnsupportedError, UnsupportedErrorKind};
use image::{ImageDecoder, ImageFormat, ImageResult};

use super::markers::walk;

/// The markers of a frame that is read.
const FRAME: RangeInclusive<u8> = 0xC0..=0xC2;

/// Reads the header.
pub(crate) fn open(bytes: &[u8]) -> ImageResult<Box<dyn ImageDecoder + '_>> {
    let decoder = JpegDecoder::new(Cursor::new(bytes))?;
    let frame = walk(bytes).find(|(marker, _)| FRAME.contains(marker));
    if frame.is_some_and(|(_, content)| has_finer_colors(content)) {
        let kind = UnsupportedErrorKind::GenericFeature("colors finer than brightness".to_owned());
        let hint = ImageFormatHint::Exact(ImageFormat::Jpeg);
        return Err(ImageError::Unsupported(UnsupportedError::from_format_and_kind(hint, kind)));
    }
    Ok(Box::new(decoder))
}

/// Whether the first channel of a frame (ITU-T T.81, B.2.2) is not the finest. zune-jpeg 0.5.15
/// then shows another picture, or panics.
fn has_finer_colors(frame: &[u8]) -> bool {
    let channels = frame.get(6..).unwrap_or_default().as_chunks::<3>().0;
    let mut samplings = channels.iter().map(|[_, sampling, _]| (sampling >> 4, sampling & 15));
    let first = samplings.next().unwrap_or_default();
    samplings.any(|(across, down)| across > first.0 || down > first.1)
}
