//! The decoder of the crate jpeg-decoder, which is slower and starts threads of its own, for what the
//! others do not give: samplings that zune-jpeg does not read, and inks as they are stored.

use std::io::ErrorKind;

use image::error::{
    DecodingError, ImageError, ImageFormatHint, UnsupportedError, UnsupportedErrorKind,
};
use image::{ColorType, ImageDecoder, ImageFormat, ImageResult};
use jpeg_decoder::{Error, ImageInfo, PixelFormat};

use super::markers::scans;
use super::{MAX_SCANS, inks_to_rgb};
use crate::color::Inks;
use crate::opened::Opened;

const FORMAT: ImageFormatHint = ImageFormatHint::Exact(ImageFormat::Jpeg);

/// How often the picture is in memory: coefficients, channels, and what is made of them.
const COPIES: u64 = 4;

struct Decoder<'a> {
    source: jpeg_decoder::Decoder<&'a [u8]>,
    info: ImageInfo,
    /// How inks become colors, where a profile says it.
    inks: Option<Inks>,
}

/// Reads the header.
pub(super) fn open(bytes: &[u8], inks: Option<Inks>) -> ImageResult<Opened<'_>> {
    if scans(bytes) > MAX_SCANS {
        return Err(damaged(format!("more than {MAX_SCANS} scans")));
    }
    let mut source = jpeg_decoder::Decoder::new(bytes);
    source.read_info().map_err(image_error)?;
    let info = source.info().ok_or_else(|| damaged("it has no frame".to_owned()))?;
    let decoder = Box::new(Decoder { source, info, inks });
    let (size, bytes) = (decoder.dimensions(), COPIES * decoder.total_bytes());
    Ok(Opened { decoder, size, divisor: 1, bytes })
}

impl ImageDecoder for Decoder<'_> {
    fn dimensions(&self) -> (u32, u32) {
        (self.info.width.into(), self.info.height.into())
    }

    fn color_type(&self) -> ColorType {
        match self.info.pixel_format {
            PixelFormat::L8 => ColorType::L8,
            PixelFormat::L16 => ColorType::L16,
            PixelFormat::RGB24 | PixelFormat::CMYK32 => ColorType::Rgb8,
        }
    }

    fn read_image(mut self, samples: &mut [u8]) -> ImageResult<()> {
        let pixels = self.source.decode().map_err(image_error)?;
        if self.info.pixel_format != PixelFormat::CMYK32 {
            if pixels.len() != samples.len() {
                return Err(damaged("its frame and its scans disagree".to_owned()));
            }
            samples.copy_from_slice(&pixels);
            return Ok(());
        }
        let is_converted = self.inks.is_some_and(|inks| inks.to_srgb(&pixels, samples).is_some());
        if !is_converted {
            let (inks, _) = pixels.as_chunks::<4>();
            let (colors, _) = samples.as_chunks_mut::<3>();
            let paper = |inks: &[u8; 4]| inks.map(|ink| 255 - ink);
            colors.iter_mut().zip(inks).for_each(|(color, inks)| *color = inks_to_rgb(paper(inks)));
        }
        Ok(())
    }

    fn read_image_boxed(self: Box<Self>, samples: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(samples)
    }
}

fn image_error(error: Error) -> ImageError {
    match error {
        Error::Io(error) if error.kind() == ErrorKind::UnexpectedEof => ImageError::IoError(error),
        Error::Unsupported(feature) => {
            let kind = UnsupportedErrorKind::GenericFeature(format!("{feature:?}"));
            ImageError::Unsupported(UnsupportedError::from_format_and_kind(FORMAT, kind))
        }
        error => damaged(error.to_string()),
    }
}

fn damaged(reason: String) -> ImageError {
    ImageError::Decoding(DecodingError::new(FORMAT, reason))
}
