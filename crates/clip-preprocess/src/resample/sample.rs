/// A sample of a picture, and how weighted ones are added up.
pub(crate) trait Sample: Copy {
    /// What a sample is multiplied with.
    type Weight: Copy;
    /// What the products add up to.
    type Sum: Copy;

    /// A weight in fixed point of `bits` bits.
    fn weight(exact: f64, bits: u32) -> Self::Weight;

    /// What a sum begins with, so that it is rounded in the end, not truncated.
    fn half(bits: u32) -> Self::Sum;

    /// The sum with one more product.
    fn add(self, weight: Self::Weight, sum: Self::Sum) -> Self::Sum;

    /// The nearest sample there is.
    fn round(sum: Self::Sum, bits: u32) -> Self;
}

/// `ImagingResampleHorizontal_8bpc` and its like.
impl Sample for u8 {
    type Weight = i32;
    type Sum = i32;

    fn weight(exact: f64, bits: u32) -> i32 {
        let scaled = exact * f64::from(1 << bits);
        (scaled + 0.5_f64.copysign(scaled)) as i32
    }

    fn half(bits: u32) -> i32 {
        1 << (bits - 1)
    }

    fn add(self, weight: i32, sum: i32) -> i32 {
        sum + i32::from(self) * weight
    }

    fn round(sum: i32, bits: u32) -> Self {
        (sum >> bits).clamp(0, 255) as Self
    }
}

/// `ImagingResampleHorizontal_16bpc` and its like, which know no fixed point.
impl Sample for u16 {
    type Weight = f64;
    type Sum = f64;

    fn weight(exact: f64, _: u32) -> f64 {
        exact
    }

    fn half(_: u32) -> f64 {
        0.0
    }

    fn add(self, weight: f64, sum: f64) -> f64 {
        sum + f64::from(self) * weight
    }

    fn round(sum: f64, _: u32) -> Self {
        // The cast cuts off what is below 0 or beyond 65,535.
        (sum + 0.5).floor() as Self
    }
}
