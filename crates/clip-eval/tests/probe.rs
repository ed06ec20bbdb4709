//! Linear probes against scikit-learn, whose answers `tests/scripts/probe.py` wrote.

use clip_eval::{Classifier, Error, Labeled, Matrix, Probe, Scaling, Sweep};
use serde::Deserialize;

#[derive(Deserialize)]
struct Golden {
    train: usize,
    width: usize,
    denominator: f32,
    labels: Vec<usize>,
    features: Vec<f32>,
    fits: Vec<Fit>,
}

#[derive(Deserialize)]
struct Fit {
    classes: usize,
    c: f64,
    standardize: bool,
    coef: Vec<Vec<f64>>,
    intercept: Vec<f64>,
    accuracy: f64,
    accuracy_default: f64,
    iterations_default: u64,
}

/// Features and labels.
#[derive(Default)]
struct Rows(Vec<f32>, Vec<usize>);

impl Rows {
    fn labeled(&self) -> Labeled<'_> {
        let (rows, values) = (self.1.len(), self.0.len());
        Labeled::new(Matrix::new("rows", &self.0, rows, values / rows).unwrap(), &self.1).unwrap()
    }
}

fn golden() -> Golden {
    let mut golden: Golden = serde_json::from_str(include_str!("data/probe.json")).unwrap();
    golden.features.iter_mut().for_each(|value| *value /= golden.denominator);
    golden
}

impl Golden {
    /// The training and the test rows whose label is below `classes`.
    fn split(&self, classes: usize) -> (Rows, Rows) {
        let (mut train, mut test) = (Rows::default(), Rows::default());
        for (row, &label) in self.labels.iter().enumerate().filter(|(_, label)| **label < classes) {
            let rows = if row < self.train { &mut train } else { &mut test };
            rows.0.extend(&self.features[row * self.width..][..self.width]);
            rows.1.push(label);
        }
        (train, test)
    }

    /// Learns with the settings of `fit`, and also returns the accuracy.
    fn fit(&self, fit: &Fit, tolerance: f64) -> (Classifier, f64) {
        let (train, test) = self.split(fit.classes);
        let scaling = if fit.standardize { Scaling::Standardize } else { Scaling::None };
        let probe = Probe { c: fit.c, tolerance, scaling, max_iterations: 10_000 };
        let classifier = probe.fit(&[train.labeled()]).unwrap();
        let accuracy = classifier.evaluate(&test.labeled()).unwrap().accuracy(1);
        (classifier, accuracy)
    }
}

/// The largest difference, as a share of the largest value.
fn relative(actual: &[f64], expected: impl Iterator<Item = f64>) -> f64 {
    let expected: Vec<f64> = expected.collect();
    assert_eq!(actual.len(), expected.len());
    let differences = actual.iter().zip(&expected).map(|(a, b)| (a - b).abs());
    let largest = expected.iter().map(|value| value.abs()).fold(0.0, f64::max);
    differences.fold(0.0, f64::max) / largest
}

/// With a small tolerance the weights are those of Newton's method, up to 1e-5 where the penalty is
/// felt and 5e-5 where it is not.
#[test]
fn the_minimum_is_that_of_scikit_learn() {
    let golden = golden();
    for expected in &golden.fits {
        let (classifier, accuracy) = golden.fit(expected, 1e-8);
        let weights = relative(&classifier.weights(), expected.coef.iter().flatten().copied());
        let intercepts = relative(&classifier.intercepts(), expected.intercept.iter().copied());
        let what =
            format!("{} classes, C {}: {weights:e}, {intercepts:e}", expected.classes, expected.c);
        assert!(classifier.converged(), "{what}");
        assert!(weights < 1e-4 && intercepts < 1e-4, "{what}");
        assert!((accuracy - expected.accuracy).abs() < 1e-9, "{what}: {accuracy}");
        assert!(classifier.classes().iter().copied().eq(0..expected.classes), "{what}");
    }
}

#[test]
fn with_default_settings_accuracy_and_steps_are_those_of_scikit_learn() {
    let golden = golden();
    for expected in &golden.fits {
        let (classifier, accuracy) = golden.fit(expected, Probe::default().tolerance);
        let what = format!("{} classes, C {}", expected.classes, expected.c);
        assert!((accuracy - expected.accuracy_default).abs() <= 0.005, "{what}: {accuracy}");
        let steps = classifier.iterations() as f64 / expected.iterations_default as f64;
        assert!((0.7..1.4).contains(&steps), "{what}: {} steps", classifier.iterations());
    }
}

#[test]
fn parts_are_learned_from_as_one() {
    let (train, _) = golden().split(7);
    let width = train.0.len() / train.1.len();
    let first = Rows(train.0[..100 * width].to_vec(), train.1[..100].to_vec());
    let second = Rows(train.0[100 * width..].to_vec(), train.1[100..].to_vec());
    let probe = Probe::default();
    let whole = probe.fit(&[train.labeled()]).unwrap();
    assert_eq!(probe.fit(&[first.labeled(), second.labeled()]).unwrap(), whole);
    let one_thread = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    assert_eq!(one_thread.install(|| probe.fit(&[train.labeled()])).unwrap(), whole);
}

#[test]
fn the_sweep_follows_the_best_of_the_validation_split() {
    let (train, validation) = golden().split(7);
    let (train, validation) = (train.labeled(), validation.labeled());
    let outcome = Sweep::default().run(&train, &validation).unwrap();
    let exponents: Vec<f64> = outcome.trials.iter().map(|trial| trial.c.log10()).collect();
    assert!(exponents.is_sorted_by(|a, b| a < b), "{exponents:?}");
    for first in [-6.0, -4.0, -2.0, 0.0, 2.0, 4.0, 6.0] {
        assert!(exponents.iter().any(|exponent: &f64| (exponent - first).abs() < 1e-9));
    }
    assert!(exponents.iter().all(|exponent| (exponent * 8.0).fract().abs() < 1e-9));
    assert!((13..=15).contains(&outcome.trials.len()), "{exponents:?}");

    let best = outcome.trials.iter().map(|trial| trial.accuracy).fold(0.0, f64::max);
    let chosen = outcome.trials.iter().find(|trial| trial.accuracy == best).unwrap();
    assert_eq!(outcome.best, Probe { c: chosen.c, ..Probe::default() });
    let alone = outcome.best.fit(&[train]).unwrap();
    assert_eq!(alone.evaluate(&validation).unwrap().accuracy(1), best);
    assert!((0.01..1.0).contains(&chosen.c) && best >= 0.82, "{chosen:?}");
}

#[test]
fn a_class_that_was_never_learned_is_never_right() {
    let rows = Rows(vec![0.0, 0.1, 1.0, 1.1], vec![3, 3, 8, 8]);
    let classifier = Probe { c: 1e3, ..Probe::default() }.fit(&[rows.labeled()]).unwrap();
    assert_eq!(classifier.classes(), [3, 8]);
    let test = Rows(vec![0.0, 1.0, 0.0, 1.0], vec![3, 8, 5, 3]);
    let answers = classifier.evaluate(&test.labeled()).unwrap();
    assert!(answers.predicted().eq([3, 8, 3, 8]));
    assert_eq!(answers.hits(1), [1.0, 1.0, 0.0, 0.0]);
    assert_eq!(answers.hits(2), [1.0, 1.0, 0.0, 1.0]);
}

#[test]
fn separable_rows_and_constant_features_do_no_harm() {
    let rows = Rows(vec![0.0, 5.0, 1.0, 5.0, 2.0, 5.0], vec![0, 1, 2]);
    for scaling in [Scaling::None, Scaling::Standardize] {
        for c in [1e-6, 1.0, 1e12] {
            let classifier =
                Probe { c, scaling, ..Probe::default() }.fit(&[rows.labeled()]).unwrap();
            assert!(classifier.weights().iter().all(|weight| weight.is_finite()), "C {c}");
        }
    }
}

#[test]
fn refusals() {
    let error = |probe: Probe, rows: &[Labeled<'_>]| probe.fit(rows).unwrap_err().to_string();
    let default = Probe::default();
    let (one, two) = (Rows(vec![1.0, 2.0], vec![4, 4]), Rows(vec![1.0, 2.0], vec![0, 1]));
    let wide = Rows(vec![1.0, 2.0, 3.0, 4.0], vec![0, 1]);
    assert!(error(default, &[]).starts_with("there are no training rows"));
    assert!(matches!(default.fit(&[one.labeled()]), Err(Error::OneClass)));
    assert!(error(default, &[two.labeled(), wide.labeled()]).starts_with("rows have 2 values"));
    for c in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert!(error(Probe { c, ..default }, &[two.labeled()]).starts_with("C is"));
    }
    let probe = Probe { tolerance: 0.0, ..default };
    assert_eq!(error(probe, &[two.labeled()]), "the tolerance is 0: it must be above 0");
    let classifier = default.fit(&[two.labeled()]).unwrap();
    assert!(matches!(classifier.evaluate(&wide.labeled()), Err(Error::Width { .. })));

    let (train, validation) = (two.labeled(), two.labeled());
    for (lowest, highest, steps_per_decade) in [(0, 0, 8), (2, 1, 8), (-400, 1, 8), (0, 1, 0)] {
        let sweep = Sweep { lowest, highest, steps_per_decade, ..Sweep::default() };
        assert!(matches!(sweep.run(&train, &validation), Err(Error::Setting { .. })));
    }
}
