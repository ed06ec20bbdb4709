//! What logistic regression minimizes.

use std::ops::Range;

use ndarray::linalg::general_mat_mul;
use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis, s};
use rayon::prelude::*;

use crate::{Error, Labeled, Result};

/// Parts with a gradient of their own. Their number must not depend on the threads, or the order
/// of the sums would, and with it the last digits.
const PARTS: usize = 32;
/// Rows whose probabilities are in memory at once, for each thread.
const BLOCK_ROWS: usize = 256;

/// Training rows in the form that the sums need.
#[derive(Debug)]
pub(crate) struct Objective {
    features: Array2<f64>,
    /// For each row, the position of its label in `classes`.
    targets: Vec<usize>,
    classes: Vec<usize>,
}

impl Objective {
    /// All rows of all parts.
    pub(crate) fn new(parts: &[Labeled<'_>]) -> Result<Self> {
        let rows = parts.iter().map(|part| part.labels().len()).sum();
        let Some(first) = parts.first().filter(|_| rows > 0) else {
            return Err(Error::Empty { subject: "training rows".to_owned() });
        };
        let width = first.vectors().width();
        let mut classes: Vec<usize> =
            parts.iter().flat_map(|part| part.labels()).copied().collect();
        classes.sort_unstable();
        classes.dedup();
        if classes.len() < 2 {
            return Err(Error::OneClass);
        }
        let mut features = Array2::zeros((rows, width));
        let mut targets = Vec::with_capacity(rows);
        for part in parts {
            part.vectors().require_width(width)?;
            let range = targets.len()..targets.len() + part.labels().len();
            features.slice_mut(s![range, ..]).assign(&part.vectors().view().mapv(f64::from));
            targets
                .extend(part.labels().iter().map(|label| classes.partition_point(|c| c < label)));
        }
        Ok(Self { features, targets, classes })
    }

    /// The labels, ascending.
    pub(crate) fn classes(&self) -> &[usize] {
        &self.classes
    }

    pub(crate) fn width(&self) -> usize {
        self.features.ncols()
    }

    pub(crate) fn rows(&self) -> usize {
        self.features.nrows()
    }

    /// Linear functions: one for two classes, as scikit-learn has it, else one a class. With two
    /// for two classes the penalty would weigh half as much.
    pub(crate) fn outputs(&self) -> usize {
        if self.classes.len() == 2 { 1 } else { self.classes.len() }
    }

    /// Weights, output by output, and then the intercepts.
    pub(crate) fn parameters(&self) -> usize {
        self.outputs() * (self.width() + 1)
    }

    /// Makes each feature mean 0 and deviation 1, and returns the means and deviations. A feature
    /// that never changes keeps its scale.
    pub(crate) fn standardize(&mut self) -> (Array1<f64>, Array1<f64>) {
        let mean = self.features.sum_axis(Axis(0)) / self.rows() as f64;
        self.features -= &mean;
        let squares = self.features.fold_axis(Axis(0), 0.0, |sum, value| sum + value * value);
        let deviation = squares.mapv(|sum: f64| {
            let deviation = (sum / self.rows() as f64).sqrt();
            if deviation > 0.0 { deviation } else { 1.0 }
        });
        self.features /= &deviation;
        (mean, deviation)
    }

    /// The mean of the rows' log losses plus `penalty / 2` times the sum of the squared weights,
    /// and its gradient. Intercepts are free. scikit-learn's objective is this times `C` times
    /// the number of rows, with `penalty = 1 / (C * rows)`.
    pub(crate) fn evaluate(&self, penalty: f64, parameters: &[f64]) -> (f64, Vec<f64>) {
        let (outputs, width) = (self.outputs(), self.width());
        let (weights, intercepts) = parameters.split_at(outputs * width);
        let Ok(matrix) = ArrayView2::from_shape((outputs, width), weights) else {
            unreachable!("the solver keeps the number of parameters")
        };
        let step = self.rows().div_ceil(PARTS).max(BLOCK_ROWS);
        let parts: Vec<(f64, Array2<f64>, Array1<f64>)> = (0..self.rows())
            .into_par_iter()
            .step_by(step)
            .map(|start| self.part(start..self.rows().min(start + step), matrix, intercepts))
            .collect();

        let scale = 1.0 / self.rows() as f64;
        let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
        let mut loss = 0.5 * penalty * squares;
        let mut gradient: Vec<f64> = weights.iter().map(|weight| penalty * weight).collect();
        gradient.resize(parameters.len(), 0.0);
        for (part, by_weight, by_intercept) in parts {
            loss += scale * part;
            for (sum, value) in gradient.iter_mut().zip(by_weight.iter().chain(&by_intercept)) {
                *sum += scale * value;
            }
        }
        (loss, gradient)
    }

    /// Sums over some rows.
    fn part(
        &self,
        rows: Range<usize>,
        weights: ArrayView2<'_, f64>,
        intercepts: &[f64],
    ) -> (f64, Array2<f64>, Array1<f64>) {
        let intercepts = ArrayView1::from(intercepts);
        let mut loss = 0.0;
        let mut by_weight = Array2::zeros(weights.raw_dim());
        let mut by_intercept = Array1::zeros(intercepts.raw_dim());
        for start in rows.clone().step_by(BLOCK_ROWS) {
            let block = start..rows.end.min(start + BLOCK_ROWS);
            let features = self.features.slice(s![block.clone(), ..]);
            let mut scores = Array2::zeros((features.nrows(), weights.nrows()));
            scores += &intercepts;
            general_mat_mul(1.0, &features, &weights.t(), 1.0, &mut scores);
            for (mut scores, &target) in scores.rows_mut().into_iter().zip(&self.targets[block]) {
                let Some(scores) = scores.as_slice_mut() else {
                    unreachable!("zeros are contiguous")
                };
                loss += match scores {
                    [score] => logistic(score, target),
                    scores => softmax(scores, target),
                };
            }
            by_intercept += &scores.sum_axis(Axis(0));
            general_mat_mul(1.0, &scores.t(), &features, 1.0, &mut by_weight);
        }
        (loss, by_weight, by_intercept)
    }
}

/// The log loss of a row; its scores become the derivatives by them.
fn softmax(scores: &mut [f64], target: usize) -> f64 {
    let highest = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let right = scores[target];
    let mut sum = 0.0;
    for score in &mut *scores {
        *score = (*score - highest).exp();
        sum += *score;
    }
    for score in &mut *scores {
        *score /= sum;
    }
    scores[target] -= 1.0;
    highest + sum.ln() - right
}

/// [`softmax`] of two classes, where the first has score 0.
fn logistic(score: &mut f64, target: usize) -> f64 {
    let z = *score;
    let small = (-z.abs()).exp();
    let second = if z >= 0.0 { 1.0 / (1.0 + small) } else { small / (1.0 + small) };
    *score = second - target as f64;
    z.max(0.0) + small.ln_1p() - z * target as f64
}

#[cfg(test)]
mod tests {
    use clip_testkit::Random;

    use super::*;
    use crate::Matrix;

    fn objective(rows: usize, width: usize, classes: usize) -> Objective {
        let values = Random::new(7).values(rows * width);
        let labels: Vec<usize> = (0..rows).map(|row| 10 * (row % classes)).collect();
        let vectors = Matrix::new("rows", &values, rows, width).unwrap();
        Objective::new(&[Labeled::new(vectors, &labels).unwrap()]).unwrap()
    }

    #[test]
    fn the_gradient_is_that_of_the_loss() {
        for (width, classes) in [(3, 2), (3, 3), (4, 5), (1, 2), (1, 3)] {
            let objective = objective(600, width, classes);
            let values = Random::new(1).values(objective.parameters());
            let at: Vec<f64> = values.into_iter().map(f64::from).collect();
            let (_, gradient) = objective.evaluate(0.3, &at);
            for (position, &expected) in gradient.iter().enumerate() {
                let moved = |step: f64| {
                    let mut at = at.clone();
                    at[position] += step;
                    objective.evaluate(0.3, &at).0
                };
                let slope = (moved(1e-5) - moved(-1e-5)) / 2e-5;
                assert!(
                    (slope - expected).abs() < 1e-8,
                    "{classes}, {position}: {slope} {expected}"
                );
            }
        }
    }

    #[test]
    fn without_weights_every_class_is_as_likely() {
        for (classes, expected) in [(2, 2.0f64.ln()), (3, 3.0f64.ln())] {
            let objective = objective(10, 3, classes);
            let (loss, _) = objective.evaluate(1.0, &vec![0.0; objective.parameters()]);
            assert!((loss - expected).abs() < 1e-12);
        }
    }

    #[test]
    fn large_scores_stay_finite() {
        for (score, target, expected) in [(800.0, 0, 800.0), (800.0, 1, 0.0), (-800.0, 1, 800.0)] {
            let mut derivative = score;
            assert_eq!(logistic(&mut derivative, target), expected);
            assert!(derivative.abs() <= 1.0);
            assert_eq!(softmax(&mut [0.0, score], target), expected);
        }
    }

    #[test]
    fn standardized_features_have_mean_0_and_deviation_1() {
        let values = [1.0, 5.0, 3.0, 5.0];
        let vectors = Matrix::new("rows", &values, 2, 2).unwrap();
        let mut objective = Objective::new(&[Labeled::new(vectors, &[0, 1]).unwrap()]).unwrap();
        let (mean, deviation) = objective.standardize();
        assert_eq!((mean.to_vec(), deviation.to_vec()), (vec![2.0, 5.0], vec![1.0, 1.0]));
        assert_eq!(objective.features, ndarray::array![[-1.0, 0.0], [1.0, 0.0]]);
    }
}
