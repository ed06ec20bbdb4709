//! How good an embedding is: recall, zero-shot accuracy, linear probe, confidence intervals.
//!
//! Everything here starts from vectors that a model already made, and from the labels of what they
//! stand for. So the crate knows no model, no pictures and no files but lists of templates, and its
//! numbers can be checked against other programs on the same vectors.
//!
//! A score means little unless it is counted as others count it, so each follows a reference:
//!
//! - [`Retrieval`]: recall@k as in CLIP's paper and CLIP_benchmark. One right answer among the first
//!   k is enough, and every row of the query's name is right.
//! - [`zeroshot`]: the class whose sentences are nearest. [`Templates`] has OpenAI's sentences and
//!   [`ClassVectors`] averages them as OpenAI's notebook does.
//! - [`Probe`] and [`Sweep`]: scikit-learn's logistic regression, down to where its solver stops,
//!   with the search for the penalty that CLIP's paper describes.
//! - [`Bootstrap`]: how far the score would move with other queries. For a thousand pictures, half of
//!   them right, that is three points to either side.
//! - [`Report`]: a file with CLIP_benchmark's keys.
//!
//! Equal similarities are ordered by row, sums do not depend on the number of threads, and seeds are
//! fixed: the same vectors give the same numbers. Similarities are made in blocks, so memory grows
//! with the vectors and not with the pairs.
//!
//! ```
//! use clip_eval::{Bootstrap, Labeled, Matrix, Report, Retrieval, Subject};
//!
//! // Two names and three pictures; the first and the last show the first name.
//! let texts = Matrix::new("texts", &[1.0, 0.0, 0.0, 1.0], 2, 2)?;
//! let pictures = Matrix::new("pictures", &[0.6, 0.8, 0.0, 1.0, 0.8, 0.6], 3, 2)?;
//! let both =
//!     Retrieval::new(&Labeled::new(texts, &[0, 1])?, &Labeled::new(pictures, &[0, 1, 0])?)?;
//! assert_eq!(both.text_to_image.recall(1), 1.0);
//! assert_eq!(both.image_to_text.as_slice(), [1, 0, 0]);
//!
//! let subject = Subject {
//!     dataset: "two-names".to_owned(),
//!     model: "ViT-B-32".to_owned(),
//!     pretrained: "openai".to_owned(),
//!     language: "en".to_owned(),
//! };
//! let report = Report::retrieval(subject, &both, &[1, 5, 10], &Bootstrap::default())?;
//! assert_eq!(report.metrics["image_retrieval_recall@1"], 1.0);
//! # Ok::<(), clip_eval::Error>(())
//! ```

mod bootstrap;
mod classification;
mod error;
mod matrix;
mod probe;
mod report;
mod retrieval;
mod scores;
mod sweep;
mod templates;
mod zeroshot;

pub use bootstrap::{Bootstrap, Interval};
pub use classification::{ClassRecall, Classification, Confusion};
pub use error::{Error, Result};
pub use matrix::{Labeled, Matrix};
pub use probe::{Classifier, Probe, Scaling};
pub use report::{Confidence, Fit, Report, Subject, Task};
pub use retrieval::{Ranks, Retrieval};
pub use sweep::{Sweep, SweepOutcome, Trial};
pub use templates::Templates;
pub use zeroshot::{ClassVectors, zeroshot};
