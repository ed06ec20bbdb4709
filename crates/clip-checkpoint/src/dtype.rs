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
    /// Whole numbers of 8 bits, and what each column multiplies them with. A file in this format
    /// has the matrices of the picture tower's blocks so, for pictures come in thousands, and all
    /// else in [`Dtype::F16`]: texts come one by one, and what they ask for should not blur.
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

    /// Appends the values, rounded to whole numbers for [`Self::Int8`]; fails with the position of
    /// the first that this format cannot hold.
    pub(crate) fn encode(self, values: &[f32], out: &mut Vec<u8>) -> Result<(), (usize, f32)> {
        for (index, &value) in values.iter().enumerate() {
            let finite = match self {
                Self::F32 => {
                    out.extend(value.to_le_bytes());
                    value.is_finite()
                }
                Self::F16 => {
                    let half = f16::from_f32(value);
                    out.extend(half.to_le_bytes());
                    half.is_finite()
                }
                Self::Bf16 => {
                    let half = bf16::from_f32(value);
                    out.extend(half.to_le_bytes());
                    half.is_finite()
                }
                Self::Int8 => {
                    out.push((value.round_ties_even() as i8).cast_unsigned());
                    value.is_finite()
                }
            };
            if !finite {
                return Err((index, value));
            }
        }
        Ok(())
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

/// What the columns of a row-major matrix are divided by to fit [`Dtype::Int8`]: the largest value
/// of each becomes 127. 1 for a column of zeros.
pub(crate) fn scales(matrix: &[f32], columns: usize) -> Vec<f32> {
    let mut largest = vec![0.0; columns];
    for row in matrix.chunks_exact(columns) {
        for (largest, value) in largest.iter_mut().zip(row) {
            *largest = value.abs().max(*largest);
        }
    }
    let scale = |largest| if largest > 0.0 { largest / INT8_MAX } else { 1.0 };
    largest.into_iter().map(scale).collect()
}
