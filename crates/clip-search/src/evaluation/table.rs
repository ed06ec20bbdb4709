//! Results for a person.

use std::fmt::{self, Write};

use clip_eval::Task;

use super::{Fit, Measure, RANKS, Results};
use crate::count;

/// More labels than this are for JSON.
const LABELS: usize = 30;

impl fmt::Display for Results {
    /// Lines for the whole, then for each group.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "{} with {}", self.dataset, self.model)?;
        if let Some(fit) = &self.probe {
            probe(out, fit)?;
        }
        match &self.templates[..] {
            [] => {}
            [single] if single == "{}" => {}
            [single] => writeln!(out, "template: {single}")?,
            several => writeln!(out, "templates: {}, .. ({})", several[0], several.len())?,
        }
        // A single group is the whole once more.
        let groups = if self.groups.len() > 1 { &self.groups[..] } else { &[] };
        let all = (!groups.is_empty()).then_some("all");
        measure(out, self, all, &self.all)?;
        for group in groups {
            measure(out, self, Some(&group.group), &group.measure)?;
        }
        Ok(())
    }
}

fn probe(out: &mut impl Write, fit: &Fit) -> fmt::Result {
    let c = match (1e-2..1e4).contains(&fit.c) {
        true => format!("{:.3}", fit.c),
        false => format!("{:.3e}", fit.c),
    };
    let end = if fit.converged { "converged" } else { "stopped before it converged" };
    writeln!(
        out,
        "learned from {}, {} of them to choose C = {c} among {}; {end} after {}",
        count(fit.pictures, "picture"),
        fit.validation_pictures,
        fit.trials.len(),
        count(fit.iterations as usize, "step")
    )
}

fn measure(
    out: &mut impl Write,
    results: &Results,
    title: Option<&str>,
    measure: &Measure,
) -> fmt::Result {
    writeln!(out)?;
    if let Some(title) = title {
        write!(out, "{title}: ")?;
    }
    let is_retrieval = results.task == Task::ZeroshotRetrieval;
    let noun = if is_retrieval { "text" } else { "label" };
    writeln!(out, "{}, {}", count(measure.pictures, "picture"), count(measure.texts, noun))?;
    if is_retrieval {
        return retrieval(out, measure);
    }
    for (name, says) in [
        ("acc1", "accuracy"),
        ("acc5", "accuracy of the first five"),
        ("mean_per_class_recall", "mean of the labels' recalls"),
    ] {
        let keys = [name.to_owned(), format!("lp_{name}")];
        if let Some(score) = keys.iter().find_map(|key| score(measure, key)) {
            writeln!(out, "{says:<30}{score}")?;
        }
    }
    classes(out, measure)
}

fn retrieval(out: &mut impl Write, measure: &Measure) -> fmt::Result {
    let cells =
        |key: &str| RANKS.map(|k| score(measure, &format!("{key}@{k}")).unwrap_or_default());
    let header = RANKS.map(|k| format!("  R@{k}"));
    let rows = [
        ("", header),
        ("text to image", cells("image_retrieval_recall")),
        ("image to text", cells("text_retrieval_recall")),
    ];
    for (name, [a, b, c]) in rows {
        writeln!(out, "{name:<15}{a:<22}{b:<22}{}", c.trim_end())?;
    }
    Ok(())
}

/// A score in percent with its interval.
fn score(measure: &Measure, key: &str) -> Option<String> {
    let value = measure.metrics.get(key)?;
    let [low, high] = measure.confidence.intervals.get(key)?;
    Some(format!("{:5.1} [{:.1}, {:.1}]", 100.0 * value, 100.0 * low, 100.0 * high))
}

fn classes(out: &mut impl Write, measure: &Measure) -> fmt::Result {
    let width = |names: &mut dyn Iterator<Item = &String>| {
        names.map(|name| name.chars().count()).max().unwrap_or(0).max(5)
    };
    if measure.per_class.len() <= LABELS {
        let width = width(&mut measure.per_class.iter().map(|class| &class.class));
        writeln!(out, "\n{:<width$}  right     of  recall", "label")?;
        for class in &measure.per_class {
            let (name, right, n) = (&class.class, class.right, class.n);
            writeln!(out, "{name:<width$}  {right:>5}  {n:>5}  {:>6.1}", 100.0 * class.recall)?;
        }
    }
    if !measure.confusions.is_empty() {
        writeln!(out, "\nmost frequent mistakes")?;
        for confusion in &measure.confusions {
            let (count, label, predicted) =
                (confusion.count, &confusion.label, &confusion.predicted);
            writeln!(out, "{count:>5}  {label}, taken for {predicted}")?;
        }
    }
    Ok(())
}
