//! TIFF: a container of many kinds of pictures, of which scanners, photo editors and microscopes each
//! write their own.
//!
//! The crate `tiff` reads a part of them, and nothing of a file whose fields are not all there. So
//! fields, samples and colors are ours, with the arithmetic of libtiff and Pillow; what compresses the
//! pixels is decoded by a crate for each method. The first page counts.

mod chunks;
mod codec;
mod color;
mod compression;
mod directory;
mod fax;
mod header;
mod jpeg;
mod lab;
mod pixels;
mod predictor;
mod rows;
mod samples;
mod values;
mod ycbcr;

use image::error::{DecodingError, ImageFormatHint, UnsupportedError, UnsupportedErrorKind};
use image::metadata::Orientation;
use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageResult};

use self::color::Color;
use self::directory::Directory;
use self::header::Header;
use crate::opened::Opened;
use crate::{Gray16, ReadOptions};

/// The fields that a decoder gives as they are (TIFF 6.0; XMP specification, part 3; ICC.1, B.4).
const ORIENTATION: u16 = 274;
const XMP: u16 = 700;
const ICC_PROFILE: u16 = 34675;

/// How a file begins: those of TIFF and BigTIFF in both byte orders, and two with a swapped version,
/// which Pillow reads too.
const SIGNATURES: [&[u8; 4]; 6] = [b"II*\0", b"MM\0*", b"II\0*", b"MM*\0", b"II+\0", b"MM\0+"];

/// Whether a file that begins so is one.
pub(crate) fn is_tiff(head: &[u8]) -> bool {
    SIGNATURES.iter().any(|signature| head.starts_with(*signature))
}

/// Where the pixels are numbers of colors, the color that 0 stands for.
pub(crate) fn zero(bytes: &[u8]) -> Option<[u8; 3]> {
    let header = Header::new(&Directory::new(bytes).ok()?).ok()?;
    match header.color {
        Color::Palette(colors) => colors.first().copied(),
        Color::Gray { .. } if header.is_bilevel() => Some([0; 3]),
        _ => None,
    }
}

/// Reads the header.
pub(crate) fn open<'a>(bytes: &'a [u8], options: &ReadOptions) -> ImageResult<Opened<'a>> {
    let directory = Directory::new(bytes)?;
    let header = Header::new(&directory)?;
    // Room for a picture at the limit in 16-bit RGBA.
    let most = options.max_pixels().saturating_mul(8).saturating_add(64 << 20);
    let size = (header.width, header.height);
    let decoder =
        Box::new(Decoder { file: bytes, directory, header, gray16: options.gray16, most });
    let memory = decoder.total_bytes().saturating_add(decoder.header.working_bytes());
    Ok(Opened { decoder, size, divisor: 1, bytes: memory })
}

struct Decoder<'a> {
    file: &'a [u8],
    directory: Directory<'a>,
    header: Header,
    gray16: Gray16,
    /// So many bytes may be needed beside the picture.
    most: u64,
}

impl ImageDecoder for Decoder<'_> {
    fn dimensions(&self) -> (u32, u32) {
        (self.header.width, self.header.height)
    }

    fn color_type(&self) -> ColorType {
        let header = &self.header;
        match &header.color {
            Color::Gray { .. } if header.samples.is_measured() || header.samples.bits <= 8 => {
                ColorType::L8
            }
            Color::Gray { .. } => ColorType::L16,
            Color::GrayAlpha { .. } => ColorType::La8,
            Color::PaletteAlpha(_) | Color::Rgba(_) => ColorType::Rgba8,
            _ => ColorType::Rgb8,
        }
    }

    fn orientation(&mut self) -> ImageResult<Orientation> {
        let number = self.directory.integer(ORIENTATION, 1)?;
        let orientation = u8::try_from(number).ok().and_then(Orientation::from_exif);
        Ok(orientation.unwrap_or(Orientation::NoTransforms))
    }

    fn icc_profile(&mut self) -> ImageResult<Option<Vec<u8>>> {
        Ok(self.directory.bytes(ICC_PROFILE)?.map(<[u8]>::to_vec))
    }

    fn xmp_metadata(&mut self) -> ImageResult<Option<Vec<u8>>> {
        Ok(self.directory.bytes(XMP)?.map(<[u8]>::to_vec))
    }

    fn read_image(self, out: &mut [u8]) -> ImageResult<()> {
        let Self { file, header, gray16, most, .. } = &self;
        if header.working_bytes() > *most {
            return Err(unsupported(format!(
                "strips or tiles of {} bytes",
                header.working_bytes()
            )));
        }
        match &header.color {
            Color::Gray { inverted } if header.samples.is_measured() => {
                values::read(header, file, *inverted, *gray16, out)
            }
            color => pixels::read(color, header, file, *gray16, out),
        }
    }

    fn read_image_boxed(self: Box<Self>, out: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(out)
    }
}

const HINT: ImageFormatHint = ImageFormatHint::Exact(ImageFormat::Tiff);

fn damaged(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ImageError {
    ImageError::Decoding(DecodingError::new(HINT, reason))
}

fn unsupported(feature: String) -> ImageError {
    let kind = UnsupportedErrorKind::GenericFeature(feature);
    ImageError::Unsupported(UnsupportedError::from_format_and_kind(HINT, kind))
}
