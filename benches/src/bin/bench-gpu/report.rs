//! What is kept of a run: a page of tables, and its records.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;

use crate::Args;
use crate::plan::Step;
use crate::record::{Dtype, Record, Tower, Who};
use crate::table::{cut, markdown, short};

/// The least cosine that a vector may have to the CPU's.
const GOAL: f64 = 0.999;

/// The records of a run, and what one must know to read them.
#[derive(Debug)]
pub(crate) struct Report {
    /// Who measured what, where.
    head: String,
    records: Vec<Record>,
    times: Vec<(Step, Duration)>,
}

impl Report {
    /// One without records.
    pub(crate) fn new(args: &Args) -> Self {
        let model = if args.quick {
            "a tiny model with random weights (--quick): rates mean nothing"
        } else {
            "ViT-B/32 with random weights"
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let head = format!(
            "`{}`: {}, {}; {model}; {cores} cores of {}",
            args.device,
            args.date,
            args.commit,
            processor()
        );
        Self { head, records: Vec::new(), times: Vec::new() }
    }

    pub(crate) fn push(&mut self, record: Record) {
        self.records.push(record);
    }

    /// How long a step took, its start and end included.
    pub(crate) fn took(&mut self, step: Step, time: Duration) {
        self.times.push((step, time));
    }

    /// Writes both files.
    ///
    /// # Errors
    ///
    /// Where one cannot be written.
    pub(crate) fn save(&self, folder: &Path) -> Result<()> {
        let times: serde_json::Map<_, _> = self
            .times
            .iter()
            .map(|(step, time)| (step.name().to_owned(), json!(time.as_secs_f64())))
            .collect();
        let records = json!({ "head": self.head, "seconds": times, "records": self.records });
        let records = serde_json::to_string_pretty(&records)?;
        for (name, text) in [("report.md", self.markdown()), ("records.json", records)] {
            let path = folder.join(name);
            std::fs::write(&path, text + "\n")
                .with_context(|| format!("cannot write {}", path.display()))?;
        }
        Ok(())
    }

    /// Whether vectors were compared, and none is further from the CPU's than it may be.
    pub(crate) fn is_right(&self) -> bool {
        let lowest = self.lowest();
        lowest.is_some_and(|lowest| lowest >= GOAL)
    }

    fn lowest(&self) -> Option<f64> {
        let cosines = self.records.iter().filter_map(|record| match record {
            Record::Check { lowest, .. } => Some(*lowest),
            Record::Rate { who: Who::Ours | Who::Unfused, cosine, .. } => *cosine,
            _ => None,
        });
        cosines.reduce(f64::min)
    }

    /// The page.
    pub(crate) fn markdown(&self) -> String {
        let mut parts = vec![self.heading()];
        parts.extend(self.correctness());
        parts.extend([Tower::Image, Tower::Text].into_iter().filter_map(|tower| self.rates(tower)));
        parts.extend(self.training());
        parts.extend(self.starts());
        let left_out = self.records.iter().filter_map(|record| match record {
            Record::LeftOut { what, reason } => Some(format!("Left out: {what}: {reason}.")),
            _ => None,
        });
        parts.extend(left_out);
        let times = self.times.iter();
        let times: Vec<_> = times
            .map(|(step, time)| format!("{} {} s", step.name(), short(time.as_secs_f64())))
            .collect();
        if !times.is_empty() {
            parts.push(format!("Time: {}.", times.join(", ")));
        }
        parts.join("\n\n")
    }

    fn heading(&self) -> String {
        let mut head = self.head.clone();
        for record in &self.records {
            match record {
                Record::Device { name, driver, .. } => head += &format!("; {name}, {driver}"),
                Record::Version { name, version } => head += &format!("; {name} {version}"),
                _ => {}
            }
        }
        head + "."
    }

    fn correctness(&self) -> Option<String> {
        let rows = self.records.iter().filter_map(|record| match record {
            Record::Check { who, tower, dtype, phase, items, lowest, mean, seconds } => Some(vec![
                format!("{who}, {dtype}, {items} {tower}, {phase}"),
                cut(*lowest),
                cut(*mean),
                (if *lowest >= GOAL { "yes" } else { "**no**" }).to_owned(),
                format!("{} s", short(*seconds)),
            ]),
            _ => None,
        });
        let rows: Vec<_> = rows.collect();
        let neighbors = self.records.iter().filter_map(|record| match record {
            Record::Reference { tower, neighbors, .. } => Some(format!("{neighbors:.3} ({tower})")),
            _ => None,
        });
        let neighbors: Vec<_> = neighbors.collect();
        let goal = format!("≥ {GOAL}");
        let head = ["cosine to the CPU in f32", "lowest", "mean", &goal, "a batch"];
        let table = markdown(&head, &rows);
        let between = neighbors.join(", ");
        (!rows.is_empty()).then(|| {
            format!("{table}\n\nVectors of neighboring items have a mean cosine of {between}.")
        })
    }

    /// Items a second; after each what it is to ours, fused, in the same numbers: above 1, ours is faster. Where ours
    /// has no bf16, f16 stands for it.
    fn rates(&self, wanted: Tower) -> Option<String> {
        type Cell = (usize, f64, f64, f64, f64, Option<f64>);
        let mut rows: Vec<((Who, Dtype), Vec<Cell>)> = Vec::new();
        let mut batches = Vec::new();
        for record in &self.records {
            let Record::Rate { who, tower, dtype, batch, first_seconds, rate, low, high, cosine } =
                record
            else {
                continue;
            };
            if *tower != wanted {
                continue;
            }
            let cell = (*batch, *rate, *low, *high, *first_seconds, *cosine);
            match rows.iter_mut().find(|(row, _)| *row == (*who, *dtype)) {
                Some((_, cells)) => cells.push(cell),
                None => rows.push(((*who, *dtype), vec![cell])),
            }
            if !batches.contains(batch) {
                batches.push(*batch);
            }
        }
        if rows.is_empty() {
            return None;
        }
        batches.sort_unstable();
        let find = |who, dtype, batch| {
            let row = rows.iter().find(|(row, _)| *row == (who, dtype));
            row.and_then(|(_, cells)| cells.iter().find(|cell| cell.0 == batch))
        };
        let mut head = vec![format!("{wanted} a second")];
        for batch in &batches {
            head.extend([format!("{batch} at once"), "÷ ours".to_owned()]);
        }
        head.extend(["first passes".to_owned(), "lowest cosine".to_owned()]);
        let none = || "–".to_owned();
        let lines = rows.iter().map(|&((who, dtype), ref cells)| {
            let mut line = vec![format!("{who}, {dtype}")];
            for &batch in &batches {
                let cell = find(who, dtype, batch);
                let half = || find(Who::Ours, Dtype::F16, batch).filter(|_| dtype == Dtype::Bf16);
                let ours = find(Who::Ours, dtype, batch).or_else(half);
                line.push(cell.map_or_else(none, |&(_, rate, low, high, ..)| {
                    format!("{} ({} to {})", short(rate), short(low), short(high))
                }));
                let times = cell.zip(ours).map(|(cell, ours)| short(ours.1 / cell.1));
                line.push(times.unwrap_or_else(none));
            }
            let first = batches.iter().filter_map(|&batch| find(who, dtype, batch));
            let first: Vec<_> = first.map(|cell| short(cell.4)).collect();
            line.push(format!("{} s", first.join(", ")));
            let lowest = cells.iter().filter_map(|cell| cell.5).reduce(f64::min);
            line.push(lowest.map_or_else(none, cut));
            line
        });
        let head: Vec<_> = head.iter().map(String::as_str).collect();
        Some(markdown(&head, &lines.collect::<Vec<_>>()))
    }

    fn training(&self) -> Option<String> {
        let rows = self.records.iter().filter_map(|record| match record {
            Record::Train { who, batch, first_seconds, rate } => Some(vec![
                format!("{who}, f32, batch {batch}"),
                short(*rate),
                format!("{} s", short(*first_seconds)),
            ]),
            _ => None,
        });
        let rows: Vec<_> = rows.collect();
        let head = ["training step", "pictures a second", "first step"];
        (!rows.is_empty()).then(|| markdown(&head, &rows))
    }

    fn starts(&self) -> Option<String> {
        let rows = self.records.iter().filter_map(|record| match record {
            Record::Start { again, seconds } => {
                let label = if *again { "once more" } else { "the first time" };
                Some(vec![label.to_owned(), format!("{} s", short(*seconds))])
            }
            _ => None,
        });
        let rows: Vec<_> = rows.collect();
        let head = ["start of the process to a vector", "time"];
        (!rows.is_empty()).then(|| markdown(&head, &rows))
    }
}

/// The name of the processor, where the system says it.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let name = fields.find(|(key, _)| key.trim() == "model name");
    name.map_or_else(|| std::env::consts::ARCH.to_owned(), |(_, name)| name.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Phase;

    fn report(records: Vec<Record>) -> Report {
        Report { head: "`vulkan`: a day".to_owned(), records, times: Vec::new() }
    }

    fn rate(who: Who, batch: usize, rate: f64, cosine: Option<f64>) -> Record {
        let (low, high) = (rate / 2.0, rate * 2.0);
        let (tower, dtype) = (Tower::Image, Dtype::Bf16);
        Record::Rate { who, tower, dtype, batch, first_seconds: 1.0, rate, low, high, cosine }
    }

    fn check(lowest: f64) -> Record {
        let (tower, dtype, phase) = (Tower::Image, Dtype::F32, Phase::Warm);
        let (who, items, mean, seconds) = (Who::Ours, 1024, 1.0, 0.5);
        Record::Check { who, tower, dtype, phase, items, lowest, mean, seconds }
    }

    #[test]
    fn rates_are_compared_with_ours_in_the_same_numbers() {
        let report = report(vec![
            rate(Who::Ours, 256, 100.0, Some(0.999_999_9)),
            rate(Who::Ours, 1, 10.0, Some(0.999_9)),
            rate(Who::Compiled, 256, 200.0, None),
        ]);
        let expected = "\
`vulkan`: a day.

| images a second | 1 at once | ÷ ours | 256 at once | ÷ ours | first passes | lowest cosine |
| --- | --- | --- | --- | --- | --- | --- |
| ours, bf16 | 10.0 (5.00 to 20.0) | 1.00 | 100 (50.0 to 200) | 1.00 | 1.00, 1.00 s | 0.999900 |
| PyTorch, compiled, bf16 | – | – | 200 (100 to 400) | 0.500 | 1.00 s | – |";
        assert_eq!(report.markdown(), expected);
    }

    #[test]
    fn f16_stands_for_bf16_where_the_device_has_none() {
        let mut ours = rate(Who::Ours, 256, 100.0, None);
        if let Record::Rate { dtype, .. } = &mut ours {
            *dtype = Dtype::F16;
        }
        let page = report(vec![ours, rate(Who::Compiled, 256, 200.0, None)]).markdown();
        assert!(page.contains("| PyTorch, compiled, bf16 | 200 (100 to 400) | 0.500 |"), "{page}");
    }

    #[test]
    fn correctness_is_held_to_the_goal() {
        let right = report(vec![check(0.9995)]);
        assert!(right.is_right());
        assert!(
            right
                .markdown()
                .contains("| ours, f32, 1024 images, warm | 0.999500 | 1.000000 | yes | 0.500 s |")
        );
        let wrong = report(vec![check(0.9995), check(0.9)]);
        assert!(!wrong.is_right());
        assert!(wrong.markdown().contains("| **no** |"));
        // PyTorch's cosine is its own affair, and a rate of ours is not.
        assert!(report(vec![check(1.0), rate(Who::Eager, 1, 1.0, Some(0.9))]).is_right());
        assert!(!report(vec![check(1.0), rate(Who::Ours, 1, 1.0, Some(0.9))]).is_right());
        assert!(!report(Vec::new()).is_right(), "nothing was compared");
    }

    #[test]
    fn the_head_names_the_device_and_the_end_what_is_missing() {
        let mut report = report(vec![
            Record::Device {
                name: "H200".to_owned(),
                driver: "NVIDIA driver 580".to_owned(),
                dtypes: vec![Dtype::F32],
            },
            Record::Start { again: false, seconds: 3.25 },
            Record::Train { who: Who::Ours, batch: 256, first_seconds: 9.0, rate: 1234.0 },
            Record::LeftOut { what: "pytorch".to_owned(), reason: "no CUDA".to_owned() },
        ]);
        report.took(Step::Towers, Duration::from_millis(12_340));
        let page = report.markdown();
        assert!(page.starts_with("`vulkan`: a day; H200, NVIDIA driver 580.\n"), "{page}");
        assert!(page.contains("| ours, f32, batch 256 | 1234 | 9.00 s |"), "{page}");
        assert!(page.contains("| the first time | 3.25 s |"), "{page}");
        assert!(page.ends_with("Left out: pytorch: no CUDA.\n\nTime: towers 12.3 s."), "{page}");
    }

    #[test]
    fn both_files_are_written() {
        let folder = tempfile::tempdir().unwrap();
        report(vec![check(1.0)]).save(folder.path()).unwrap();
        let read = |name| std::fs::read_to_string(folder.path().join(name)).unwrap();
        assert!(read("report.md").contains("1024 images"));
        let records: serde_json::Value = serde_json::from_str(&read("records.json")).unwrap();
        assert_eq!(records["records"][0]["kind"], "check");
    }
}
