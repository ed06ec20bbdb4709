//! Goldens, fixtures and comparisons shared by the tests of the workspace.
//!
//! A port of a model is right where its numbers are those of the reference. This crate holds the
//! reference's numbers: tiny CLIPs with random weights and what transformers computes with them,
//! stage by stage, so that a failing test names the first stage that is off and not only the last.
//! `tests/scripts/goldens.py` writes them; its head lists the tensors of a golden. The weights are
//! tiny because the arithmetic does not depend on the size; models of full size come in through
//! `CLIP_REFERENCE_DIR` ([`reference_dir`]).
//!
//! It is a dev-dependency and knows neither the framework nor our crates: values go in and out as
//! `f32` and shapes. Everything here **panics** with a sentence where a file is missing or wrong,
//! which is what a test wants.
//!
//! ```
//! use clip_testkit::{Golden, assert_close};
//!
//! let golden = Golden::open("odd-45");
//! let expected = golden.f32("image_embeds");
//! let [pictures, width] = expected.shape[..] else { panic!("a matrix") };
//! assert_eq!(pictures, golden.pictures().len());
//!
//! // A test computes `actual` from `golden.checkpoint_dir()` and `golden.f32("pixel_values")`.
//! let actual = expected.values.clone();
//! assert_close("image_embeds", &actual, &expected.values, 1e-5);
//!
//! let first = &expected.values[..width];
//! assert!((first.iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-6);
//! ```

mod answers;
mod close;
mod golden;
mod paths;
mod random;
mod rerun;
mod tensors;

pub use answers::{Answer, Answers, Drawings};
pub use close::{assert_close, max_difference};
pub use golden::{Golden, goldens};
pub use paths::{
    builtin_model, formats_dir, goldens_dir, reference_dir, repository_root, sample_pictures,
    samples_dir, unpack_model, unpacked,
};
pub use random::Random;
pub use rerun::{rerun_tests, say};
pub use tensors::{GoldenIds, GoldenTensor, TensorFile};
