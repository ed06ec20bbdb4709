//! JPEG decoded at a half, a quarter or an eighth of its size.
//!
//! What a decoder spends on a photograph beyond reading its codes goes into samples that the resize
//! averages again; here they are not made. zune-jpeg 0.5 cannot do this. jpeg-decoder 0.3 can, but it
//! starts threads for every picture and sends them coefficients without a bound, and is a little
//! slower. Only the common kind is read: 8 bits, Huffman codes, one scan, gray or YCbCr. Where
//! anything is unusual, the whole picture is decoded and averaged, and whoever decodes that says
//! what is wrong with it.

mod bits;
mod block;
mod frame;

use bits::Bits;
use block::{Read, reader};
use frame::Channel;
pub(crate) use frame::Frame;

/// A channel at the size of the reduced picture.
struct Plane<'a> {
    channel: &'a Channel,
    samples: Vec<u8>,
    stride: usize,
    read: Read,
    /// Samples of a block, to the right and downwards.
    block: [usize; 2],
    /// The mean of the block before.
    mean: i32,
}

impl Frame<'_> {
    /// The picture with both sides divided by `divisor` (2, 4 or 8), rounded up: gray or RGB, row by
    /// row. Nothing where the data is damaged or the sampling unusual.
    pub(crate) fn decode(&self, divisor: u32) -> Option<Vec<u8>> {
        let divisor = divisor as usize;
        let most = |axis: usize| self.channels.iter().map(|channel| channel.blocks[axis]).max();
        let group = [most(0)?, most(1)?].map(|blocks| blocks * 8 / divisor);
        if group.contains(&0) {
            return None;
        }
        let size = [self.size.0, self.size.1].map(|side| (side as usize).div_ceil(divisor));
        let groups = [size[0].div_ceil(group[0]), size[1].div_ceil(group[1])];
        let planes = self.channels.iter().map(|channel| Plane::new(channel, group, groups));
        let mut planes = planes.collect::<Option<Vec<_>>>()?;
        self.read(&mut planes, group, groups)?;
        Some(pixels(&planes, size))
    }

    /// Fills the planes group by group, row by row.
    fn read(&self, planes: &mut [Plane<'_>], group: [usize; 2], groups: [usize; 2]) -> Option<()> {
        let mut bits = Bits::new(self.data);
        for number in 0..groups[0] * groups[1] {
            if self.restart > 0 && number > 0 && number % self.restart == 0 {
                bits.restart()?;
                planes.iter_mut().for_each(|plane| plane.mean = 0);
            }
            let (left, top) = (number % groups[0] * group[0], number / groups[0] * group[1]);
            planes.iter_mut().try_for_each(|plane| plane.fill(&mut bits, left, top))?;
            if !bits.is_whole() {
                return None;
            }
        }
        Some(())
    }
}

impl<'a> Plane<'a> {
    fn new(channel: &'a Channel, group: [usize; 2], groups: [usize; 2]) -> Option<Self> {
        // A channel with fewer blocks has larger ones, so that all come out at one size.
        let part = |axis: usize| match channel.blocks[axis] {
            blocks @ 1.. if group[axis].is_multiple_of(blocks) => Some(group[axis] / blocks),
            _ => None,
        };
        let (block, stride) = ([part(0)?, part(1)?], groups[0] * group[0]);
        let samples = vec![0; stride * groups[1] * group[1]];
        Some(Self { channel, samples, stride, read: reader(block)?, block, mean: 0 })
    }

    /// Reads the blocks of the group that begins there.
    fn fill(&mut self, bits: &mut Bits<'_>, left: usize, top: usize) -> Option<()> {
        for down in 0..self.channel.blocks[1] {
            for across in 0..self.channel.blocks[0] {
                let row = top + down * self.block[1];
                let samples =
                    &mut self.samples[row * self.stride + left + across * self.block[0]..];
                (self.read)(self.channel, bits, &mut self.mean, samples, self.stride)?;
            }
        }
        Some(())
    }
}

/// The channels side by side, without what goes beyond the picture.
fn pixels(planes: &[Plane<'_>], [width, height]: [usize; 2]) -> Vec<u8> {
    let mut out = Vec::with_capacity(planes.len() * width * height);
    for row in 0..height {
        let row = |plane: &Plane<'_>| plane.samples[row * plane.stride..][..width].to_vec();
        match planes {
            [luma, blue, red] => {
                let colors = row(luma).into_iter().zip(row(blue)).zip(row(red));
                out.extend(colors.flat_map(|((luma, blue), red)| rgb(luma, blue, red)));
            }
            planes => out.extend(planes.iter().take(1).flat_map(row)),
        }
    }
    out
}

/// ITU-T T.871 (JFIF), section 7.
fn rgb(luma: u8, blue: u8, red: u8) -> [u8; 3] {
    let [luma, blue, red] = [f32::from(luma), f32::from(blue) - 128.0, f32::from(red) - 128.0];
    let green = luma - 0.344_136 * blue - 0.714_136 * red;
    [luma + 1.402 * red, green, luma + 1.772 * blue].map(|level| (level + 0.5) as u8)
}
