//! Measured values, whose white the file does not say: floats, and integers with a sign or of more
//! than 16 bits. They are gray.

use image::ImageResult;

use super::header::Header;
use super::rows::{Row, for_each_row};
use super::samples::{Format, Samples};
use crate::Gray16;

/// Reads the picture in levels of 8 bits.
pub(super) fn read(
    header: &Header,
    file: &[u8],
    is_inverted: bool,
    gray16: Gray16,
    out: &mut [u8],
) -> ImageResult<()> {
    let mut values = vec![0.0; out.len()];
    for_each_row(header, file, Samples::values, |Row { x, y, samples }| {
        let start = y as usize * header.width as usize + x as usize;
        let gray = samples.iter().step_by(header.samples.count);
        values[start..].iter_mut().zip(gray).for_each(|(value, sample)| *value = *sample);
    })?;
    match gray16 {
        // Modes `I` and `F` to `L`.
        Gray16::Clip => {
            out.iter_mut().zip(&values).for_each(|(level, value)| *level = *value as u8);
        }
        Gray16::Scale => {
            let white = white(&header.samples, &values);
            let invert = if is_inverted { u8::MAX } else { 0 };
            for (level, value) in out.iter_mut().zip(&values) {
                *level = (value / white * 255.0).round() as u8 ^ invert;
            }
        }
    }
    Ok(())
}

/// What is white: the largest number of the type that the values look like. Programs write the levels
/// of 8 and 16 bits as larger integers and as floats; floats of light have white at 1, and few values
/// above that.
fn white(samples: &Samples, values: &[f32]) -> f32 {
    let finite = || values.iter().copied().filter(|value| value.is_finite());
    let most = finite().fold(0.0, f32::max);
    let (size, whites, full) = match samples.format {
        Format::Float => {
            let sum: f64 = finite().map(|value| f64::from(value.max(0.0))).sum();
            let mean = sum / finite().count().max(1) as f64;
            (mean as f32, [1.0, 255.0, 65535.0].as_slice(), most)
        }
        Format::Signed if samples.bits == 16 => (most, [255.0].as_slice(), 32767.0),
        Format::Signed => {
            (most, [255.0, 65535.0].as_slice(), 2_f32.powi(i32::from(samples.bits) - 1))
        }
        Format::Unsigned => {
            (most, [255.0, 65535.0].as_slice(), 2_f32.powi(i32::from(samples.bits)))
        }
    };
    whites.iter().copied().find(|white| size <= *white).unwrap_or(full)
}
