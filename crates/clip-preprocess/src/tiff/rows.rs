//! The samples of a picture, row by row.

use image::ImageResult;

use super::chunks::Chunk;
use super::codec;
use super::header::Header;
use super::samples::Samples;

/// Samples of pixels beside each other, from a place on.
pub(super) struct Row<'a, T> {
    pub(super) x: u32,
    pub(super) y: u32,
    /// All of a pixel, then those of the next.
    pub(super) samples: &'a [T],
}

/// Goes through the picture row by row of each strip or tile. `unpack` makes samples of bytes.
pub(super) fn for_each_row<T: Copy + Default>(
    header: &Header,
    file: &[u8],
    unpack: impl Fn(&Samples, &[u8], &mut [T]),
    mut take: impl FnMut(Row<'_, T>),
) -> ImageResult<()> {
    let (count, together) = (header.samples.count, header.samples_together());
    let mut whole = vec![T::default(); header.chunks.width.min(header.width) as usize * count];
    let mut plane = vec![T::default(); if together < count { whole.len() / count } else { 0 }];
    for chunk in header.chunks.iter((header.width, header.height)) {
        let Chunk { x, y, visible: (width, height), .. } = chunk;
        let planes: Vec<Vec<u8>> = (0..header.chunks.planes)
            .map(|plane| codec::expand(header, file, &chunk, plane))
            .collect::<ImageResult<_>>()?;
        let length = planes[0].len() / chunk.rows as usize;
        for row in 0..height {
            let bytes = |plane: usize| &planes[plane][row as usize * length..][..length];
            let samples = &mut whole[..width as usize * count];
            if together == count {
                unpack(&header.samples, bytes(0), samples);
            } else {
                for channel in 0..count {
                    let channel_samples = &mut plane[..width as usize];
                    unpack(&header.samples, bytes(channel), channel_samples);
                    for (pixel, sample) in samples.chunks_exact_mut(count).zip(channel_samples) {
                        pixel[channel] = *sample;
                    }
                }
            }
            take(Row { x, y: y + row, samples });
        }
    }
    Ok(())
}
