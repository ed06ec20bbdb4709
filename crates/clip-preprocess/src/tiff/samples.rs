//! How the samples of a pixel lie in the bytes of a row (TIFF 6.0, sections 3, 8 and 19).

use half::f16;
use image::ImageResult;

use super::directory::{ByteOrder, Directory};
use super::{damaged, unsupported};

/// Values of the field SampleFormat.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Unsigned,
    Signed,
    Float,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Samples {
    /// For each pixel.
    pub(super) count: usize,
    /// Of each.
    pub(super) bits: u16,
    pub(super) format: Format,
    pub(super) order: ByteOrder,
}

impl Samples {
    pub(super) fn new(fields: &Directory<'_>, count: usize) -> ImageResult<Self> {
        let format = match uniform(fields, 339, 1, "formats of samples")? {
            1 | 4 => Format::Unsigned,
            2 => Format::Signed,
            3 => Format::Float,
            other => return Err(unsupported(format!("samples of format {other} (SampleFormat)"))),
        };
        let default = if fields.integer(259, 1)? == 6 { 8 } else { 1 };
        let bits = uniform(fields, 258, default, "numbers of bits")?;
        let is_known = match format {
            Format::Unsigned => (1..=32).contains(&bits) || bits == 64,
            Format::Signed => matches!(bits, 8 | 16 | 24 | 32 | 64),
            Format::Float => matches!(bits, 16 | 32 | 64),
        };
        if !is_known {
            return Err(unsupported(format!("samples of {bits} bits")));
        }
        if count == 0 {
            return Err(damaged("it has no samples"));
        }
        if count > usize::from(u16::MAX) {
            return Err(unsupported(format!("{count} samples for a pixel")));
        }
        Ok(Self { count, bits: bits as u16, format, order: fields.order })
    }

    /// Whether the numbers are measured values, whose black and white are not those of the type.
    /// Signed bytes are levels all the same, as in Pillow.
    pub(super) fn is_measured(&self) -> bool {
        match self.format {
            Format::Unsigned => self.bits > 16,
            Format::Signed => self.bits > 8,
            Format::Float => true,
        }
    }

    /// Of the levels that [`Self::levels`] gives.
    pub(super) fn level_bits(&self) -> u16 {
        match self.format {
            Format::Float => 8,
            _ => self.bits.min(16),
        }
    }

    /// A row's samples as levels: floats of 0 to 1 to the nearest of 8 bits, of integers at most the
    /// upper 16 bits.
    pub(super) fn levels(&self, row: &[u8], levels: &mut [u16]) {
        let bytes = usize::from(self.bits / 8);
        match (self.format, self.bits) {
            (Format::Float, _) => {
                for (level, value) in levels.iter_mut().zip(row.chunks_exact(bytes)) {
                    *level = (self.float(value).clamp(0.0, 1.0) * 255.0).round() as u16;
                }
            }
            (_, 8) => {
                levels.iter_mut().zip(row).for_each(|(level, byte)| *level = u16::from(*byte))
            }
            (_, 16) => {
                let levels = levels.iter_mut().zip(row.as_chunks::<2>().0);
                match self.order {
                    ByteOrder::Little => {
                        levels.for_each(|(level, b)| *level = u16::from_le_bytes(*b))
                    }
                    ByteOrder::Big => levels.for_each(|(level, b)| *level = u16::from_be_bytes(*b)),
                }
            }
            (_, 24 | 32 | 64) => {
                for (level, value) in levels.iter_mut().zip(row.chunks_exact(bytes)) {
                    *level = (self.order.integer(value) >> (self.bits - 16)) as u16;
                }
            }
            (_, bits) => {
                let (shift, values) = (bits.saturating_sub(16), packed(row, bits));
                levels
                    .iter_mut()
                    .zip(values)
                    .for_each(|(level, value)| *level = (value >> shift) as u16);
            }
        }
    }

    /// A row's samples as numbers.
    pub(super) fn values(&self, row: &[u8], values: &mut [f32]) {
        let bytes = usize::from(self.bits / 8);
        if !self.bits.is_multiple_of(8) {
            let numbers = packed(row, self.bits);
            values.iter_mut().zip(numbers).for_each(|(value, number)| *value = number as f32);
            return;
        }
        for (value, bytes) in values.iter_mut().zip(row.chunks_exact(bytes)) {
            *value = match self.format {
                Format::Unsigned => self.order.integer(bytes) as f32,
                Format::Signed => {
                    let above = 64 - self.bits;
                    ((self.order.integer(bytes) << above) as i64 >> above) as f32
                }
                Format::Float => self.float(bytes),
            };
        }
    }

    fn float(&self, bytes: &[u8]) -> f32 {
        let bits = self.order.integer(bytes);
        match self.bits {
            16 => f16::from_bits(bits as u16).to_f32(),
            32 => f32::from_bits(bits as u32),
            _ => f64::from_bits(bits) as f32,
        }
    }
}

/// The field's value, if all samples have the same.
fn uniform(fields: &Directory<'_>, tag: u16, default: u64, what: &str) -> ImageResult<u64> {
    let values = fields.integers(tag)?.unwrap_or_default();
    let first = values.first().copied().unwrap_or(default);
    match values.iter().all(|value| *value == first) {
        true => Ok(first),
        false => Err(unsupported(format!("different {what}: {values:?}"))),
    }
}

/// Numbers of so many bits, the highest bit first, without regard to bytes.
fn packed(row: &[u8], bits: u16) -> impl Iterator<Item = u32> {
    let (mut bytes, mut buffer, mut held) = (row.iter(), 0_u64, 0);
    std::iter::from_fn(move || {
        while held < bits {
            buffer = buffer << 8 | u64::from(*bytes.next()?);
            held += 8;
        }
        held -= bits;
        Some((buffer >> held) as u32 & (u32::MAX >> (32 - bits)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_lie_across_bytes() {
        let numbers = |row: &[u8], bits| packed(row, bits).collect::<Vec<_>>();
        assert_eq!(numbers(&[0b1011_0001], 2), [2, 3, 0, 1]);
        assert_eq!(numbers(&[0x12, 0x3a, 0xbc], 12), [0x123, 0xabc]);
        assert_eq!(numbers(&[0xff, 0xff, 0xff, 0xfe], 31), [0x7fff_ffff]);
    }
}
