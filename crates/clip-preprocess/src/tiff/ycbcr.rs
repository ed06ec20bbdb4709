//! Brightness and two differences of color, of which there may be fewer (TIFF 6.0, section 21).

use image::ImageResult;

use super::directory::Directory;
use super::unsupported;

/// How many pixels share a sample of color, across and down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subsampling {
    across: u32,
    down: u32,
}

impl Subsampling {
    /// None where each pixel has its own.
    pub(super) fn new(fields: &Directory<'_>) -> ImageResult<Option<Self>> {
        let factors = fields.integers(530)?.unwrap_or_else(|| vec![2, 2]);
        match factors[..] {
            [1, 1] => Ok(None),
            [across @ (1 | 2 | 4), down @ (1 | 2 | 4)] => {
                Ok(Some(Self { across: across as u32, down: down as u32 }))
            }
            _ => Err(unsupported(format!("subsampling by {factors:?}"))),
        }
    }

    fn blocks(self, width: u32, height: u32) -> (usize, usize) {
        (width.div_ceil(self.across) as usize, height.div_ceil(self.down) as usize)
    }

    /// Of a block: the brightness of each pixel and two samples of color.
    fn block(self) -> usize {
        (self.across * self.down + 2) as usize
    }

    pub(super) fn stored_bytes(self, width: u32, height: u32) -> u64 {
        let (across, down) = self.blocks(width, height);
        across as u64 * down as u64 * self.block() as u64
    }

    /// Three samples for each pixel.
    pub(super) fn expand(self, stored: &[u8], width: u32, height: u32) -> Vec<u8> {
        let (width, height) = (width as usize, height as usize);
        let (wide, high) = (self.across as usize, self.down as usize);
        let mut out = vec![0; 3 * width * height];
        let blocks = width.div_ceil(wide);
        for (i, block) in stored.chunks_exact(self.block()).enumerate() {
            let (left, top) = (i % blocks * wide, i / blocks * high);
            let (brightness, color) = block.split_at(wide * high);
            for y in top..(top + high).min(height) {
                for x in left..(left + wide).min(width) {
                    let at = 3 * (y * width + x);
                    out[at] = brightness[(y - top) * wide + (x - left)];
                    out[at + 1..at + 3].copy_from_slice(color);
                }
            }
        }
        out
    }
}

/// From YCbCr to RGB, for each level (`TIFFYCbCrToRGBInit` of libtiff's `tif_color.c`).
pub(super) struct Conversion {
    brightness: [i32; 256],
    red: [i32; 256],
    blue: [i32; 256],
    /// Two parts of green, in 65,536ths.
    green: [[i32; 256]; 2],
}

const SHIFT: u32 = 16;
const HALF: i32 = 1 << (SHIFT - 1);

impl Conversion {
    pub(super) fn new(fields: &Directory<'_>) -> ImageResult<Self> {
        // The fields YCbCrCoefficients and ReferenceBlackWhite.
        let luma = fields.numbers(529)?.unwrap_or([0.299, 0.587, 0.114]);
        let range = fields.numbers(532)?.unwrap_or([0.0, 255.0, 128.0, 255.0, 128.0, 255.0]);
        Ok(Self::from_coefficients(luma, range))
    }

    fn from_coefficients([red, green, blue]: [f32; 3], range: [f32; 6]) -> Self {
        let fixed = |x: f32| (f64::from(limit(x, 0.0, 2.0)) * f64::from(1 << SHIFT) + 0.5) as i32;
        let (to_red, to_blue) = (2.0 - 2.0 * red, 2.0 - 2.0 * blue);
        let from_red = -fixed(red * to_red / green);
        let from_blue = -fixed(blue * to_blue / green);
        let (to_red, to_blue) = (fixed(to_red), fixed(to_blue));
        let bounded = |value: f32| limit(value, -4096.0, 4096.0) as i32;
        let value = |code: i32, black: f32, white: f32, most: f32| {
            let span = if white == black { 1.0 } else { white - black };
            bounded(code.wrapping_sub(black as i32) as f32 * most / span)
        };
        let color = |i: usize, black: f32, white: f32| {
            value(i as i32 - 128, black - 128.0, white - 128.0, 127.0)
        };
        Self {
            brightness: std::array::from_fn(|i| value(i as i32, range[0], range[1], 255.0)),
            red: std::array::from_fn(|i| (to_red * color(i, range[4], range[5]) + HALF) >> SHIFT),
            blue: std::array::from_fn(|i| (to_blue * color(i, range[2], range[3]) + HALF) >> SHIFT),
            green: [
                std::array::from_fn(|i| from_blue * color(i, range[2], range[3]) + HALF),
                std::array::from_fn(|i| from_red * color(i, range[4], range[5])),
            ],
        }
    }

    pub(super) fn rgb(&self, [y, cb, cr]: [u8; 3]) -> [u8; 3] {
        let [y, cb, cr] = [y, cb, cr].map(usize::from);
        let brightness = self.brightness[y];
        let green = (self.green[0][cb] + self.green[1][cr]) >> SHIFT;
        [self.red[cr], green, self.blue[cb]].map(|part| (brightness + part).clamp(0, 255) as u8)
    }
}

/// Not a number is the least.
fn limit(value: f32, least: f32, most: f32) -> f32 {
    if value >= least { value.min(most) } else { least }
}
