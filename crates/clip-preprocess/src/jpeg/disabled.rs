//! The decoder of the crate `image`, written in Rust; its arithmetic is not libjpeg's. It always
//! makes the whole picture, so a reduced one is first tried without it.

use std::io::Cursor;

use image::codecs::jpeg::JpegDecoder;
use image::error::{
    DecodingError, ImageError, ImageFormatHint, UnsupportedError, UnsupportedErrorKind,
};
use image::{ColorType, ImageDecoder, ImageFormat, ImageResult};
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::markers::{FRAME, PROGRESSIVE, SCAN, walk};
use super::reduced::Frame;
use super::{fallback, memory};
use crate::Detail;
use crate::detail::average;
use crate::opened::Opened;

/// Reads the header.
pub(crate) fn open(bytes: &[u8], detail: Detail) -> ImageResult<Opened<'_>> {
    let frame = walk(bytes).find(|(marker, ..)| FRAME.contains(marker));
    if walk(bytes).take_while(|(marker, ..)| *marker != SCAN).any(|(marker, ..)| is_other(marker)) {
        let kind = UnsupportedErrorKind::GenericFeature("lossless or arithmetic coding".to_owned());
        let hint = ImageFormatHint::Exact(ImageFormat::Jpeg);
        return Err(ImageError::Unsupported(UnsupportedError::from_format_and_kind(hint, kind)));
    }
    if frame.is_some_and(|(_, content, _)| is_sampled_unusually(content)) {
        return fallback::open(bytes, None);
    }
    let decoder = JpegDecoder::new(Cursor::new(bytes))?;
    let size = decoder.dimensions();
    let whole =
        decoder.total_bytes() * memory(frame.is_some_and(|(marker, ..)| marker == PROGRESSIVE));
    let divisor = detail.power(size);
    if divisor == 1 {
        return Ok(Opened { decoder: Box::new(decoder), size, divisor, bytes: whole });
    }
    let frame = Frame::new(bytes).filter(|frame| frame.size == size);
    let is_common = frame.is_some();
    let decoder = Box::new(Reduced { whole: decoder, frame, divisor });
    // The channels, and the pixels made of them.
    let bytes = if is_common { 2 * decoder.total_bytes() } else { whole };
    Ok(Opened { decoder, size, divisor, bytes })
}

/// Gives the picture with both sides divided, rounded up.
struct Reduced<'a> {
    whole: JpegDecoder<Cursor<&'a [u8]>>,
    /// Where it is of the kind that can be reduced on the way.
    frame: Option<Frame<'a>>,
    divisor: u32,
}

impl ImageDecoder for Reduced<'_> {
    fn dimensions(&self) -> (u32, u32) {
        let (width, height) = self.whole.dimensions();
        (width.div_ceil(self.divisor), height.div_ceil(self.divisor))
    }

    fn color_type(&self) -> ColorType {
        self.whole.color_type()
    }

    fn read_image(self, samples: &mut [u8]) -> ImageResult<()> {
        let size = self.whole.dimensions();
        let reduced = self.frame.as_ref().and_then(|frame| frame.decode(self.divisor));
        if let Some(reduced) = reduced.filter(|reduced| reduced.len() == samples.len()) {
            samples.copy_from_slice(&reduced);
            return Ok(());
        }
        let gray = self.color_type() == ColorType::L8;
        let mut whole = vec![0; self.whole.total_bytes() as usize];
        self.whole.read_image(&mut whole)?;
        samples.copy_from_slice(&match gray {
            true => average::<1>(&whole, size.0, self.divisor),
            false => average::<3>(&whole, size.0, self.divisor),
        });
        Ok(())
    }

    fn read_image_boxed(self: Box<Self>, samples: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(samples)
    }
}

/// The four channels of a picture of inks, as they are stored. `check` hears the size first.
pub(crate) fn inks(
    bytes: &[u8],
    check: impl FnOnce((u32, u32)) -> ImageResult<()>,
) -> ImageResult<Vec<u8>> {
    check(JpegDecoder::new(Cursor::new(bytes))?.dimensions())?;
    let options = DecoderOptions::default()
        .set_max_width(usize::from(u16::MAX))
        .set_max_height(usize::from(u16::MAX))
        .jpeg_set_out_colorspace(ColorSpace::CMYK);
    let mut decoder = zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode().map_err(|error| {
        ImageError::Decoding(DecodingError::new(ImageFormat::Jpeg.into(), error.to_string()))
    })
}

/// Whether a marker is that of a frame which is coded in another way (ITU-T T.81, table B.1).
fn is_other(marker: u8) -> bool {
    matches!(marker, 0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF)
}

/// Whether a frame (ITU-T T.81, B.2.2) is sampled in a way that zune-jpeg 0.5.15 does not read: colors
/// finer than brightness, where it shows another picture or panics, three samples across, and colors of
/// two rows where brightness has four.
fn is_sampled_unusually(frame: &[u8]) -> bool {
    let channels = frame.get(6..).unwrap_or_default().as_chunks::<3>().0;
    let mut samplings = channels.iter().map(|[_, sampling, _]| (sampling >> 4, sampling & 15));
    let first = samplings.next().unwrap_or_default();
    channels.len() > 1
        && (first.0 == 3
            || samplings.any(|(across, down)| {
                across > first.0 || down > first.1 || across == 3 || (first.1, down) == (4, 2)
            }))
}
