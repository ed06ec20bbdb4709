//! One step: loss, gradients, clipping, update.

use burn::module::Module;
use burn::tensor::Tensor;

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
    /// Takes one step of `rate`; returns the model after it, and the gradients of the texts' vectors
    /// where they are [trained](crate::TextInputs::Vectors), which are not the optimizer's to move.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] where the loss or a gradient is not a number: nothing was changed then.
    pub fn step(
        &mut self,
        learner: Learner,
        inputs: Inputs,
        rate: f64,
    ) -> Result<(Learner, Option<Tensor<2>>, StepReport)> {
        let mut pass = Pass::new(&learner, self.loss, inputs, self.chunk);
        let text_vectors = pass.text_vectors.take();
        let (learner, report) = update(&mut self.optimizer, learner, pass, rate)?;
        Ok((learner.clamp_scale(), text_vectors, report))
    }
}

/// Updates a module along its gradients, unless they or the loss left the numbers.
pub(crate) fn update<M: Module>(
    optimizer: &mut AdamW,
    module: M,
    pass: Pass,
    rate: f64,
) -> Result<(M, StepReport)> {
    let Pass { loss, gradients, .. } = pass;
    let gradient_norm = parameters::norm(&gradients);
    if !loss.is_finite() || !gradient_norm.is_finite() {
        let step = optimizer.steps();
        return Err(Error::NotFinite { step, loss, gradient_norm, rate });
    }
    let module = optimizer.step(module, gradients, gradient_norm, rate);
    Ok((module, StepReport { loss, gradient_norm }))
}
