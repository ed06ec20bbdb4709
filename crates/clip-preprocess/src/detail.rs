//! How much of a large picture is kept, and the average that stands for the rest.

use image::RgbImage;

/// How much of a large picture is kept.
///
/// A model sees a few hundred pixels of a photograph's thousands. Most of its cost is to make those
/// thousands, which the resize then averages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// Every pixel, as the references have it.
    Full,
    /// A half, a third, .. of both sides: the least that leaves the shorter one so many pixels. One
    /// that has fewer is kept as it is. [`Preprocessor::enough`](crate::Preprocessor::enough) says
    /// how many do not show.
    AtLeast(u32),
}

impl Detail {
    /// What both sides may be divided by.
    pub(crate) fn divisor(self, (width, height): (u32, u32)) -> u32 {
        match self {
            Self::Full => 1,
            Self::AtLeast(side) => (width.min(height) / side.max(1)).clamp(1, MAX_DIVISOR),
        }
    }

    /// The part of that which a JPEG is decoded at: a whole number of samples for each block of 8.
    pub(crate) fn power(self, size: (u32, u32)) -> u32 {
        1 << self.divisor(size).ilog2().min(3)
    }
}

/// One pixel for each square of `divisor` pixels on a side.
pub(crate) fn reduced(picture: RgbImage, divisor: u32) -> RgbImage {
    let (width, height) = (picture.width().div_ceil(divisor), picture.height().div_ceil(divisor));
    let samples = average::<3>(&picture, picture.width(), divisor);
    RgbImage::from_raw(width, height, samples).expect("three samples for each pixel")
}

/// The sums of so many rows fit 16 bits.
const MAX_DIVISOR: u32 = 256;

/// The mean of each square of `divisor` pixels on a side, `N` samples for each pixel.
/// What is left over at the right and the bottom is a smaller rectangle, as in `reduce` of Pillow.
pub(crate) fn average<const N: usize>(samples: &[u8], width: u32, divisor: u32) -> Vec<u8> {
    let (stride, divisor) = (N * width as usize, divisor as usize);
    let mut out = Vec::with_capacity(samples.len() / (divisor * divisor));
    let mut sums = vec![0_u16; stride];
    for rows in samples.chunks(stride * divisor) {
        sums.fill(0);
        for row in rows.chunks_exact(stride) {
            sums.iter_mut().zip(row).for_each(|(sum, sample)| *sum += u16::from(*sample));
        }
        let rows = rows.len() / stride;
        for square in sums.chunks(N * divisor) {
            let (columns, _) = square.as_chunks::<N>();
            let count = (columns.len() * rows) as u32;
            let mut total = [count / 2; N];
            for column in columns {
                total.iter_mut().zip(column).for_each(|(total, sum)| *total += u32::from(*sum));
            }
            out.extend(total.map(|total| (total / count) as u8));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shorter_side_decides() {
        let enough = Detail::AtLeast(100);
        for (size, divisor) in [
            ((99, 5000), 1),
            ((100, 100), 1),
            ((5000, 199), 1),
            ((5000, 200), 2),
            ((299, 300), 2),
            ((4000, 3000), 30),
            ((0, 7), 1),
        ] {
            assert_eq!(enough.divisor(size), divisor, "{size:?}");
            assert_eq!(enough.power(size), 1 << divisor.ilog2().min(3), "{size:?}");
            assert_eq!(Detail::Full.divisor(size), 1);
        }
        assert_eq!(Detail::AtLeast(0).divisor((3, 4)), 3);
    }

    #[test]
    fn squares_become_their_mean_and_rests_count() {
        let picture = RgbImage::from_fn(5, 3, |x, y| image::Rgb([x as u8, y as u8, 255]));
        let reduced = average::<3>(&picture, picture.width(), 2);
        // 0.5 to 1, 2.5 to 3, and what is left over alone.
        let expected: [[u8; 3]; 6] =
            [[1, 1, 255], [3, 1, 255], [4, 1, 255], [1, 2, 255], [3, 2, 255], [4, 2, 255]];
        assert_eq!(reduced, expected.concat());
    }

    #[test]
    fn sums_do_not_run_over() {
        let white = RgbImage::from_pixel(600, 600, image::Rgb([255; 3]));
        let reduced = reduced(white, MAX_DIVISOR);
        assert_eq!(reduced.dimensions(), (3, 3));
        assert!(reduced.iter().all(|level| *level == 255));
    }
}
