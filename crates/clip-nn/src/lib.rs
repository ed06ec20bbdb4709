//! The transformer parts that both CLIP towers share, on Burn.
