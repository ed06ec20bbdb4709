//! Contrastive training and fine-tuning of CLIP, on any Burn device.

mod error;
pub mod learner;
mod loss;
mod optimizer;
pub mod parameters;
mod pass;
mod schedule;
mod step;

pub use error::{Error, Result};
pub use learner::{Inputs, Learner};
pub use loss::LossKind;
pub use optimizer::{AdamW, AdamWConfig};
pub use pass::Pass;
pub use schedule::ScheduleConfig;
pub use step::{StepReport, Stepper};
