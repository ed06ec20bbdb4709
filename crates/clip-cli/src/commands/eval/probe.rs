//! `clip-cli eval linear-probe`.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use anyhow::{Result, bail};
use clip::{Embedder, Overflow};
use clip_eval::{Bootstrap, Labeled, Probe, Report, Sweep};

use super::args::ProbeArgs;
use super::pictures::{Labeling, Pictures};
use super::results::{Fit, Measure, Results, Trial, subject};
use crate::model;
use crate::output::count;
use crate::report::{self, Bar, Skipped};

/// On unit vectors of many labels scikit-learn's own tolerance, 1e-4, is met after a step or two.
const TOLERANCE: f64 = 1e-6;
/// Without a validation split each row whose number, from 1, is a multiple of this is held out.
const HOLD_OUT: usize = 10;

pub(super) fn run(args: &ProbeArgs, skipped: &mut Skipped) -> Result<()> {
    args.results.check()?;
    let embedder = model::embedder(&args.model, Overflow::Error)?;
    let mut labels = Vocabulary::default();
    let mut encode = |paths: &[PathBuf]| -> Result<(Pictures, Vec<String>)> {
        let dataset = super::open(paths)?;
        let mut labeling = Labeling::new(&dataset, args.data.labels.as_deref())?;
        labels.renumber(&mut labeling);
        let pictures = Pictures::encode(&embedder, &dataset, &labeling.rows, skipped)?;
        Ok((pictures, labeling.groups))
    };
    let (train, _) = encode(&args.train)?;
    let (train, validation) = match args.validation.is_empty() {
        true => hold_out(&train)?,
        false => (train, encode(&args.validation)?.0),
    };
    let (pictures, groups) = encode(&args.data.data)?;
    warn_of_unknown(&[&train, &validation], &pictures);

    let learned = learn(&train, &validation)?;
    measure(args, &embedder, learned, &pictures, &groups, &labels.names)
}

/// The rows to learn from, and those held out.
fn hold_out(rows: &Pictures) -> Result<(Pictures, Pictures)> {
    let is_held = |position: usize| (position + 1).is_multiple_of(HOLD_OUT);
    let held = rows.subset(|position, _| is_held(position));
    if held.rows.is_empty() {
        bail!(
            "--train has {}, too few to hold out every tenth: give --validation, or more pictures",
            count(rows.rows.len(), "picture")
        );
    }
    Ok((rows.subset(|position, _| !is_held(position)), held))
}

/// Labels that the classifier cannot know lower its score, which is easily misread.
fn warn_of_unknown(known: &[&Pictures], asked: &Pictures) {
    let known: HashSet<usize> = known.iter().flat_map(|pictures| pictures.labels()).collect();
    let asked: HashSet<usize> = asked.labels().into_iter().collect();
    let unknown = asked.difference(&known).count();
    if unknown > 0 {
        report::warning(format_args!(
            "{unknown} of the {} in --data are not in --train: their pictures count as wrong",
            count(asked.len(), "label")
        ));
    }
}

/// Looks for the best penalty, then learns from both splits with it.
fn learn(train: &Pictures, validation: &Pictures) -> Result<(clip_eval::Classifier, Fit)> {
    let (train_labels, validation_labels) = (train.labels(), validation.labels());
    let train = Labeled::new(train.matrix()?, &train_labels)?;
    let validation = Labeled::new(validation.matrix()?, &validation_labels)?;
    let _bar = Bar::spinner("learning with some twenty penalties");
    let probe = Probe { tolerance: TOLERANCE, ..Probe::default() };
    let sweep = Sweep { probe, ..Sweep::default() }.run(&train, &validation)?;
    let classifier = sweep.best.fit(&[train, validation])?;
    let trials = sweep.trials.iter();
    let fit = Fit {
        c: classifier.c(),
        iterations: classifier.iterations(),
        converged: classifier.converged(),
        pictures: train_labels.len() + validation_labels.len(),
        validation_pictures: validation_labels.len(),
        trials: trials.map(|trial| Trial { c: trial.c, accuracy: trial.accuracy }).collect(),
    };
    Ok((classifier, fit))
}

fn measure(
    args: &ProbeArgs,
    embedder: &Embedder,
    (classifier, fit): (clip_eval::Classifier, Fit),
    pictures: &Pictures,
    groups: &[String],
    names: &[String],
) -> Result<()> {
    let subject = subject(embedder, &args.data.data);
    let measure = |pictures: &Pictures| {
        let labels = pictures.labels();
        let answers = classifier.evaluate(&Labeled::new(pictures.matrix()?, &labels)?)?;
        let bootstrap = Bootstrap::default();
        let report = Report::linear_probe(subject.clone(), &classifier, &answers, &bootstrap)?;
        let measure = Measure::new(report, labels.len(), classifier.classes().len());
        Ok(measure.with_classes(&answers, names, args.confusions.top_confusions))
    };
    let results = Results::measure("linear_probe", subject.clone(), pictures, groups, measure)?;
    results.with_probe(fit).deliver(&args.results)
}

/// One number for a label in all splits. As within a split, case makes no difference.
#[derive(Default)]
struct Vocabulary {
    numbers: HashMap<String, usize>,
    names: Vec<String>,
}

impl Vocabulary {
    fn renumber(&mut self, labeling: &mut Labeling) {
        for row in &mut labeling.rows {
            let name = &labeling.names[row.label];
            row.label = *self.numbers.entry(name.to_lowercase()).or_insert_with(|| {
                self.names.push(name.clone());
                self.names.len() - 1
            });
        }
    }
}
