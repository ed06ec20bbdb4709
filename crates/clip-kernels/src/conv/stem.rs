//! A convolutional stem with packed weights, forward only.
//!
//! Maps are channels last: 1×1 convolutions are products then, whose rows are positions.
//!
//! A batch of many images is shared out among the cores, one of few by rows of every map.

use std::cell::Cell;

use rayon::prelude::*;

use super::pixels::{CHANNELS, PixelConvolution};
use super::{PackedInvertedResidual, Padding, Pointwise};
use crate::gemm::{Buffer, sized};
use crate::ops::Activation;

/// Images that go through the last blocks together.
const GROUP: usize = 4;

/// Positions of a map from which on images go together.
const SMALL: usize = 256;

/// A convolutional stem with packed weights.
#[derive(Debug)]
pub struct PackedConvStem {
    first: PixelConvolution,
    blocks: Vec<PackedInvertedResidual>,
    head: Option<Pointwise>,
    activation: Activation,
}

thread_local! {
    /// Kept from pass to pass: fresh memory is zeroed, and far from the cores.
    static BUFFER: Cell<Buffer> = Cell::default();
    static MAPS: Cell<[Vec<f32>; 3]> = Cell::default();
}

impl PackedConvStem {
    /// A stem of layers that fit each other; `first` are the weights of the first convolution,
    /// `[channels, 3, 3, 3]`, which are kept in `f32`.
    ///
    /// # Panics
    ///
    /// Where they do not fit.
    pub fn new(
        (first, bias): (&[f32], Vec<f32>),
        blocks: Vec<PackedInvertedResidual>,
        head: Option<Pointwise>,
        padding: Padding,
        activation: Activation,
    ) -> Self {
        let first = PixelConvolution::new(first, bias, padding, activation);
        let mut channels = first.channels();
        for block in &blocks {
            assert_eq!(block.inputs(), channels, "channels of a block");
            channels = block.outputs();
        }
        assert!(head.as_ref().is_none_or(|head| head.inputs() == channels), "channels of a head");
        Self { first, blocks, head, activation }
    }

    /// Channels of the feature map.
    pub fn channels(&self) -> usize {
        let last = self.blocks.last().map_or(self.first.channels(), |block| block.outputs());
        self.head.as_ref().map_or(last, Pointwise::outputs)
    }

    /// Height and width of the feature map of images of that size.
    pub fn map_size(&self, size: [usize; 2]) -> [usize; 2] {
        let first = PixelConvolution::output_size(size);
        self.blocks.iter().fold(first, |size, block| block.output_size(size))
    }

    /// Feature maps, channels last, of images `[B, 3, H, W]`.
    ///
    /// # Panics
    ///
    /// Where the images do not have three channels of that size.
    pub fn forward(&self, pixels: &[f32], size: [usize; 2]) -> Vec<f32> {
        let input = CHANNELS * size[0] * size[1];
        assert!(pixels.len().is_multiple_of(input), "images of three channels");
        let (batch, threads) = (pixels.len() / input, rayon::current_num_threads());
        let [height, width] = self.map_size(size);
        let output = height * width * self.channels();
        let mut out = vec![0.0; batch * output];
        if batch >= threads {
            let group = GROUP.min(batch.div_ceil(threads));
            pixels
                .par_chunks(group * input)
                .zip(out.par_chunks_mut(group * output))
                .for_each(|(pixels, out)| self.run(pixels, size, 1, out));
        } else {
            self.run(pixels, size, threads, &mut out);
        }
        out
    }

    /// Some images, one after the other while their maps are large, then together.
    fn run(&self, pixels: &[f32], size: [usize; 2], threads: usize, out: &mut [f32]) {
        let images = pixels.len() / (CHANNELS * size[0] * size[1]);
        let first = PixelConvolution::output_size(size);
        let [mut x, mut y, mut all] = MAPS.take();
        let mut map = first;
        let small = self.blocks.iter().position(|block| {
            let is_small = map[0] * map[1] <= SMALL;
            map = block.output_size(map);
            is_small
        });
        let (large, small) = self.blocks.split_at(small.unwrap_or(self.blocks.len()));
        let mut middle = first;
        for (i, pixels) in pixels.chunks_exact(CHANNELS * size[0] * size[1]).enumerate() {
            let mut map = first;
            sized(&mut x, map[0] * map[1] * self.first.channels());
            self.enter(pixels, size, threads, &mut x[..map[0] * map[1] * self.first.channels()]);
            let mut values = map[0] * map[1] * self.first.channels();
            for block in large {
                let next = block.output_size(map);
                let length = next[0] * next[1] * block.outputs();
                sized(&mut y, length);
                block.forward(&x[..values], map, threads, &mut y[..length]);
                std::mem::swap(&mut x, &mut y);
                (map, values) = (next, length);
            }
            sized(&mut all, images * values)[i * values..][..values].copy_from_slice(&x[..values]);
            middle = map;
        }
        let mut map = middle;
        let channels = large.last().map_or(self.first.channels(), |block| block.outputs());
        let mut values = images * map[0] * map[1] * channels;
        std::mem::swap(&mut x, &mut all);
        for block in small {
            let next = block.output_size(map);
            let length = images * next[0] * next[1] * block.outputs();
            sized(&mut y, length);
            block.forward(&x[..values], map, threads, &mut y[..length]);
            std::mem::swap(&mut x, &mut y);
            (map, values) = (next, length);
        }
        match &self.head {
            None => out.copy_from_slice(&x[..values]),
            Some(head) => {
                let rows = (values / head.inputs()).div_ceil(threads);
                x[..values]
                    .par_chunks(rows * head.inputs())
                    .zip(out.par_chunks_mut(rows * head.outputs()))
                    .for_each(|(x, out)| {
                        let mut buffer = BUFFER.take();
                        head.forward(x, Some(self.activation), out, &mut buffer);
                        BUFFER.set(buffer);
                    });
            }
        }
        MAPS.set([x, y, all]);
    }

    /// The first convolution of an image.
    fn enter(&self, pixels: &[f32], size: [usize; 2], threads: usize, out: &mut [f32]) {
        let [rows, columns] = PixelConvolution::output_size(size);
        let share = rows.div_ceil(threads);
        let part = |(i, out): (usize, &mut [f32])| {
            let part = i * share..rows.min((i + 1) * share);
            self.first.forward(pixels, size, part, out);
        };
        let length = share * columns * self.first.channels();
        match threads {
            1 => part((0, out)),
            _ => out.par_chunks_mut(length).enumerate().for_each(part),
        }
    }
}
