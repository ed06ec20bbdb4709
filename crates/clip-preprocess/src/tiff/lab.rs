//! From CIE L*a*b* to sRGB (TIFF 6.0, section 23; Adobe's second technical note on Photoshop's files).

use image::ImageResult;

use super::directory::Directory;

/// How the three numbers are stored.
#[derive(Debug, Clone, Copy)]
pub(super) enum Scale {
    /// Differences of color with a sign.
    Cie,
    /// As in ICC profiles: differences from the middle, and 16 bits that go a little above 8.
    Icc,
}

pub(super) struct Lab {
    scale: Scale,
    /// From XYZ, with white at 1, 1, 1, to linear sRGB.
    to_rgb: Matrix,
}

type Matrix = [[f32; 3]; 3];

/// Chromaticities of white: D50, which Adobe's note says where the file does not, and that of sRGB.
const D50: [f32; 2] = [0.3457, 0.3585];
const D65: [f32; 2] = [0.3127, 0.3290];

/// IEC 61966-2-1.
const XYZ_TO_RGB: Matrix = [
    [3.240_97, -1.537_383_2, -0.498_610_76],
    [-0.969_243_65, 1.875_967_5, 0.041_555_06],
    [0.055_630_08, -0.203_976_96, 1.056_971_5],
];

/// The responses in which white is scaled (Bradford), and back.
const BRADFORD: Matrix =
    [[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]];
const BRADFORD_BACK: Matrix = [
    [0.986_992_9, -0.147_054_26, 0.159_962_65],
    [0.432_305_27, 0.518_360_27, 0.049_291_23],
    [-0.008_528_66, 0.040_042_82, 0.968_486_7],
];

impl Lab {
    pub(super) fn new(fields: &Directory<'_>, scale: Scale) -> ImageResult<Self> {
        let is_white = |white: &[f32; 2]| white.iter().all(|part| (0.01..1.0).contains(part));
        let white = fields.numbers(318)?.filter(is_white).unwrap_or(D50);
        Ok(Self { scale, to_rgb: multiply(&XYZ_TO_RGB, &adaptation(white)) })
    }

    /// The color of three samples of 8 or 16 bits.
    pub(super) fn rgb(&self, samples: [u16; 3], bits: u16) -> [u8; 3] {
        let [l, a, b] = samples;
        let [l, a, b] = match (self.scale, bits) {
            (Scale::Cie, 8) => {
                [f32::from(l) / 2.55, f32::from(a as u8 as i8), f32::from(b as u8 as i8)]
            }
            (Scale::Cie, _) => {
                let color = |sample: u16| f32::from(sample as i16) / 256.0;
                [f32::from(l) / 655.35, color(a), color(b)]
            }
            (Scale::Icc, 8) => [f32::from(l) / 2.55, f32::from(a) - 128.0, f32::from(b) - 128.0],
            (Scale::Icc, _) => {
                let color = |sample: u16| f32::from(sample) / 256.0 - 128.0;
                [f32::from(l) / 652.8, color(a), color(b)]
            }
        };
        let y = (l + 16.0) / 116.0;
        let xyz = [y + a / 500.0, y, y - b / 200.0].map(|f| {
            if f > 6.0 / 29.0 {
                f.powi(3)
            } else {
                (f - 4.0 / 29.0) * 3.0 * (6.0_f32 / 29.0).powi(2)
            }
        });
        apply(&self.to_rgb, xyz).map(|level| (encoded(level.clamp(0.0, 1.0)) * 255.0).round() as u8)
    }
}

/// The curve of sRGB.
fn encoded(level: f32) -> f32 {
    if level <= 0.003_130_8 { 12.92 * level } else { 1.055 * level.powf(1.0 / 2.4) - 0.055 }
}

/// XYZ of white, whose Y is 1.
fn xyz([x, y]: [f32; 2]) -> [f32; 3] {
    [x / y, 1.0, (1.0 - x - y) / y]
}

/// From XYZ in parts of the white to XYZ under D65.
fn adaptation(white: [f32; 2]) -> Matrix {
    let white = xyz(white);
    let from = apply(&BRADFORD, white);
    let to = apply(&BRADFORD, xyz(D65));
    let mut scaled = BRADFORD;
    for (i, row) in scaled.iter_mut().enumerate() {
        for (cell, white) in row.iter_mut().zip(white) {
            *cell *= white * to[i] / from[i];
        }
    }
    multiply(&BRADFORD_BACK, &scaled)
}

fn apply(matrix: &Matrix, vector: [f32; 3]) -> [f32; 3] {
    matrix.map(|row| row.iter().zip(vector).map(|(a, b)| a * b).sum())
}

fn multiply(a: &Matrix, b: &Matrix) -> Matrix {
    a.map(|row| std::array::from_fn(|j| (0..3).map(|k| row[k] * b[k][j]).sum()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_is_white_whatever_its_light() {
        for white in [D50, D65, [0.44757, 0.40745]] {
            let lab = Lab { scale: Scale::Icc, to_rgb: multiply(&XYZ_TO_RGB, &adaptation(white)) };
            assert_eq!(lab.rgb([255, 128, 128], 8), [255; 3]);
            assert_eq!(lab.rgb([0, 128, 128], 8), [0; 3]);
            assert_eq!(lab.rgb([65280, 32768, 32768], 16), [255; 3]);
            // L* of 53.585 is the middle level of sRGB.
            assert_eq!(lab.rgb([34980, 32768, 32768], 16), [128; 3]);
        }
    }
}
