//! libjpeg-turbo's decoder with its default settings, which are Pillow's. It comes in the sources of
//! MozJPEG, a fork that changes the encoder, because those need no more than a C compiler.
//!
//! What libjpeg cannot decode it reports by unwinding. What it only warns of, such as bytes too many
//! between two markers, is passed over, as Pillow does.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use image::error::{
    DecodingError, ImageError, ImageFormatHint, UnsupportedError, UnsupportedErrorKind,
};
use image::{ColorType, ImageDecoder, ImageFormat, ImageResult};
use mozjpeg::{ColorSpace, Decompress, Format};

use super::markers::{PROGRESSIVE, scans, walk};
use super::{MAX_SCANS, inks_to_rgb, memory};
use crate::Detail;
use crate::opened::Opened;

const FORMAT: ImageFormatHint = ImageFormatHint::Exact(ImageFormat::Jpeg);

struct Decoder<'a> {
    source: Decompress<&'a [u8]>,
    /// What the sides are divided by on the way.
    divisor: u32,
}

/// Reads the header.
pub(crate) fn open(bytes: &[u8], detail: Detail) -> ImageResult<Opened<'_>> {
    let is_progressive = walk(bytes).any(|(marker, ..)| marker == PROGRESSIVE);
    let scans = scans(bytes);
    if scans > MAX_SCANS {
        return Err(damaged(format!("{scans} scans, more than {MAX_SCANS}")));
    }
    let mut source = guarded(|| Decompress::builder().from_mem(bytes))?;
    let size = (source.width() as u32, source.height() as u32);
    let divisor = match source.color_space() {
        // Inks are multiplied with each other, so their means do not give the mean color.
        ColorSpace::JCS_CMYK | ColorSpace::JCS_YCCK => 1,
        _ => detail.power(size),
    };
    source.scale((8 / divisor) as u8);
    // Coefficients are as many as the whole has samples.
    let whole = 3 * u64::from(size.0) * u64::from(size.1);
    let decoder = Box::new(Decoder { source, divisor });
    let bytes = decoder.total_bytes() + whole * (memory(is_progressive) - 1);
    Ok(Opened { decoder, size, divisor, bytes })
}

impl ImageDecoder for Decoder<'_> {
    fn dimensions(&self) -> (u32, u32) {
        // JPEG has 16 bits for each.
        let side = |length: usize| (length as u32).div_ceil(self.divisor);
        (side(self.source.width()), side(self.source.height()))
    }

    fn color_type(&self) -> ColorType {
        match self.source.color_space() {
            ColorSpace::JCS_GRAYSCALE => ColorType::L8,
            _ => ColorType::Rgb8,
        }
    }

    fn read_image(self, samples: &mut [u8]) -> ImageResult<()> {
        guarded(|| match self.source.image()? {
            Format::Gray(mut rows) | Format::RGB(mut rows) => {
                rows.read_scanlines_into(samples)?;
                rows.finish()
            }
            Format::CMYK(mut rows) => {
                let mut row = vec![[0_u8; 4]; rows.width()];
                for colors in samples.chunks_exact_mut(3 * row.len()) {
                    rows.read_scanlines_into(row.as_flattened_mut())?;
                    let (colors, _) = colors.as_chunks_mut();
                    colors
                        .iter_mut()
                        .zip(&row)
                        .for_each(|(color, paper)| *color = inks_to_rgb(*paper));
                }
                rows.finish()
            }
        })
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
    let source = guarded(|| Decompress::builder().from_mem(bytes))?;
    check((source.width() as u32, source.height() as u32))?;
    if source.color_space() != ColorSpace::JCS_CMYK {
        return Err(damaged("other channels than four inks".to_owned()));
    }
    let mut samples = vec![0; 4 * source.width() * source.height()];
    guarded(|| {
        let mut rows = source.to_colorspace(ColorSpace::JCS_CMYK)?;
        rows.read_scanlines_into(&mut samples)?;
        rows.finish()
    })?;
    Ok(samples)
}

fn guarded<T>(decode: impl FnOnce() -> io::Result<T>) -> ImageResult<T> {
    // Whatever the closure owns is dropped, and nobody sees samples after an error.
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(decoded) => decoded.map_err(ImageError::IoError),
        Err(payload) => {
            let message = payload.downcast_ref::<String>();
            match message.and_then(|message| message.strip_prefix("libjpeg fatal error: ")) {
                Some(message) => Err(refusal(message)),
                None => resume_unwind(payload),
            }
        }
    }
}

/// The messages are those of libjpeg's `jerror.h`; no numbers come with them.
fn refusal(message: &str) -> ImageError {
    // Not `Unsupported marker type`, which is no kind of JPEG.
    let unsupported = ["Unsupported JPEG", "Unsupported color", "Fractional sampling"];
    if unsupported.iter().any(|start| message.starts_with(start)) {
        let kind = UnsupportedErrorKind::GenericFeature(message.to_owned());
        return ImageError::Unsupported(UnsupportedError::from_format_and_kind(FORMAT, kind));
    }
    damaged(message.to_owned())
}

fn damaged(reason: String) -> ImageError {
    ImageError::Decoding(DecodingError::new(FORMAT, reason))
}
