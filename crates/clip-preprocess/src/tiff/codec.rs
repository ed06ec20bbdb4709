//! From the bytes of a strip or tile to its samples.

use std::io::{Cursor, ErrorKind, Read};

use flate2::read::ZlibDecoder;
use image::codecs::webp::WebPDecoder;
use image::{ColorType, ImageDecoder, ImageError, ImageResult};
use lzma_rust2::XzReader;
use ruzstd::decoding::StreamingDecoder;
use weezl::BitOrder;

use super::chunks::Chunk;
use super::compression::{Compression, Predictor};
use super::fax;
use super::header::Header;
use super::jpeg::{self, Layout};
use super::{damaged, predictor, unsupported};

/// The memory that a file may ask of an LZMA decoder, in KiB. The highest preset of xz asks for 64 MiB.
const LZMA_MEMORY: u32 = 128 << 10;

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
        Compression::OldJpeg(old) => {
            let most = (header.width, header.height);
            old.read(&layout(header, most), file, &mut out)
        }
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
        Compression::Jpeg(tables) => {
            let most = (header.chunks.width, header.chunks.height.max(chunk.rows));
            jpeg::read(tables, bytes, &layout(header, most), out)
        }
        Compression::OldJpeg(_) => unreachable!("it is read from the file"),
        Compression::WebP => webp(bytes, header, chunk, out),
    }
}

/// What a stream of JPEG has to hold.
fn layout(header: &Header, most: (u32, u32)) -> Layout {
    Layout { row_bytes: header.row_bytes() as usize, channels: header.samples_together(), most }
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
