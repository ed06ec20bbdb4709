//! What compresses the pixels of a strip or tile, and what was done to them before.

use image::ImageResult;

use super::color::Color;
use super::directory::Directory;
use super::fax::Fax;
use super::jpeg::{self, Tables};
use super::samples::{Format, Samples};
use super::unsupported;

/// Values of the field Compression that are read.
pub(super) enum Compression {
    None,
    PackBits,
    Lzw,
    Deflate,
    Zstd,
    Lzma,
    Fax(Fax),
    Jpeg(Tables),
    /// JPEG as TIFF 6.0 had it, which its second technical note replaces.
    OldJpeg(Box<jpeg::Old>),
    WebP,
}

/// What was done to the samples of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Predictor {
    None,
    /// Each is the difference to that of the pixel before.
    Horizontal,
    /// The same with the bytes of floats, the highest of all first.
    Float,
}

impl Compression {
    pub(super) fn new(fields: &Directory<'_>) -> ImageResult<Self> {
        let name = match fields.integer(259, 1)? {
            1 => return Ok(Self::None),
            2 => return Ok(Self::Fax(Fax::Huffman)),
            3 => return Ok(Self::Fax(Fax::group3(fields)?)),
            4 => return Ok(Self::Fax(Fax::Group4)),
            5 => return Ok(Self::Lzw),
            6 => return Ok(Self::OldJpeg(Box::new(jpeg::Old::new(fields)?))),
            7 => return Ok(Self::Jpeg(Tables::new(fields)?)),
            8 | 32946 => return Ok(Self::Deflate),
            32771 => return Ok(Self::Fax(Fax::HuffmanWords)),
            32773 => return Ok(Self::PackBits),
            34925 => return Ok(Self::Lzma),
            50000 => return Ok(Self::Zstd),
            50001 => return Ok(Self::WebP),
            9 | 10 | 34661 | 34715 => "JBIG",
            32766 => "NeXT",
            32809 => "ThunderScan",
            32908 | 32909 => "PixarLog",
            33003 | 33005 | 34712 => "JPEG 2000",
            34676 | 34677 => "LogLuv",
            34887 => "LERC",
            34892 => "lossy JPEG of DNG",
            34713 => "Nikon raw",
            50002 | 52546 => "JPEG XL",
            other => return Err(unsupported(format!("compression of kind {other}"))),
        };
        Err(unsupported(format!("compression by {name}")))
    }

    /// Whether what comes out are the colors and not the samples.
    pub(super) fn decodes_colors(&self) -> bool {
        matches!(self, Self::Jpeg(_) | Self::OldJpeg(_) | Self::WebP)
    }

    /// Whether it can hold pixels of a kind, where it decodes colors.
    pub(super) fn check(&self, color: &Color, count: usize) -> ImageResult<()> {
        match (self, color, count) {
            (Self::WebP, Color::Rgb, 3) | (Self::WebP, Color::Rgba(_), 4) => Ok(()),
            (Self::WebP, ..) => Err(unsupported(format!("WebP of {count} samples for a pixel"))),
            (_, _, 1 | 3 | 4) => Ok(()),
            _ => Err(unsupported(format!("JPEG of {count} samples for a pixel"))),
        }
    }

    pub(super) fn is_fax(&self) -> bool {
        matches!(self, Self::Fax(_))
    }

    /// Whether the decoder knows no other order of bits than its own.
    pub(super) fn has_own_order(&self) -> bool {
        matches!(self, Self::Jpeg(_) | Self::OldJpeg(_))
    }
}

impl Predictor {
    /// Only some methods look at the field, as in libtiff.
    pub(super) fn new(
        fields: &Directory<'_>,
        compression: &Compression,
        samples: &Samples,
    ) -> ImageResult<Self> {
        use Compression::{Deflate, Lzma, Lzw, Zstd};
        if !matches!(compression, Deflate | Lzma | Lzw | Zstd) {
            return Ok(Self::None);
        }
        match (fields.integer(317, 1)?, samples.bits, samples.format) {
            (1, ..) => Ok(Self::None),
            (2, 8 | 16 | 24 | 32 | 64, _) => Ok(Self::Horizontal),
            (3, _, Format::Float) => Ok(Self::Float),
            (number, bits, _) => {
                Err(unsupported(format!("predictor {number} with samples of {bits} bits")))
            }
        }
    }
}
