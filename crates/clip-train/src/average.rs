//! The exponential moving average of the weights, which checkpoints hold.

use burn::module::Module;

use crate::parameters::{self, Named};

/// The average of a module's weights over the run; nothing where the decay is 0.
#[derive(Debug)]
pub(crate) struct Average {
    decay: f64,
    values: Named,
}

impl Average {
    /// Begins with these weights. `decay` is that of a step; 0 for no average.
    pub(crate) fn new(decay: f64, start: Named) -> Self {
        let values = if decay > 0.0 { start } else { Named::new() };
        Self { decay, values }
    }

    /// The average by name, for saving.
    pub(crate) fn values(&self) -> &Named {
        &self.values
    }

    /// Goes on with a saved average.
    pub(crate) fn restore(&mut self, values: Named) {
        self.values = values;
    }

    /// Moves towards the weights after `step` steps.
    pub(crate) fn follow<M: Module>(&mut self, module: &M, step: u64) {
        if self.decay == 0.0 {
            return;
        }
        // As the average begins with random weights, it follows faster at first.
        let step = step as f64;
        let decay = self.decay.min((1.0 + step) / (10.0 + step));
        let mut averages = std::mem::take(&mut self.values);
        let both = parameters::values(module).into_iter().map(|(name, value)| {
            let average = averages.remove(&name).expect("an average of every parameter");
            (name, (average, value))
        });
        let moved = |(average, value)| average * decay + value * (1.0 - decay);
        self.values = parameters::each(both.collect(), |(average, _)| average, moved);
    }

    /// The module with the average in the place of its weights, where there is one.
    pub(crate) fn apply<M: Module>(&self, module: M) -> M {
        match self.values.is_empty() {
            true => module,
            false => {
                parameters::update(module, |_| true, |about, _| self.values[about.name].clone())
            }
        }
    }
}
