//! How the pixels of a reduced picture lie on the whole one.

use image::metadata::Orientation;

/// One side of a picture of which each pixel may stand for several of the file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Side {
    /// Pixels of the file.
    pub(crate) whole: u32,
    /// Pixels that there are.
    pub(crate) pixels: u32,
    /// Where the picture begins and how long it is, in pixels that there are. The file's last pixels
    /// seldom fill one.
    pub(crate) start: f64,
    pub(crate) length: f64,
}

impl Side {
    /// Every pixel of the file.
    pub(crate) fn whole(pixels: u32) -> Self {
        Self::reduced(pixels, pixels, 1)
    }

    /// So many pixels, of which each but the last stands for `divisor` of the file.
    pub(crate) fn reduced(whole: u32, pixels: u32, divisor: u32) -> Self {
        let length = f64::from(whole) / f64::from(divisor);
        Self { whole, pixels, start: 0.0, length }
    }

    fn flipped(self) -> Self {
        Self { start: f64::from(self.pixels) - self.length - self.start, ..self }
    }
}

/// Width and height of a picture that has been turned.
pub(crate) fn turned([x, y]: [Side; 2], turn: Orientation) -> [Side; 2] {
    match turn {
        Orientation::NoTransforms => [x, y],
        Orientation::FlipHorizontal => [x.flipped(), y],
        Orientation::FlipVertical => [x, y.flipped()],
        Orientation::Rotate180 => [x.flipped(), y.flipped()],
        Orientation::Rotate90 => [y.flipped(), x],
        Orientation::Rotate270 => [y, x.flipped()],
        Orientation::Rotate90FlipH => [y, x],
        Orientation::Rotate270FlipH => [y.flipped(), x.flipped()],
    }
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, GrayImage};

    use super::*;

    /// The last column and row are part of a pixel: where they are, there is a start.
    #[test]
    fn what_is_left_over_turns_with_the_picture() {
        let sides = [Side::reduced(11, 3, 4), Side::reduced(6, 2, 4)];
        let picture =
            GrayImage::from_fn(3, 2, |x, y| image::Luma([u8::from(x == 2) + 2 * u8::from(y == 1)]));
        for number in 1..=8 {
            let turn = Orientation::from_exif(number).unwrap();
            let mut turned_picture = DynamicImage::ImageLuma8(picture.clone());
            turned_picture.apply_orientation(turn);
            let turned_picture = turned_picture.into_luma8();
            let [x, y] = turned(sides, turn);
            assert_eq!((x.pixels, y.pixels), turned_picture.dimensions());
            // The corner where both are left over.
            let (corner_x, corner_y, _) =
                turned_picture.enumerate_pixels().find(|(.., level)| level.0[0] == 3).unwrap();
            assert_eq!(x.start > 0.0, corner_x == 0, "{turn:?}");
            assert_eq!(y.start > 0.0, corner_y == 0, "{turn:?}");
            assert_eq!(x.whole + y.whole, 17);
            assert!(x.start + x.length <= f64::from(x.pixels));
        }
    }
}
