//! Number formats of stored weights.

use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use half::{bf16, f16};
use serde::{Deserialize, Serialize};

/// Values that are decoded at once: they are still in the cache when they are looked at.
const CHUNK: usize = 1 << 12;

/// The largest whole number of 8 bits whose negative is one too.
const INT8_MAX: f32 = 127.0;

/// Number format of stored weights.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Dtype {
    /// 32 bits.
    F32,
    /// 16 bits, 11 of them for the digits.
    F16,
    /// 16 bits with the range of `f32`, 8 of them for the digits.
    Bf16,
    /// Integers of 8 bits, and what each column, or row, multiplies them with. A file in this format
    /// has the matrices of linear layers so, the token embedding and the larger convolutions of a stem,
    /// and all else in [`Dtype::F16`]: the patch embedding meets pixels as they are, and norms and biases
    /// are few.
    Int8,
}

impl Dtype {
    /// Name as users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
            Self::Int8 => "int8",
        }
    }

    /// Bytes of one value.
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
            Self::Int8 => 1,
        }
    }

    /// Whether a file of this format can hold the value: it is finite, and so is what it is rounded
    /// to.
    pub fn holds(self, value: f32) -> bool {
        // Halfway between the largest value and the next power of two, which rounds up.
        let bound = match self {
            Self::F32 => f32::INFINITY,
            Self::F16 => 65_520.0,
            Self::Bf16 => f32::from_bits(0x7f7f_8000),
            // With less than half of what f32 has, no whole number times its scale is too large.
            Self::Int8 => f32::MAX / 2.0,
        };
        value.abs() < bound
    }

    pub(crate) fn from_safetensors(dtype: safetensors::Dtype) -> Option<Self> {
        match dtype {
            safetensors::Dtype::F32 => Some(Self::F32),
            safetensors::Dtype::F16 => Some(Self::F16),
            safetensors::Dtype::BF16 => Some(Self::Bf16),
            safetensors::Dtype::I8 => Some(Self::Int8),
            _ => None,
        }
    }

    pub(crate) fn to_safetensors(self) -> safetensors::Dtype {
        match self {
            Self::F32 => safetensors::Dtype::F32,
            Self::F16 => safetensors::Dtype::F16,
            Self::Bf16 => safetensors::Dtype::BF16,
            Self::Int8 => safetensors::Dtype::I8,
        }
    }

    /// The values, the whole numbers of [`Self::Int8`] without their scales.
    pub(crate) fn decode(self, bytes: &[u8]) -> Vec<f32> {
        let mut values = vec![0.0; bytes.len() / self.size()];
        for (values, bytes) in values.chunks_mut(CHUNK).zip(bytes.chunks(CHUNK * self.size())) {
            self.decode_into(bytes, values);
        }
        values
    }

    /// Up to [`CHUNK`] values.
    fn decode_into(self, bytes: &[u8], values: &mut [f32]) {
        match self {
            Self::F32 => {
                for (value, bytes) in values.iter_mut().zip(bytes.as_chunks().0) {
                    *value = f32::from_le_bytes(*bytes);
                }
            }
            Self::F16 => {
                halves(bytes, |bits| bits.reinterpret_cast::<f16>().convert_to_f32_slice(values));
            }
            Self::Bf16 => {
                halves(bytes, |bits| bits.reinterpret_cast::<bf16>().convert_to_f32_slice(values));
            }
            Self::Int8 => {
                for (value, byte) in values.iter_mut().zip(bytes) {
                    *value = f32::from(byte.cast_signed());
                }
            }
        }
    }

    /// The first value that is NaN or infinite, and its place.
    pub(crate) fn find_not_finite(self, bytes: &[u8]) -> Option<(usize, f32)> {
        let mut values = [0.0; CHUNK];
        for (chunk, bytes) in bytes.chunks(CHUNK * self.size()).enumerate() {
            let values = &mut values[..bytes.len() / self.size()];
            self.decode_into(bytes, values);
            // No early end: many values are looked at by one instruction.
            if values.iter().fold(true, |finite, value| finite & value.is_finite()) {
                continue;
            }
            let at = values.iter().position(|value| !value.is_finite());
            return at.map(|at| (chunk * CHUNK + at, values[at]));
        }
        None
    }

    /// The first value that a file of this format cannot hold, and its place.
    pub(crate) fn find_not_held(self, values: &[f32]) -> Option<(usize, f32)> {
        let at = values.iter().position(|value| !self.holds(*value))?;
        Some((at, values[at]))
    }

    /// Appends the values, each rounded to the nearest that this format has, of two as near to the
    /// even one: to whole numbers for [`Self::Int8`].
    pub(crate) fn encode(self, values: &[f32], out: &mut Vec<u8>) {
        for &value in values {
            match self {
                Self::F32 => out.extend(value.to_le_bytes()),
                Self::F16 => out.extend(f16::from_f32(value).to_le_bytes()),
                Self::Bf16 => out.extend(bf16::from_f32(value).to_le_bytes()),
                Self::Int8 => out.push((value.round_ties_even() as i8).cast_unsigned()),
            }
        }
    }
}

/// Up to [`CHUNK`] values of 16 bits, which need not be aligned in the file.
fn halves(bytes: &[u8], convert: impl FnOnce(&[u16])) {
    let mut bits = [0; CHUNK];
    let bits = &mut bits[..bytes.len() / size_of::<u16>()];
    for (bits, bytes) in bits.iter_mut().zip(bytes.as_chunks().0) {
        *bits = u16::from_le_bytes(*bytes);
    }
    convert(bits);
}

/// The first scale of a matrix in 8 bits that is not finite, or makes values that are not, and its
/// place.
pub(crate) fn find_too_large(scales: &[f32]) -> Option<(usize, f32)> {
    // -128 is a whole number of 8 bits too.
    let at = scales.iter().position(|scale| !(scale * 128.0).is_finite())?;
    Some((at, scales[at]))
}

/// Which values of a row-major matrix share a scale in [`Dtype::Int8`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ScaleAxis {
    /// Those of a column, an output of a linear layer.
    Columns,
    /// Those of a row, which is looked up.
    Rows,
}

impl ScaleAxis {
    /// What the columns or rows of a matrix are divided by to fit [`Dtype::Int8`]: the largest value of
    /// each becomes 127. 1 where all are zeros. No scale is so small that dividing by it overflows.
    pub(crate) fn scales(self, matrix: &[f32], count: usize) -> Vec<f32> {
        let mut largest = vec![0f32; count];
        match self {
            Self::Columns => {
                for row in matrix.chunks_exact(count) {
                    for (largest, value) in largest.iter_mut().zip(row) {
                        *largest = value.abs().max(*largest);
                    }
                }
            }
            Self::Rows => {
                for (largest, row) in
                    largest.iter_mut().zip(matrix.chunks_exact(row_width(matrix.len(), count)))
                {
                    *largest = row.iter().fold(0.0, |largest, value| value.abs().max(largest));
                }
            }
        }
        let scale = |largest: f32| match largest {
            0.0 => 1.0,
            _ => (largest / INT8_MAX).max(f32::MIN_POSITIVE),
        };
        largest.into_iter().map(scale).collect()
    }

    /// Changes each value of a matrix by the scale of its column or row.
    pub(crate) fn apply(self, matrix: &mut [f32], scales: &[f32], change: impl Fn(&mut f32, f32)) {
        match self {
            Self::Columns => {
                for row in matrix.chunks_exact_mut(scales.len().max(1)) {
                    row.iter_mut().zip(scales).for_each(|(value, scale)| change(value, *scale));
                }
            }
            Self::Rows => {
                let width = row_width(matrix.len(), scales.len());
                for (row, scale) in matrix.chunks_exact_mut(width).zip(scales) {
                    row.iter_mut().for_each(|value| change(value, *scale));
                }
            }
        }
    }
}

fn row_width(values: usize, rows: usize) -> usize {
    (values / rows.max(1)).max(1)
}
