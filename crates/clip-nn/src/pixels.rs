//! What pixels were before a tower reads them.

/// How a tower wants pixels of 256 levels: of each channel, `(level / 255 - mean) / std`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pixels {
    /// Mean of each channel (R, G, B) of values in `0..=1`.
    pub mean: [f32; 3],
    /// Standard deviation of each channel; not 0.
    pub std: [f32; 3],
}
