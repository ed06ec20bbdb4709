//! Convolutions over feature maps, channels last.

mod block;
mod depthwise;
mod padding;
mod pixels;
mod stem;

pub use block::{PackedInvertedResidual, Pointwise};
pub use depthwise::{Depthwise, MapRows};
pub use padding::Padding;
pub use stem::PackedConvStem;
