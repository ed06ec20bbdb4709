//! Convolutions over feature maps, channels last.

mod depthwise;
mod padding;
mod stem;

pub use depthwise::{Depthwise, MapRows};
pub use padding::Padding;
pub use stem::{PackedConvStem, PackedInvertedResidual, Pointwise};
