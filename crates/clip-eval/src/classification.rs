//! What a classifier got right and wrong.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Bootstrap, Interval, Result};

/// Fewest classes for which the first five answers say anything.
const CLASSES_FOR_FIVE: usize = 5;

/// The answers of a classifier for pictures whose classes are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Classification {
    classes: usize,
    answers: Vec<Answer>,
}

/// One picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) label: usize,
    pub(crate) predicted: usize,
    /// Classes before the right one.
    pub(crate) rank: usize,
}

/// How many pictures of a class were recognized.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ClassRecall {
    /// The class.
    pub class: usize,
    /// Its pictures.
    pub n: usize,
    /// Those recognized.
    pub right: usize,
    /// The share of the two.
    pub recall: f64,
}

/// Pictures of one class taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Confusion {
    /// What they are.
    pub label: usize,
    /// What they were taken for.
    pub predicted: usize,
    /// How many.
    pub count: usize,
}

impl Classification {
    /// There is at least one answer.
    pub(crate) fn new(classes: usize, answers: Vec<Answer>) -> Self {
        Self { classes, answers }
    }

    /// Classes to choose from.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The class chosen for each picture.
    pub fn predicted(&self) -> impl Iterator<Item = usize> {
        self.answers.iter().map(|answer| answer.predicted)
    }

    /// 1 for each picture whose class is among the first `k`, else 0.
    pub fn hits(&self, k: usize) -> Vec<f64> {
        self.answers.iter().map(|answer| f64::from(u8::from(answer.rank < k))).collect()
    }

    /// Share of the pictures whose class is among the first `k`.
    pub fn accuracy(&self, k: usize) -> f64 {
        self.hits(k).iter().sum::<f64>() / self.answers.len() as f64
    }

    /// [`Self::accuracy`] with its interval.
    ///
    /// # Errors
    ///
    /// As [`Bootstrap::mean`].
    pub fn accuracy_interval(&self, k: usize, bootstrap: &Bootstrap) -> Result<Interval> {
        bootstrap.mean(&self.hits(k))
    }

    /// Whether the accuracy among the first five says anything: CLIP_benchmark leaves it out
    /// below five classes.
    pub fn has_five(&self) -> bool {
        self.classes >= CLASSES_FOR_FIVE
    }

    /// Each class that has pictures, in ascending order.
    pub fn per_class(&self) -> Vec<ClassRecall> {
        let counts = Counts::new(&self.answers);
        let counted = counts.of(0..self.answers.len());
        let with_class = counts.classes.iter().zip(counted);
        with_class
            .map(|(&class, (n, right))| ClassRecall {
                class,
                n,
                right,
                recall: right as f64 / n as f64,
            })
            .collect()
    }

    /// The mean of the recalls of the classes that have pictures, whatever their number: what
    /// scikit-learn calls balanced accuracy.
    pub fn mean_per_class_recall(&self) -> f64 {
        Counts::new(&self.answers).mean_recall(0..self.answers.len())
    }

    /// [`Self::mean_per_class_recall`] with its interval. A draw without any picture of a class is
    /// the mean of the others.
    ///
    /// # Errors
    ///
    /// As [`Bootstrap::statistic`].
    pub fn mean_per_class_recall_interval(&self, bootstrap: &Bootstrap) -> Result<Interval> {
        let counts = Counts::new(&self.answers);
        let score = |rows: &[usize]| counts.mean_recall(rows.iter().copied());
        bootstrap.statistic(self.answers.len(), score)
    }

    /// The `limit` most frequent mistakes, most frequent first; equals in order of their classes.
    pub fn confusions(&self, limit: usize) -> Vec<Confusion> {
        let mut counts: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        for answer in self.answers.iter().filter(|answer| answer.label != answer.predicted) {
            *counts.entry((answer.label, answer.predicted)).or_default() += 1;
        }
        let mut confusions: Vec<Confusion> = counts
            .into_iter()
            .map(|((label, predicted), count)| Confusion { label, predicted, count })
            .collect();
        confusions.sort_by_key(|confusion| Reverse(confusion.count));
        confusions.truncate(limit);
        confusions
    }
}

/// Counts pictures by class, also of the thousand draws of a bootstrap.
struct Counts {
    /// Classes that have pictures, ascending.
    classes: Vec<usize>,
    /// For each picture, the position of its class, and whether it was recognized.
    rows: Vec<(usize, bool)>,
}

impl Counts {
    fn new(answers: &[Answer]) -> Self {
        let mut classes: Vec<usize> = answers.iter().map(|answer| answer.label).collect();
        classes.sort_unstable();
        classes.dedup();
        let row = |answer: &Answer| {
            let position = classes.partition_point(|&class| class < answer.label);
            (position, answer.label == answer.predicted)
        };
        let rows = answers.iter().map(row).collect();
        Self { classes, rows }
    }

    /// For each class, its pictures among `rows` and those recognized.
    fn of(&self, rows: impl Iterator<Item = usize>) -> Vec<(usize, usize)> {
        let mut counted = vec![(0, 0); self.classes.len()];
        for (position, right) in rows.map(|row| self.rows[row]) {
            counted[position].0 += 1;
            counted[position].1 += usize::from(right);
        }
        counted
    }

    fn mean_recall(&self, rows: impl Iterator<Item = usize>) -> f64 {
        let counted = self.of(rows);
        let present = counted.iter().filter(|(n, _)| *n > 0);
        let (sum, classes) = present.fold((0.0, 0), |(sum, classes), &(n, right)| {
            (sum + right as f64 / n as f64, classes + 1)
        });
        sum / f64::from(classes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Label, prediction, rank.
    fn classification(classes: usize, answers: &[(usize, usize, usize)]) -> Classification {
        let answers =
            answers.iter().map(|&(label, predicted, rank)| Answer { label, predicted, rank });
        Classification::new(classes, answers.collect())
    }

    fn sample() -> Classification {
        // Four of class 0, one of class 1, two of class 3, none of class 2.
        let answers = [(0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 3, 1), (1, 3, 4), (3, 0, 2), (3, 3, 0)];
        classification(5, &answers)
    }

    #[test]
    fn accuracy_counts_pictures_and_mean_recall_counts_classes() {
        let sample = sample();
        assert_eq!(sample.accuracy(1), 4.0 / 7.0);
        assert_eq!(sample.accuracy(2), 5.0 / 7.0);
        assert_eq!(sample.accuracy(4), 6.0 / 7.0);
        assert_eq!(sample.accuracy(5), 1.0);
        assert_eq!(sample.hits(2), [1.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0]);
        assert_eq!(sample.mean_per_class_recall(), (0.75 + 0.0 + 0.5) / 3.0);
        let counted: Vec<_> = sample.per_class().iter().map(|c| (c.class, c.n, c.right)).collect();
        assert_eq!(counted, [(0, 4, 3), (1, 1, 0), (3, 2, 1)]);
        assert!(sample.predicted().eq([0, 0, 0, 3, 3, 0, 3]));
        assert!(sample.has_five() && !classification(4, &[(0, 0, 0)]).has_five());
    }

    #[test]
    fn confusions_come_by_count_then_class() {
        let answers = [(1, 0, 1), (0, 1, 1), (2, 0, 1), (2, 0, 1), (0, 0, 0)];
        let confusions = classification(3, &answers).confusions(2);
        let expected = [(2, 0, 2), (0, 1, 1)];
        let expected =
            expected.map(|(label, predicted, count)| Confusion { label, predicted, count });
        assert_eq!(confusions, expected);
        assert!(classification(3, &answers[4..]).confusions(2).is_empty());
    }

    #[test]
    fn intervals_hold_the_scores() {
        let (sample, bootstrap) = (sample(), Bootstrap::default());
        let accuracy = sample.accuracy_interval(1, &bootstrap).unwrap();
        let recall = sample.mean_per_class_recall_interval(&bootstrap).unwrap();
        assert_eq!(accuracy.value, sample.accuracy(1));
        assert_eq!(recall.value, sample.mean_per_class_recall());
        for interval in [accuracy, recall] {
            assert!(interval.low < interval.value && interval.value < interval.high);
        }
    }
}
