//! Gradients and short runs against PyTorch's, on every CPU backend of the build; the values are
//! those of `tests/scripts/training.py`, whose head says how they came about.
#![cfg(any(feature = "flex", feature = "ndarray"))]
#![expect(clippy::print_stdout, reason = "the largest differences, for --nocapture")]

mod gradients;
mod runs;
mod values;
