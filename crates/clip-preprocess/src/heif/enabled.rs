//! The system's libheif as a decoder of this crate. It turns and mirrors pictures as their files say.

use std::io::ErrorKind;
use std::sync::OnceLock;

use image::error::{
    DecodingError, ImageError, ImageFormatHint, UnsupportedError, UnsupportedErrorKind,
};
use image::{ColorType, ImageDecoder, ImageResult};

use super::library::{Compression, Libheif, Refusal, Samples, Still};
use super::{Kind, container};
use crate::opened::Opened;
use crate::pixel_mode::unfade;
use crate::{Error, Result};

/// How often a picture is in memory: its planes, what libheif makes of them, and what we get.
const COPIES: u64 = 3;

/// The decoder of a kind.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Codec {
    library: &'static Libheif,
    kind: Kind,
}

impl Codec {
    /// Looks for the library, once for the whole program, and for its decoder.
    pub(crate) fn find(kind: Kind, origin: &str) -> Result<Self> {
        static LIBRARY: OnceLock<std::result::Result<Libheif, String>> = OnceLock::new();
        let library = LIBRARY.get_or_init(Libheif::load).as_ref();
        let library = library.map_err(|reason| Error::NoLibheif {
            origin: origin.to_owned(),
            format: kind.to_string(),
            reason: reason.clone(),
        })?;
        let (compression, packages) = match kind {
            Kind::Heic => (
                Compression::HEVC,
                "Debian and Ubuntu: `libheif-plugin-libde265`, Fedora: `libheif-freeworld` of RPM Fusion",
            ),
            Kind::Avif => (
                Compression::AV1,
                "Debian and Ubuntu: `libheif-plugin-dav1d`, others: a libheif built with dav1d or libaom",
            ),
            // The decoder will say.
            Kind::Heif => return Ok(Self { library, kind }),
        };
        if library.decodes(compression) {
            return Ok(Self { library, kind });
        }
        let (origin, format) = (origin.to_owned(), kind.to_string());
        Err(Error::NoHeifDecoder { origin, format, packages })
    }

    /// Reads the header.
    pub(crate) fn open(self, bytes: &[u8]) -> ImageResult<Opened<'_>> {
        if !container::is_whole(bytes) {
            return Err(ImageError::IoError(ErrorKind::UnexpectedEof.into()));
        }
        if !container::is_finite(bytes) {
            return Err(damaged("its pictures are made of each other".to_owned(), self.kind));
        }
        if !container::is_cropped_soundly(bytes) {
            return Err(damaged("it is cropped to no size".to_owned(), self.kind));
        }
        let still = self.library.open(bytes).map_err(|refusal| image_error(&refusal, self.kind))?;
        let decoder = Box::new(Decoder { still, kind: self.kind });
        let (size, bytes) = (decoder.dimensions(), COPIES * decoder.total_bytes());
        Ok(Opened { decoder, size, divisor: 1, bytes })
    }
}

struct Decoder<'a> {
    still: Still<'a>,
    kind: Kind,
}

impl Decoder<'_> {
    fn samples(&self) -> Samples {
        if self.still.has_alpha() { Samples::Rgba } else { Samples::Rgb }
    }
}

impl ImageDecoder for Decoder<'_> {
    fn dimensions(&self) -> (u32, u32) {
        self.still.size()
    }

    fn color_type(&self) -> ColorType {
        match self.samples() {
            Samples::Rgb => ColorType::Rgb8,
            Samples::Rgba => ColorType::Rgba8,
        }
    }

    fn read_image(self, samples: &mut [u8]) -> ImageResult<()> {
        let refused = |refusal: Refusal| image_error(&refusal, self.kind);
        let pixels = self.still.decode(self.samples()).map_err(refused)?;
        if pixels.size() != self.dimensions() {
            let ((width, height), (wide, high)) = (self.dimensions(), pixels.size());
            let reason = format!("{width}×{height} in the header, {wide}×{high} decoded");
            return Err(damaged(reason, self.kind));
        }
        // A picture has pixels, or it would have been refused.
        let length = samples.len() / self.dimensions().1 as usize;
        for (row, samples) in pixels.rows().zip(samples.chunks_exact_mut(length)) {
            samples.copy_from_slice(row);
        }
        if self.still.is_premultiplied() {
            for [color @ .., alpha] in samples.as_chunks_mut::<4>().0 {
                *color = unfade(*color, *alpha);
            }
        }
        Ok(())
    }

    fn read_image_boxed(self: Box<Self>, samples: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(samples)
    }
}

fn image_error(refusal: &Refusal, kind: Kind) -> ImageError {
    if refusal.is_end() {
        return ImageError::IoError(ErrorKind::UnexpectedEof.into());
    }
    if refusal.is_unsupported() {
        let feature = UnsupportedErrorKind::GenericFeature(refusal.to_string());
        return ImageError::Unsupported(UnsupportedError::from_format_and_kind(
            hint(kind),
            feature,
        ));
    }
    damaged(refusal.to_string(), kind)
}

fn damaged(reason: String, kind: Kind) -> ImageError {
    ImageError::Decoding(DecodingError::new(hint(kind), reason))
}

fn hint(kind: Kind) -> ImageFormatHint {
    ImageFormatHint::Name(kind.to_string())
}
