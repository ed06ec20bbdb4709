//! Contrastive training and fine-tuning of CLIP, on any Burn device.
//!
//! The same towers that serve are trained here: [`Learner`] is a CLIP under training, [`Pass`] its
//! loss and gradients on one batch, [`Stepper`] one step, [`Trainer`] a whole run from a
//! [`TrainConfig`] to checkpoints in the canonical format. Data come from `clip-data`, recalls from
//! `clip-eval`. On Flex, the blocks run forward and backward in one piece each (`clip-nn`).
//!
//! ```no_run
//! use clip_model::DeviceName;
//! use clip_train::{Start, TrainConfig, Trainer};
//! # struct Quiet;
//! # impl clip_train::Observer for Quiet {
//! #     fn step(&mut self, _: &clip_train::StepEvent) {}
//! #     fn validated(&mut self, _: u64, _: &clip_train::Validation) {}
//! #     fn problem(&mut self, _: &str) {}
//! #     fn stop(&self) -> bool { false }
//! # }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let text = std::fs::read_to_string("run.toml")?;
//! let config = TrainConfig::parse("run.toml", &text)?;
//! let device = DeviceName::Auto.open()?;
//! let mut trainer = Trainer::new(config, &device, Start::New)?;
//! trainer.run(&mut Quiet)?;
//! println!("{}", trainer.files().best().display());
//! # Ok(())
//! # }
//! ```

mod adapt;
mod average;
mod batch;
mod config;
mod error;
mod export;
mod features;
mod files;
mod initial;
mod learner;
mod loss;
mod metrics;
mod observer;
mod optimizer;
pub mod parameters;
mod pass;
mod plot;
mod prototypes;
mod schedule;
mod seed;
mod source;
mod speed;
mod state;
mod step;
mod text_start;
mod texts;
mod trainer;
mod translations;
mod validate;
mod vocabulary;
mod words;

pub use adapt::{AdaptConfig, Half, layer_factors};
pub use config::{DataConfig, FreshModel, FreshVocabulary, TowerSize, TrainConfig, TrainPrecision};
pub use error::{Error, Result};
pub use export::export;
pub use features::FeatureConfig;
pub use files::Files;
pub use learner::{ImageInputs, Inputs, Learner, TranslationInputs};
pub use loss::LossKind;
pub use metrics::Record;
pub use observer::{Observer, Outcome, Start, StepEvent};
pub use optimizer::{AdamW, AdamWConfig, Matrices, RowConfig};
pub use pass::Pass;
pub use prototypes::PrototypeConfig;
pub use schedule::ScheduleConfig;
pub use state::{Progress, State};
pub use step::{StepReport, Stepper};
pub use text_start::TextStart;
pub use trainer::Trainer;
pub use translations::{TranslationConfig, Translations};
pub use validate::Validation;
