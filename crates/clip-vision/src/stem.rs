//! How patches become the tokens that enter the blocks.

use burn::config::Config;

/// How patches become the tokens that enter the blocks.
#[derive(Config, Debug, Copy, PartialEq, Eq)]
pub enum Stem {
    /// Projected without bias; a layer norm before the blocks (CLIP).
    Normalized,
    /// Projected with bias, as in the first ViT (Dosovitskiy et al. 2020, arXiv:2010.11929); SigLIP.
    Biased,
    /// As they are: each position of a feature map is a token, as wide as the map has channels.
    Identity,
}
