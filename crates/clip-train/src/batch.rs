//! From a loader's batch to a learner's inputs.

use burn::tensor::{Int, Tensor, TensorData};
use clip_data::Batch;
use clip_model::{Device, float_tensor, int_tensor};
use clip_tokenizer::{Overflow, Tokenizer};
use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;

use crate::{Error, ImageInputs, Inputs, Result};

/// Token ids of each text, cut to the context.
pub(crate) fn encode<T: AsRef<str>>(tokenizer: &Tokenizer, texts: &[T]) -> Result<Vec<Vec<u32>>> {
    let encode = |text: &T| {
        tokenizer
            .encode(text.as_ref(), Overflow::Truncate)
            .map_err(|source| Error::Caption { caption: text.as_ref().to_owned(), source })
    };
    texts.iter().map(encode).collect()
}

/// Token ids of texts, cut to the context: `[texts, longest]`.
pub(crate) fn tokens<T: AsRef<str>>(
    tokenizer: &Tokenizer,
    texts: &[T],
    device: &Device,
) -> Result<Tensor<2, Int>> {
    let batch = tokenizer.pad(&encode(tokenizer, texts)?);
    Ok(int_tensor(&batch.ids, [batch.rows, batch.length], device))
}

/// How pictures are cut into patches, and how many of them training sees.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Patches {
    /// Side of a picture in pixels.
    pub(crate) picture: usize,
    /// Side of a patch in pixels.
    pub(crate) side: usize,
    /// Patches kept of each picture.
    pub(crate) kept: usize,
}

impl Patches {
    /// Patches kept of a share of all; at least one.
    pub(crate) fn new(picture: usize, side: usize, share: f64) -> Self {
        let grid = picture / side;
        let all = grid * grid;
        let kept = ((all as f64 * share).round() as usize).clamp(1, all);
        Self { picture, side, kept }
    }

    fn grid(self) -> usize {
        self.picture / self.side
    }

    /// The patches of a batch, channels, rows, columns each, and which they are. Which ones a row
    /// keeps follows from `seed` alone.
    fn cut(self, pixels: &[f32], seed: u64) -> (Vec<f32>, Vec<u32>) {
        let Self { picture, side, kept } = self;
        let (grid, plane) = (self.grid(), picture * picture);
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut all: Vec<u32> = (0..(grid * grid) as u32).collect();
        let rows = pixels.len() / (3 * plane);
        let mut patches = Vec::with_capacity(rows * kept * 3 * side * side);
        let mut numbers = Vec::with_capacity(rows * kept);
        for row in pixels.chunks_exact(3 * plane) {
            if kept < all.len() {
                all.shuffle(&mut random);
            }
            let start = numbers.len();
            numbers.extend_from_slice(&all[..kept]);
            numbers[start..].sort_unstable();
            for &number in &numbers[start..] {
                let (top, left) = (number as usize / grid * side, number as usize % grid * side);
                for channel in row.chunks_exact(plane) {
                    for line in channel.chunks_exact(picture).skip(top).take(side) {
                        patches.extend_from_slice(&line[left..left + side]);
                    }
                }
            }
        }
        (patches, numbers)
    }

    /// A batch on a device.
    pub(crate) fn inputs(
        self,
        batch: &Batch,
        tokenizer: &Tokenizer,
        seed: u64,
        device: &Device,
    ) -> Result<Inputs> {
        let rows = batch.len();
        let (patches, numbers) = self.cut(&batch.pixels, seed);
        let all = self.kept == self.grid() * self.grid();
        let kept = (!all).then(|| int_tensor(&numbers, [rows, self.kept], device));
        Ok(Inputs {
            images: ImageInputs::Patches {
                patches: float_tensor(
                    patches,
                    [rows, self.kept, 3 * self.side * self.side],
                    device,
                ),
                kept,
            },
            texts: tokens(tokenizer, &batch.captions, device)?,
            matches: Tensor::from_data(
                TensorData::new(batch.matches.clone(), [rows, rows]),
                device,
            ),
            translations: None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_are_cut_as_the_tower_numbers_them() {
        // Two channels' worth of planes are enough to see the order: value = channel, row, column.
        let pixels: Vec<f32> = (0..3)
            .flat_map(|c| {
                (0..4).flat_map(move |y| (0..4).map(move |x| (100 * c + 10 * y + x) as f32))
            })
            .collect();
        let patches = Patches::new(4, 2, 1.0);
        let (values, numbers) = patches.cut(&pixels, 0);
        assert_eq!(numbers, [0, 1, 2, 3]);
        assert_eq!(values[..4], [0.0, 1.0, 10.0, 11.0]);
        assert_eq!(values[4..8], [100.0, 101.0, 110.0, 111.0]);
        assert_eq!(values[12..16], [2.0, 3.0, 12.0, 13.0]);
        let half = Patches::new(4, 2, 0.5);
        let (values, numbers) = half.cut(&pixels, 1);
        assert_eq!((values.len(), numbers.len()), (24, 2));
        assert!(numbers[0] < numbers[1]);
        assert_eq!(half.cut(&pixels, 1).1, numbers);
    }
}
