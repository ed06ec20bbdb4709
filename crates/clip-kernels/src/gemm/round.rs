//! From `f32` to `bf16`.

use half::bf16;

/// The nearest number.
#[inline(always)]
pub(super) fn round(value: f32) -> bf16 {
    bf16::from_bits(rounded_bits(value) as u16)
}

/// Its bits: to the nearest, to the even one of two; in a form that the compiler vectorizes. What is not a
/// number stays so.
#[inline(always)]
pub(super) fn rounded_bits(value: f32) -> u32 {
    let bits = value.to_bits();
    let rounded = bits.wrapping_add(0x7fff + (bits >> 16 & 1)) >> 16;
    let quiet = bits >> 16 | 0x40;
    if value.is_nan() { quiet } else { rounded }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_rounded_as_the_crate_half_does() {
        let bits = (0..=u32::MAX).step_by(65_521).chain([0x3f80_8000, 0x3f81_8000, 0x7f7f_ffff]);
        for value in bits.map(f32::from_bits) {
            let (found, expected) = (round(value), bf16::from_f32(value));
            assert_eq!(found.to_bits(), expected.to_bits(), "{value}");
        }
    }
}
