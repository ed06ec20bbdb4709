//! How strong the penalty of a probe should be.

use std::collections::BTreeMap;

use crate::probe::{Objective, Scale};
use crate::{Error, Labeled, Probe, Result};

/// Looks for the `C` with the best accuracy on a validation split, as CLIP's paper does
/// (<https://arxiv.org/abs/2103.00020>, A.3): every second power of ten first, then half as far to
/// both sides of the best, and so on down to the finest step.
///
/// Each fit begins anew. One that began where its neighbor stopped would mostly stop there at once,
/// since the tolerance of scikit-learn is met over a wide range of `C`, and all would score alike.
/// Of equally good values the smallest is taken, the one with the strongest penalty.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sweep {
    /// Settings of each fit; its `c` is not used.
    pub probe: Probe,
    /// The smallest `C` is ten to the power of this.
    pub lowest: i32,
    /// The largest `C` is ten to the power of this.
    pub highest: i32,
    /// The finest steps, for each factor of ten.
    pub steps_per_decade: u32,
}

impl Default for Sweep {
    fn default() -> Self {
        Self { probe: Probe::default(), lowest: -6, highest: 6, steps_per_decade: 8 }
    }
}

/// One `C` and how it did.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// The value.
    pub c: f64,
    /// Accuracy on the validation split.
    pub accuracy: f64,
    /// Steps the solver took.
    pub iterations: u64,
    /// Whether the solver reached the tolerance.
    pub converged: bool,
}

/// What a [`Sweep`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct SweepOutcome {
    /// The settings with the best `C`, ready to learn from both splits.
    pub best: Probe,
    /// All that were tried, in ascending order of `C`.
    pub trials: Vec<Trial>,
}

impl Sweep {
    /// Learns from `train` and scores on `validation`, some twenty times. The final classifier
    /// learns from both: `outcome.best.fit(&[train, validation])`.
    ///
    /// # Errors
    ///
    /// As [`Probe::fit`] and [`crate::Classifier::evaluate`]; and [`Error::Setting`] for a range without
    /// width, or no steps.
    pub fn run(&self, train: &Labeled<'_>, validation: &Labeled<'_>) -> Result<SweepOutcome> {
        self.check()?;
        let mut objective = Objective::new(&[*train])?;
        let scale = self.probe.scale(&mut objective);
        let mut search =
            Search { sweep: self, objective, scale, validation, tried: BTreeMap::new() };

        let last = u32::try_from(self.highest - self.lowest).unwrap_or(0) * self.steps_per_decade;
        let mut span = 2 * self.steps_per_decade;
        for step in (0..last).step_by(span as usize).chain([last]) {
            search.attempt(step)?;
        }
        while span > 1 {
            span /= 2;
            let peak = search.peak();
            search.attempt(peak.saturating_sub(span))?;
            search.attempt((peak + span).min(last))?;
        }
        let best = Probe { c: self.c(search.peak()), ..self.probe };
        Ok(SweepOutcome { best, trials: search.tried.into_values().collect() })
    }

    fn check(&self) -> Result<()> {
        Probe { c: 1.0, ..self.probe }.check()?;
        // Powers that f64 has.
        if !(-300..self.highest).contains(&self.lowest) || self.highest > 300 {
            let (name, value) = ("the lowest power of ten of the sweep", f64::from(self.lowest));
            return Err(Error::Setting {
                name,
                value,
                allowed: "below the highest, both within 300",
            });
        }
        if self.steps_per_decade == 0 || self.steps_per_decade > 1000 {
            let (name, value) = ("steps per decade", f64::from(self.steps_per_decade));
            return Err(Error::Setting { name, value, allowed: "1 to 1000" });
        }
        Ok(())
    }

    fn c(&self, step: u32) -> f64 {
        10f64.powf(f64::from(self.lowest) + f64::from(step) / f64::from(self.steps_per_decade))
    }
}

/// A sweep under way.
struct Search<'a> {
    sweep: &'a Sweep,
    objective: Objective,
    scale: Scale,
    validation: &'a Labeled<'a>,
    /// By step.
    tried: BTreeMap<u32, Trial>,
}

impl Search<'_> {
    fn attempt(&mut self, step: u32) -> Result<()> {
        if self.tried.contains_key(&step) {
            return Ok(());
        }
        let probe = Probe { c: self.sweep.c(step), ..self.sweep.probe };
        let classifier = probe.fit_prepared(&self.objective, &self.scale)?;
        let trial = Trial {
            c: probe.c,
            accuracy: classifier.evaluate(self.validation)?.accuracy(1),
            iterations: classifier.iterations(),
            converged: classifier.converged(),
        };
        self.tried.insert(step, trial);
        Ok(())
    }

    /// The best step, the lowest of equals.
    fn peak(&self) -> u32 {
        let best = self
            .tried
            .iter()
            .reduce(|best, next| if next.1.accuracy > best.1.accuracy { next } else { best });
        best.map_or(0, |(step, _)| *step)
    }
}
