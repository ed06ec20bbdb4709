//! One step: loss, gradients, clipping, update.

use crate::{AdamW, Error, Inputs, Learner, LossKind, Pass, Result, parameters};

/// What takes steps.
#[derive(Debug)]
pub struct Stepper {
    /// The optimizer and its moments.
    pub optimizer: AdamW,
    /// The loss.
    pub loss: LossKind,
    /// Rows that go through the towers together; 0 for all.
    pub chunk: usize,
}

/// What a step tells.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StepReport {
    /// The loss before the step.
    pub loss: f32,
    /// Norm of all gradients together, before clipping.
    pub gradient_norm: f32,
}

impl Stepper {
    /// Takes one step of `rate`; returns the model after it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] where the loss or a gradient is not a number: nothing was changed then.
    pub fn step(
        &mut self,
        learner: Learner,
        inputs: Inputs,
        rate: f64,
    ) -> Result<(Learner, StepReport)> {
        let Pass { loss, gradients } = Pass::new(&learner, self.loss, inputs, self.chunk);
        let gradient_norm = parameters::norm(&gradients);
        if !loss.is_finite() || !gradient_norm.is_finite() {
            let step = self.optimizer.steps();
            return Err(Error::NotFinite { step, loss, gradient_norm, rate });
        }
        let learner = self.optimizer.step(learner, gradients, gradient_norm, rate);
        Ok((learner.clamp_scale(), StepReport { loss, gradient_norm }))
    }
}
