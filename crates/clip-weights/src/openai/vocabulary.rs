//! The vocabulary that OpenAI trained with, and every published CLIP since.

/// Number of ids; the last two are the start and the end token.
pub(crate) const SIZE: usize = 49_408;
pub(crate) const START: u32 = 49_406;
pub(crate) const END: u32 = 49_407;
