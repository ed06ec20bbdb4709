//! A linear classifier on frozen features.

mod objective;
mod solver;

use ndarray::{Array1, Array2, Axis, s};
use rayon::prelude::*;

pub(crate) use self::objective::Objective;
use crate::classification::Answer;
use crate::scores;
use crate::{Classification, Error, Labeled, Result};

/// Settings of a logistic regression, with the meaning and the defaults of scikit-learn's
/// `LogisticRegression(C=.., solver="lbfgs", max_iter=1000)`.
///
/// It minimizes `C` times the sum of the log losses plus half the sum of the squared weights;
/// intercepts are free. Two classes share one linear function, more have one each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Probe {
    /// How much the rows weigh against the penalty: the inverse of CLIP's λ.
    pub c: f64,
    /// Steps after which the solver stops in any case.
    pub max_iterations: u64,
    /// The solver stops where no component of the mean loss's gradient is larger: `tol`.
    /// Components shrink with the number of classes and the size of the features: for unit vectors
    /// of several hundred classes the default stops early, in scikit-learn too, and 1e-6 is better.
    pub tolerance: f64,
    /// What happens to the features first.
    pub scaling: Scaling,
}

/// What happens to features before they are learned from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Scaling {
    /// Nothing, as in CLIP.
    #[default]
    None,
    /// Each feature gets mean 0 and deviation 1 over the training rows.
    Standardize,
}

impl Default for Probe {
    fn default() -> Self {
        Self { c: 1.0, max_iterations: 1000, tolerance: 1e-4, scaling: Scaling::None }
    }
}

impl Probe {
    /// Learns from all rows of `parts`, such as the training and the validation split. Classes are
    /// the labels that occur.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`] without rows, [`Error::OneClass`] where all have one label,
    /// [`Error::Width`] for parts of two widths, [`Error::Setting`] for a setting that makes no
    /// sense, and [`Error::Solver`] where the solver fails.
    pub fn fit(&self, parts: &[Labeled<'_>]) -> Result<Classifier> {
        self.check()?;
        let mut objective = Objective::new(parts)?;
        let scale = self.scale(&mut objective);
        self.fit_prepared(&objective, &scale)
    }

    /// Refuses settings that make no sense.
    pub(crate) fn check(&self) -> Result<()> {
        let positive = |name, value: f64| match value.is_finite() && value > 0.0 {
            true => Ok(()),
            false => Err(Error::Setting { name, value, allowed: "above 0" }),
        };
        positive("C", self.c)?;
        positive("the tolerance", self.tolerance)?;
        positive("the number of iterations", self.max_iterations as f64)
    }

    /// Scales the features; once, however many fits follow.
    pub(crate) fn scale(&self, objective: &mut Objective) -> Scale {
        match self.scaling {
            Scaling::None => None,
            Scaling::Standardize => Some(objective.standardize()),
        }
    }

    pub(crate) fn fit_prepared(&self, objective: &Objective, scale: &Scale) -> Result<Classifier> {
        let solution = solver::minimize(objective, self)?;
        let (outputs, width) = (objective.outputs(), objective.width());
        let (weights, intercepts) = solution.parameters.split_at(outputs * width);
        let mut weights = Array2::from_shape_fn((outputs, width), |(o, w)| weights[o * width + w]);
        let mut intercepts = Array1::from(intercepts.to_vec());
        if let Some((mean, deviation)) = scale {
            weights /= deviation;
            intercepts -= &weights.dot(mean);
        }
        Ok(Classifier {
            c: self.c,
            classes: objective.classes().to_vec(),
            weights,
            intercepts,
            iterations: solution.iterations,
            converged: solution.converged,
        })
    }
}

/// Means and deviations of features, where they were scaled.
pub(crate) type Scale = Option<(Array1<f64>, Array1<f64>)>;

/// What a [`Probe`] learned. It takes features as they are; scaling is part of its weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Classifier {
    c: f64,
    classes: Vec<usize>,
    weights: Array2<f64>,
    intercepts: Array1<f64>,
    iterations: u64,
    converged: bool,
}

impl Classifier {
    /// The `C` that it was learned with.
    pub fn c(&self) -> f64 {
        self.c
    }

    /// The labels it knows, ascending.
    pub fn classes(&self) -> &[usize] {
        &self.classes
    }

    /// Weights, row after row: one row a class, or one row for the second of two classes.
    pub fn weights(&self) -> Vec<f64> {
        self.weights.iter().copied().collect()
    }

    /// An intercept for each row of the weights.
    pub fn intercepts(&self) -> Vec<f64> {
        self.intercepts.to_vec()
    }

    /// Steps the solver took.
    pub fn iterations(&self) -> u64 {
        self.iterations
    }

    /// Whether the solver reached the tolerance, and did not stop for another reason. Without a
    /// penalty to speak of the minimum may be out of reach; the classifier is usable all the same.
    pub fn converged(&self) -> bool {
        self.converged
    }

    /// Compares its answers with the labels. Rows of a class that it does not know are counted,
    /// and never right. Of equally likely classes the first is chosen.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`] without rows, and [`Error::Width`] for features of another width.
    pub fn evaluate(&self, rows: &Labeled<'_>) -> Result<Classification> {
        let (features, labels) = (rows.vectors(), rows.labels());
        features.require_rows()?;
        features.require_width(self.weights.ncols())?;
        let blocks = scores::blocks(features.rows(), self.classes.len());
        let answers: Vec<Vec<Answer>> = blocks
            .into_par_iter()
            .map(|block| {
                let labels = &labels[block.clone()];
                let features = features.view();
                let features = features.slice(s![block, ..]).mapv(f64::from);
                let scores = features.dot(&self.weights.t()) + &self.intercepts;
                let scores = scores.axis_iter(Axis(0));
                scores
                    .zip(labels)
                    .map(|(scores, &label)| self.answer(scores.to_vec(), label))
                    .collect()
            })
            .collect();
        let answers = answers.into_iter().flatten().collect();
        Ok(Classification::new(self.classes.len(), answers))
    }

    fn answer(&self, mut scores: Vec<f64>, label: usize) -> Answer {
        if self.classes.len() == 2 {
            scores.insert(0, 0.0);
        }
        let position = self.classes.binary_search(&label).ok();
        let rank = scores::rank(&scores, position).unwrap_or(usize::MAX);
        Answer { label, predicted: self.classes[scores::highest(&scores)], rank }
    }
}
