//! What the fields of a file say about its pixels (TIFF 6.0, sections 3 to 23).

use image::ImageResult;

use super::chunks::Chunks;
use super::color::{Alpha, Color};
use super::compression::{Compression, Predictor};
use super::directory::Directory;
use super::lab::{Lab, Scale};
use super::samples::{Format, Samples};
use super::ycbcr::{Conversion, Subsampling};
use super::{damaged, unsupported};

/// Values of the field PhotometricInterpretation.
const WHITE_IS_ZERO: u64 = 0;
const BLACK_IS_ZERO: u64 = 1;
const RGB: u64 = 2;
const PALETTE: u64 = 3;
const CMYK: u64 = 5;
const YCBCR: u64 = 6;
const CIE_LAB: u64 = 8;
const ICC_LAB: u64 = 9;

pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) samples: Samples,
    pub(super) color: Color,
    pub(super) compression: Compression,
    pub(super) predictor: Predictor,
    /// Whether the bits of each byte lie the other way around.
    pub(super) is_reversed: bool,
    /// Of the second and third channel, where they have fewer samples.
    pub(super) subsampling: Option<Subsampling>,
    pub(super) chunks: Chunks,
}

impl Header {
    pub(super) fn new(fields: &Directory<'_>) -> ImageResult<Self> {
        let (width, height) =
            (fields.required(256, "ImageWidth")?, fields.required(257, "ImageLength")?);
        let compression = Compression::new(fields)?;
        let photometric = match &compression {
            Compression::OldJpeg(_) => YCBCR,
            _ => fields.integer(262, WHITE_IS_ZERO)?,
        };
        let default = if matches!(compression, Compression::OldJpeg(_)) { 3 } else { 1 };
        let count = fields.integer(277, default)?;
        let samples = Samples::new(fields, count as usize)?;
        let extra = fields.integers(338)?;
        let planar = fields.integer(284, 1)? == 2 && samples.count > 1;
        let mut color = color(fields, photometric, &samples, extra.as_deref())?;
        let mut subsampling = match color {
            Color::YCbCr(_) => Subsampling::new(fields)?,
            _ => None,
        };
        let decodes_colors = compression.decodes_colors();
        if decodes_colors && samples.bits != 8 {
            return Err(unsupported(format!("JPEG or WebP of {} bits", samples.bits)));
        }
        if decodes_colors && !planar {
            compression.check(&color, samples.count)?;
            subsampling = None;
            // Three channels come out as RGB.
            if matches!(color, Color::YCbCr(_)) {
                color = Color::Rgb;
            }
        }
        let is_reversed = fields.integer(266, 1)? == 2;
        let predictor = Predictor::new(fields, &compression, &samples)?;
        if subsampling.is_some() && (planar || predictor != Predictor::None) {
            return Err(unsupported("subsampling with a predictor or with planes".to_owned()));
        }
        if compression.is_fax() && (samples.bits != 1 || samples.count != 1) {
            return Err(damaged("it is compressed as black and white, and has more colors"));
        }
        let chunks = match compression {
            Compression::OldJpeg(_) => Chunks::one((width, height)),
            _ => Chunks::new(fields, (width, height), planar.then_some(samples.count))?,
        };
        Ok(Self {
            width,
            height,
            samples,
            color,
            compression,
            predictor,
            is_reversed,
            subsampling,
            chunks,
        })
    }

    /// Whether there is one bit for each pixel.
    pub(super) fn is_bilevel(&self) -> bool {
        matches!(self.color, Color::Gray { .. }) && self.samples.bits == 1
    }

    /// Of the samples of a pixel, those that lie together.
    pub(super) fn samples_together(&self) -> usize {
        if self.chunks.planes > 1 { 1 } else { self.samples.count }
    }

    /// So many bytes has a row of a strip or tile.
    pub(super) fn row_bytes(&self) -> u64 {
        let bits = u64::from(self.samples.bits) * self.samples_together() as u64;
        (u64::from(self.chunks.width) * bits).div_ceil(8)
    }

    /// What is in memory beside the picture: a strip or tile in every plane, or the picture in
    /// numbers that are not levels yet.
    pub(super) fn working_bytes(&self) -> u64 {
        let chunk = self.row_bytes().saturating_mul(u64::from(self.chunks.height));
        let chunk = chunk.saturating_mul(self.chunks.planes as u64);
        match self.color {
            Color::Gray { .. } if self.samples.is_measured() => {
                chunk.saturating_add(4 * u64::from(self.width) * u64::from(self.height))
            }
            _ => chunk,
        }
    }
}

/// What the samples of a pixel mean.
fn color(
    fields: &Directory<'_>,
    photometric: u64,
    samples: &Samples,
    extra: Option<&[u64]>,
) -> ImageResult<Color> {
    let colors = match photometric {
        RGB | YCBCR | CIE_LAB | ICC_LAB => 3,
        CMYK => 4,
        _ => 1,
    };
    let alpha = alpha(colors, samples.count, extra);
    let bits = samples.bits;
    let color = match photometric {
        WHITE_IS_ZERO | BLACK_IS_ZERO => {
            let inverted = photometric == WHITE_IS_ZERO;
            match alpha {
                Some(alpha) => Color::GrayAlpha { inverted, alpha },
                None => Color::Gray { inverted },
            }
        }
        // Of one channel, it is the brightness.
        YCBCR if samples.count == 1 => Color::Gray { inverted: false },
        _ if samples.count < colors => {
            return Err(damaged(format!("it has {} samples for a pixel", samples.count)));
        }
        RGB => match alpha {
            Some(alpha) => Color::Rgba(alpha),
            None => Color::Rgb,
        },
        PALETTE if bits > 16 => return Err(unsupported(format!("palettes of {bits} bits"))),
        PALETTE => {
            let colors = palette(fields, bits)?;
            match alpha {
                Some(alpha) => Color::PaletteAlpha((colors, alpha)),
                None => Color::Palette(colors),
            }
        }
        CMYK => Color::Cmyk,
        YCBCR if bits == 8 => Color::YCbCr(Box::new(Conversion::new(fields)?)),
        YCBCR => return Err(unsupported(format!("YCbCr of {bits} bits"))),
        CIE_LAB | ICC_LAB if !matches!(bits, 8 | 16) || samples.format != Format::Unsigned => {
            return Err(unsupported(format!("Lab of {bits} bits")));
        }
        CIE_LAB => Color::Lab(Box::new(Lab::new(fields, Scale::Cie)?)),
        ICC_LAB => Color::Lab(Box::new(Lab::new(fields, Scale::Icc)?)),
        other => {
            return Err(unsupported(format!("colors of kind {other} (PhotometricInterpretation)")));
        }
    };
    Ok(color)
}

/// Which of the samples behind the color is alpha, and whether colors have been multiplied with it.
fn alpha(colors: usize, count: usize, extra: Option<&[u64]>) -> Option<Alpha> {
    // Values of the field ExtraSamples; the last is Corel Draw's, as Pillow knows.
    const ASSOCIATED: u64 = 1;
    const UNASSOCIATED: [u64; 2] = [2, 999];
    let Some(extra) = extra else {
        // Writers of RGBA forget the field.
        return (colors == 3 && count == 4).then_some(Alpha { sample: 3, is_associated: false });
    };
    let is_alpha = |kind: &u64| *kind == ASSOCIATED || UNASSOCIATED.contains(kind);
    let position = extra.iter().position(is_alpha)?;
    let sample = colors + position;
    (sample < count && matches!(colors, 1 | 3))
        .then_some(Alpha { sample, is_associated: extra[position] == ASSOCIATED })
}

/// The colors of a palette: all reds, all greens and all blues, of 16 bits each.
fn palette(fields: &Directory<'_>, bits: u16) -> ImageResult<Vec<[u8; 3]>> {
    let levels = fields.integers(320)?.ok_or_else(|| damaged("it has no palette"))?;
    let count = (1_usize << bits).min(levels.len() / 3);
    // Some writers fill in 8 bits, which libtiff takes so.
    let shift = if levels.iter().any(|level| *level > 255) { 8 } else { 0 };
    let stride = levels.len() / 3;
    let level = |channel: usize, i: usize| (levels[channel * stride + i] >> shift) as u8;
    Ok((0..count).map(|i| [level(0, i), level(1, i), level(2, i)]).collect())
}
