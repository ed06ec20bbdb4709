//! From a file to an RGB picture, or to a sentence on why not.

use std::borrow::Cow;
use std::fs::File;
use std::io::{Cursor, ErrorKind, Read};
use std::path::Path;

use image::metadata::Orientation as Turn;
use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, ImageResult, Limits, RgbImage,
};

use crate::detail::reduced;
use crate::format::Format;
use crate::metadata::Metadata;
use crate::opened::Opened;
use crate::rgb::{self, Stored};
use crate::side::{Side, turned};
use crate::{
    ColorManagement, Error, Orientation, ReadOptions, Result, bmp, color, format, gif, indexed,
    jpeg, tiff, trailer,
};

/// Reads a picture file. Of an animation, the first frame counts.
///
/// # Errors
///
/// [`Error::NotFound`], [`Error::Folder`], [`Error::NotAFile`], [`Error::Io`], and those of
/// [`decode`].
pub fn read(path: &Path, options: &ReadOptions) -> Result<RgbImage> {
    let (bytes, origin) = load(path)?;
    decode(&bytes, &origin, options)
}

/// The bytes of a picture file, and what error messages call them: what [`decode`] takes.
///
/// # Errors
///
/// [`Error::NotFound`], [`Error::Folder`], [`Error::NotAFile`], [`Error::Io`]; [`Error::Empty`],
/// [`Error::NotAPicture`] and [`Error::UnsupportedFormat`] by the beginning of the file alone.
pub fn load(path: &Path) -> Result<(Vec<u8>, String)> {
    let fail = |source: std::io::Error| match source.kind() {
        ErrorKind::NotFound => Error::NotFound { path: path.to_owned() },
        _ => Error::Io { path: path.to_owned(), source },
    };
    let kind = std::fs::metadata(path).map_err(fail)?.file_type();
    if kind.is_dir() {
        return Err(Error::Folder { path: path.to_owned() });
    }
    if !kind.is_file() {
        return Err(Error::NotAFile { path: path.to_owned() });
    }
    let origin = path.display().to_string();
    let mut file = File::open(path).map_err(fail)?;
    let mut bytes = Vec::new();
    // A film or an archive among the pictures is not worth reading whole.
    file.by_ref().take(format::HEAD).read_to_end(&mut bytes).map_err(fail)?;
    format::identify(&bytes, &origin)?;
    file.read_to_end(&mut bytes).map_err(fail)?;
    Ok((bytes, origin))
}

/// Decodes the bytes of a picture file; `origin` is what error messages call them.
///
/// # Errors
///
/// [`Error::Empty`], [`Error::NotAPicture`], [`Error::UnsupportedFormat`], [`Error::WithoutHeif`],
/// [`Error::NoLibheif`], [`Error::NoHeifDecoder`], [`Error::UnsupportedKind`], [`Error::TooLarge`] (from the header, before anything is decoded),
/// [`Error::CutOff`], [`Error::Damaged`], [`Error::NoPixels`].
pub fn decode(bytes: &[u8], origin: &str, options: &ReadOptions) -> Result<RgbImage> {
    Ok(rgb::convert(upright(bytes, origin, options, |_| ())?.picture, options))
}

/// Width and height as the picture is shown, from the header of its file alone.
///
/// # Errors
///
/// Those of [`decode`] that a header tells, and none for its size.
pub fn shown_size(bytes: &[u8], origin: &str) -> Result<(u32, u32)> {
    let format = format::identify(bytes, origin)?;
    let metadata = Metadata::read(bytes);
    let Opened { size: (width, height), .. } =
        open(format, bytes, &metadata, &ReadOptions::default())
            .map_err(|error| decoding_error(error, origin))?;
    let turn = turn(format, &metadata, Orientation::Apply);
    let [width, height] = turned([Side::whole(width), Side::whole(height)], turn);
    Ok((width.whole, height.whole))
}

/// What the decoder gives, turned as `options` say, and what it does not say. `wait` hears how many
/// bytes that takes before it is made.
pub(crate) fn upright(
    bytes: &[u8],
    origin: &str,
    options: &ReadOptions,
    wait: impl FnOnce(u64),
) -> Result<Upright> {
    let format = format::identify(bytes, origin)?;
    let fail = |error| decoding_error(error, origin);
    if let (Format::Image(ImageFormat::Png), Some(size)) = (format, format::png_size(bytes)) {
        check_size(size, origin, options)?;
    }
    let cut_off = || Error::CutOff { origin: origin.to_owned() };
    let jpeg = match format {
        Format::Image(ImageFormat::Jpeg) => Some(jpeg::complete(bytes).ok_or_else(cut_off)?),
        _ => None,
    };
    let bytes = jpeg.as_ref().map_or(bytes, |jpeg| &jpeg.bytes);
    let had_no_end = jpeg.as_ref().is_some_and(|jpeg| jpeg.had_no_end);
    let metadata = Metadata::read(bytes);
    let Opened { decoder, size, mut divisor, bytes: memory } =
        open(format, bytes, &metadata, options).map_err(fail)?;
    check_size(size, origin, options)?;
    let turn = turn(format, &metadata, options.orientation);
    let stored = match format {
        Format::Image(format) => Stored {
            zero: indexed::zero(format, bytes),
            alpha: indexed::has_alpha_channel(format, bytes),
        },
        Format::Heif(_) => Stored { zero: None, alpha: true },
    };
    // Whether a JPEG without an end is whole shows when it is decoded in two ways.
    wait(if had_no_end { 3 * memory } else { memory });
    if had_no_end && !jpeg::has_all_rows(bytes) {
        return Err(cut_off());
    }
    let mut picture = DynamicImage::from_decoder(decoder).map_err(|error| match format {
        Format::Image(format) if trailer::is_cut_off(format, bytes, &error) => cut_off(),
        _ => fail(error),
    })?;
    if let (ColorManagement::ToSrgb, Some(color)) = (options.color, &metadata.color) {
        picture = color::to_srgb(picture, color);
    }
    let further = options.detail().divisor((picture.width(), picture.height()));
    if further > 1 {
        picture = reduced(rgb::convert(picture, options), further).into();
        divisor *= further;
    }
    let sides = [
        Side::reduced(size.0, picture.width(), divisor),
        Side::reduced(size.1, picture.height(), divisor),
    ];
    picture.apply_orientation(turn);
    Ok(Upright { picture, sides: turned(sides, turn), stored })
}

/// How what the decoder gives is to be turned.
fn turn(format: Format, metadata: &Metadata<'_>, orientation: Orientation) -> Turn {
    match (format, orientation) {
        // The decoder has done it.
        (Format::Heif(_), _) => Turn::NoTransforms,
        (Format::Image(ImageFormat::Tiff), _) | (_, Orientation::Apply) => metadata.orientation(),
        (_, Orientation::Ignore) => Turn::NoTransforms,
    }
}

/// A decoded picture that has been turned.
pub(crate) struct Upright {
    pub(crate) picture: DynamicImage,
    /// Width and height.
    pub(crate) sides: [Side; 2],
    pub(crate) stored: Stored,
}

/// Reads the header.
fn open<'a>(
    format: Format,
    bytes: &'a [u8],
    metadata: &Metadata<'_>,
    options: &ReadOptions,
) -> ImageResult<Opened<'a>> {
    let format = match format {
        Format::Heif(codec) => return codec.open(bytes),
        Format::Image(ImageFormat::Jpeg) => {
            let color =
                metadata.color.as_ref().filter(|_| options.color == ColorManagement::ToSrgb);
            return jpeg::open(bytes, options.detail(), color.and_then(color::Color::inks));
        }
        Format::Image(ImageFormat::Tiff) => return tiff::open(bytes, options),
        Format::Image(format) => format,
    };
    let windows = if format == ImageFormat::Bmp { bmp::from_os2(bytes)? } else { None };
    let file = windows.map_or(Cow::Borrowed(bytes), Cow::Owned);
    let file = trailer::completed(format, &file).map_or(file, Cow::Owned);
    if format == ImageFormat::Gif {
        return gif::open(file);
    }
    let mut reader = ImageReader::with_format(Cursor::new(file), format);
    reader.limits(limits(options));
    let decoder = reader.into_decoder()?;
    let (size, bytes) = (decoder.dimensions(), decoder.total_bytes());
    Ok(Opened { decoder: Box::new(decoder), size, divisor: 1, bytes })
}

fn check_size((width, height): (u32, u32), origin: &str, options: &ReadOptions) -> Result<()> {
    let origin = || origin.to_owned();
    if width == 0 || height == 0 {
        return Err(Error::NoPixels { origin: origin(), width, height });
    }
    if u64::from(width) * u64::from(height) > options.max_pixels() {
        let max_megapixels = options.max_megapixels;
        return Err(Error::TooLarge { origin: origin(), width, height, max_megapixels });
    }
    Ok(())
}

/// Room for a picture at the limit in 16-bit RGBA, and for the decoder's tables.
fn limits(options: &ReadOptions) -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(options.max_pixels() * 8 + (64 << 20));
    limits
}

fn decoding_error(source: ImageError, origin: &str) -> Error {
    let origin = origin.to_owned();
    match source {
        ImageError::IoError(error) if error.kind() == ErrorKind::UnexpectedEof => {
            Error::CutOff { origin }
        }
        ImageError::Unsupported(_) => Error::UnsupportedKind { origin, source },
        source => Error::Damaged { origin, source },
    }
}
