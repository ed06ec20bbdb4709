//! Between the header of a file and its pixels.

use image::ImageDecoder;

/// A picture of which the header has been read.
pub(crate) struct Opened<'a> {
    /// Gives the picture, or one that has been made smaller on the way.
    pub(crate) decoder: Box<dyn ImageDecoder + 'a>,
    /// Width and height in the file.
    pub(crate) size: (u32, u32),
    /// What the decoder divides both by.
    pub(crate) divisor: u32,
    /// What is in memory while it decodes.
    pub(crate) bytes: u64,
}
