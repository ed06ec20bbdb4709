//! The first frame of a GIF, on a screen that holds it.
//!
//! Files whose screen is smaller than the frame, or nothing, are common. Browsers and Pillow make the
//! screen as large as the first frame needs; the decoder of the crate `image` cuts the frame off.

use std::borrow::Cow;
use std::io::{Cursor, ErrorKind};

use gif::{ColorOutput, DecodeOptions, DecodingError};
use image::error::{self, ImageFormatHint};
use image::{ColorType, ImageDecoder, ImageError, ImageFormat, ImageResult};

use crate::opened::Opened;

struct Decoder<'a> {
    file: gif::Decoder<Cursor<Cow<'a, [u8]>>>,
    frame: Frame,
}

struct Frame {
    left: u32,
    top: u32,
    width: u32,
    height: u32,
    /// The number of the color that is transparent.
    transparent: Option<u8>,
}

/// Reads the file up to the first frame's pixels.
pub(crate) fn open(bytes: Cow<'_, [u8]>) -> ImageResult<Opened<'_>> {
    let mut options = DecodeOptions::new();
    options.set_color_output(ColorOutput::Indexed);
    let mut file = options.read_info(Cursor::new(with_palette(bytes))).map_err(image_error)?;
    let frame = file.next_frame_info().map_err(image_error)?;
    let frame = frame.ok_or_else(|| damaged("it has no pictures"))?;
    let frame = Frame {
        left: frame.left.into(),
        top: frame.top.into(),
        width: frame.width.into(),
        height: frame.height.into(),
        transparent: frame.transparent,
    };
    let decoder = Box::new(Decoder { file, frame });
    let (size, numbers) = (decoder.dimensions(), decoder.file.buffer_size() as u64);
    let bytes = decoder.total_bytes() + numbers;
    Ok(Opened { decoder, size, divisor: 1, bytes })
}

/// The file with a palette for all frames. One that has none may leave the colors to us (GIF89a, 18);
/// they are gray, as in Pillow.
fn with_palette(bytes: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    const FLAGS: usize = 10;
    const HEADER: usize = 13;
    match bytes.get(FLAGS) {
        Some(flags @ ..0x80) if bytes.len() >= HEADER => {
            let colors = (0..=u8::MAX).flat_map(|level| [level; 3]);
            let (flags, mut file) = (flags | 0x87, bytes[..HEADER].to_vec());
            file[FLAGS] = flags;
            file.extend(colors);
            file.extend(&bytes[HEADER..]);
            Cow::Owned(file)
        }
        _ => bytes,
    }
}

impl Decoder<'_> {
    /// The colors of all numbers, those that the file does not name in gray, as in Pillow.
    fn colors(&self) -> [[u8; 3]; 256] {
        let mut colors = std::array::from_fn(|i| [i as u8; 3]);
        let named = self.file.palette().unwrap_or_default().as_chunks::<3>().0;
        colors.iter_mut().zip(named).for_each(|(color, named)| *color = *named);
        colors
    }
}

impl ImageDecoder for Decoder<'_> {
    fn dimensions(&self) -> (u32, u32) {
        let Frame { left, top, width, height, .. } = self.frame;
        let (wide, high) = (u32::from(self.file.width()), u32::from(self.file.height()));
        (wide.max(left + width), high.max(top + height))
    }

    fn color_type(&self) -> ColorType {
        ColorType::Rgba8
    }

    fn icc_profile(&mut self) -> ImageResult<Option<Vec<u8>>> {
        Ok(self.file.icc_profile().map(<[u8]>::to_vec))
    }

    fn xmp_metadata(&mut self) -> ImageResult<Option<Vec<u8>>> {
        Ok(self.file.xmp_metadata().map(<[u8]>::to_vec))
    }

    fn read_image(mut self, samples: &mut [u8]) -> ImageResult<()> {
        let mut numbers = vec![0; self.file.buffer_size()];
        self.file.read_into_buffer(&mut numbers).map_err(image_error)?;
        let colors = self.colors();
        let Frame { left, top, width, transparent, .. } = self.frame;
        let pixel = |number: u8, alpha: u8| {
            let [r, g, b] = colors[usize::from(number)];
            [r, g, b, alpha]
        };
        // Where no frame is nothing is seen. The color there is Pillow's.
        let screen = self.dimensions().0 as usize;
        let pixels = samples.as_chunks_mut::<4>().0;
        pixels.fill(pixel(transparent.unwrap_or(0), 0));
        if width == 0 {
            return Ok(());
        }
        for (y, row) in numbers.chunks_exact(width as usize).enumerate() {
            let pixels = &mut pixels[(top as usize + y) * screen + left as usize..];
            for (out, number) in pixels.iter_mut().zip(row) {
                *out = pixel(*number, if transparent == Some(*number) { 0 } else { u8::MAX });
            }
        }
        Ok(())
    }

    fn read_image_boxed(self: Box<Self>, samples: &mut [u8]) -> ImageResult<()> {
        (*self).read_image(samples)
    }
}

fn image_error(error: DecodingError) -> ImageError {
    match error {
        DecodingError::Io(error) => ImageError::IoError(error),
        DecodingError::UnexpectedEof => ImageError::IoError(ErrorKind::UnexpectedEof.into()),
        error => damaged(error),
    }
}

fn damaged(reason: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> ImageError {
    let hint = ImageFormatHint::Exact(ImageFormat::Gif);
    ImageError::Decoding(error::DecodingError::new(hint, reason))
}
