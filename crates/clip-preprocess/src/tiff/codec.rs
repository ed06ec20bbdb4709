//! What compresses the pixels of a strip or tile, and what was done to them before.

use std::io::{Cursor, ErrorKind, Read};

use flate2::read::ZlibDecoder;
use image::codecs::webp::WebPDecoder;
use image::{ColorType, ImageDecoder, ImageError, ImageResult};
use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;
use weezl::BitOrder;

use super::chunks::Chunk;
use super::color::Color;
use super::directory::Directory;
use super::fax::{self, Fax};
use super::header::Header;
use super::jpeg::{self, Tables};
use super::samples::{Format, Samples};
use super::{damaged, predictor, unsupported};

/// The memory that a file may ask of an LZMA decoder, in KiB. The highest preset of xz asks for 64 MiB.
const LZMA_MEMORY: u32 = 128 << 10;

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
    fn has_own_order(&self) -> bool {
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

/// The samples of a strip or tile in a plane: so many rows as it has, each of whole bytes.
pub(super) fn expand(
    header: &Header,
    file: &[u8],
    chunk: &Chunk,
    plane: usize,
) -> ImageResult<Vec<u8>> {
    let size = match &header.subsampling {
        Some(subsampling) => subsampling.stored_bytes(header.chunks.width, chunk.rows),
        None => header.row_bytes() * u64::from(chunk.rows),
    };
    let size = usize::try_from(size).map_err(|_| unsupported(format!("strips of {size} bytes")))?;
    let mut out = vec![0; size];
    let expected = matches!(header.compression, Compression::None).then_some(size);
    let found = match &header.compression {
        Compression::OldJpeg(old) => old.read(header, file, &mut out),
        _ => header.chunks.bytes(file, chunk, plane, expected).and_then(|bytes| {
            if header.is_reversed && !header.compression.has_own_order() {
                let bytes: Vec<u8> = bytes.iter().map(|byte| byte.reverse_bits()).collect();
                decompress(header, &bytes, chunk, &mut out)
            } else {
                decompress(header, bytes, chunk, &mut out)
            }
        }),
    };
    found.map_err(|error| match error {
        ImageError::Decoding(_) if header.chunks.is_cut_off(file, chunk, plane) => {
            ImageError::IoError(ErrorKind::UnexpectedEof.into())
        }
        error => error,
    })?;
    if let Some(subsampling) = &header.subsampling {
        return Ok(subsampling.expand(&out, header.chunks.width, chunk.rows));
    }
    let row = header.row_bytes() as usize;
    match header.predictor {
        Predictor::None => {}
        Predictor::Horizontal => predictor::add(&mut out, row, header),
        Predictor::Float => predictor::join(&mut out, row, header),
    }
    Ok(out)
}

/// Fills all of `out`, or says why it cannot.
fn decompress(header: &Header, bytes: &[u8], chunk: &Chunk, out: &mut [u8]) -> ImageResult<()> {
    match &header.compression {
        Compression::None => {
            let end = || ImageError::IoError(ErrorKind::UnexpectedEof.into());
            out.copy_from_slice(bytes.get(..out.len()).ok_or_else(end)?);
            Ok(())
        }
        Compression::PackBits => pack_bits(bytes, out),
        Compression::Lzw => lzw(bytes, out),
        Compression::Deflate => fill(ZlibDecoder::new(bytes), out),
        Compression::Zstd => fill(StreamingDecoder::new(bytes).map_err(damaged)?, out),
        Compression::Lzma => fill(XzReader::new_mem_limit(bytes, false, LZMA_MEMORY), out),
        Compression::Fax(fax) => fax::decode(*fax, bytes, (header.chunks.width, chunk.rows), out),
        Compression::Jpeg(tables) => jpeg::read(tables, bytes, header, chunk, out),
        Compression::OldJpeg(_) => unreachable!("it is read from the file"),
        Compression::WebP => webp(bytes, header, chunk, out),
    }
}

fn fill(mut decoder: impl Read, out: &mut [u8]) -> ImageResult<()> {
    decoder.read_exact(out).map_err(damaged)
}

/// TIFF 6.0, section 9.
fn pack_bits(mut bytes: &[u8], mut out: &mut [u8]) -> ImageResult<()> {
    while !out.is_empty() {
        let (run, rest): (usize, &[u8]) = match *bytes {
            [128, ref rest @ ..] => (0, rest),
            [count @ 0..128, ref rest @ ..] => {
                let run = (usize::from(count) + 1).min(out.len());
                let (literal, rest) =
                    rest.split_at_checked(run).ok_or_else(|| damaged("its pixels end early"))?;
                out[..run].copy_from_slice(literal);
                (run, rest)
            }
            [count, byte, ref rest @ ..] => {
                let run = (257 - usize::from(count)).min(out.len());
                out[..run].fill(byte);
                (run, rest)
            }
            _ => return Err(damaged("its pixels end early")),
        };
        bytes = rest;
        out = &mut out[run..];
    }
    Ok(())
}

/// TIFF 6.0, section 13. Before that writers put the lowest bit first, and widened codes one later.
fn lzw(mut bytes: &[u8], mut out: &mut [u8]) -> ImageResult<()> {
    let mut decoder = match bytes {
        // The first code is 256, of nine bits.
        [0, second, ..] if second & 1 == 1 => weezl::decode::Decoder::new(BitOrder::Lsb, 8),
        _ => weezl::decode::Decoder::with_tiff_size_switch(BitOrder::Msb, 8),
    };
    while !out.is_empty() {
        let result = decoder.decode_bytes(bytes, out);
        bytes = &bytes[result.consumed_in..];
        out = &mut out[result.consumed_out..];
        match result.status {
            Ok(weezl::LzwStatus::Ok) => {}
            Ok(_) if out.is_empty() => {}
            Ok(_) => return Err(damaged("its pixels end early")),
            Err(error) => return Err(damaged(error)),
        }
    }
    Ok(())
}

fn webp(bytes: &[u8], header: &Header, chunk: &Chunk, out: &mut [u8]) -> ImageResult<()> {
    let decoder = WebPDecoder::new(Cursor::new(bytes))?;
    if decoder.dimensions() != (header.chunks.width, chunk.rows) {
        return Err(damaged("a strip or tile of it has another size"));
    }
    let color = decoder.color_type();
    let mut pixels = vec![0; decoder.total_bytes() as usize];
    decoder.read_image(&mut pixels)?;
    let pixels = pixels.chunks_exact(usize::from(color.channel_count()));
    for (out, pixel) in out.chunks_exact_mut(header.samples_together()).zip(pixels) {
        match (out, pixel) {
            ([out @ .., alpha], [r, g, b]) if out.len() == 3 => {
                out.copy_from_slice(&[*r, *g, *b]);
                *alpha = u8::MAX;
            }
            (out, pixel) if color == ColorType::Rgba8 => {
                let length = out.len().min(pixel.len());
                out[..length].copy_from_slice(&pixel[..length]);
            }
            (out, pixel) => out.copy_from_slice(pixel),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_and_literals() {
        let mut out = [0; 8];
        pack_bits(&[0xfe, 0xaa, 128, 2, 1, 2, 3, 0xff, 9, 77], &mut out).unwrap();
        assert_eq!(out, [0xaa, 0xaa, 0xaa, 1, 2, 3, 9, 9]);
        for end in [0, 1, 2, 5] {
            assert!(pack_bits(&[0xfe, 0xaa, 128, 2, 1, 2, 3][..end], &mut out).is_err());
        }
    }
}
