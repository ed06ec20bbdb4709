//! From data to labeled vectors.

use std::path::Path;

use anyhow::{Context, Result, bail};
use clip::{Embedder, ReadOptions};
use clip_data::{Dataset, LabelTable};
use clip_eval::Matrix;

use crate::output::count;
use crate::report::{self, Bar, Skipped};

/// A picture that takes part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// Its number in the data.
    pub(super) sample: usize,
    /// Its label's number.
    pub(super) label: usize,
    /// The group in which it is counted besides the whole.
    pub(super) group: Option<usize>,
}

/// Which pictures take part, and what they show.
#[derive(Debug)]
pub(super) struct Labeling {
    pub(super) rows: Vec<Row>,
    /// The label of each number.
    pub(super) names: Vec<String>,
    /// The groups; none without a table that names any.
    pub(super) groups: Vec<String>,
}

impl Labeling {
    /// By the table, where one is given, and else by the names in the data.
    pub(super) fn new(dataset: &Dataset, table: Option<&Path>) -> Result<Self> {
        match table {
            Some(table) => Self::by_table(dataset, table),
            None => Ok(Self::by_number(
                dataset.groups().iter().map(|&group| Some(group as usize)),
                dataset.names().to_vec(),
            )),
        }
    }

    /// By a label for each sample; samples without one are left out.
    pub(super) fn by_number(
        labels: impl IntoIterator<Item = Option<usize>>,
        names: Vec<String>,
    ) -> Self {
        let row = |(sample, label): (usize, Option<usize>)| {
            Some(Row { sample, label: label?, group: None })
        };
        let rows = labels.into_iter().enumerate().filter_map(row).collect();
        Self { rows, names, groups: Vec::new() }
    }

    fn by_table(dataset: &Dataset, path: &Path) -> Result<Self> {
        let table = LabelTable::read(path)?;
        let samples = dataset.samples().iter().enumerate();
        let rows: Vec<Row> = samples
            .filter_map(|(sample, texts)| {
                let found = table.get(&texts.key)?;
                Some(Row { sample, label: found.label, group: found.group })
            })
            .collect();
        if rows.is_empty() {
            bail!(
                "{} labels no picture of the data: its keys look like {}, those of the data like {}",
                path.display(),
                table.first_key(),
                dataset.sample(0).key
            );
        }
        if rows.len() < table.len() {
            let (found, total) = (rows.len(), table.len());
            report::warning(format_args!(
                "{} labels {total} pictures, and {found} of them are in the data",
                path.display()
            ));
        }
        Ok(Self { rows, names: table.labels().to_vec(), groups: table.groups().to_vec() })
    }
}

/// Encoded pictures.
#[derive(Debug)]
pub(super) struct Pictures {
    pub(super) rows: Vec<Row>,
    values: Vec<f32>,
    width: usize,
}

impl Pictures {
    /// Encodes the pictures of the rows, read as the model's reference reads them. One that cannot
    /// be read is named and left out.
    pub(super) fn encode(
        embedder: &Embedder,
        dataset: &Dataset,
        rows: &[Row],
        skipped: &mut Skipped,
    ) -> Result<Self> {
        let options = ReadOptions::reference(embedder.card().preprocess.mode);
        let width = embedder.card().config.embed_dim;
        let mut pictures = Self { rows: Vec::new(), values: Vec::new(), width };
        let bar = Bar::pictures(rows.len());
        embedder.stream(
            rows,
            |row, _| dataset.own_picture(row.sample, &options),
            |results| -> Result<()> {
                for result in results {
                    match result? {
                        (row, Ok(embedding)) => {
                            pictures.rows.push(*row);
                            pictures.values.extend_from_slice(embedding.as_slice());
                        }
                        (row, Err(error)) => {
                            skipped.add(&bar, Path::new(&dataset.origin(row.sample)), error);
                        }
                    }
                    bar.advance(1);
                }
                Ok(())
            },
        )?;
        if pictures.rows.is_empty() {
            bail!("none of the {} can be read", count(rows.len(), "picture"));
        }
        Ok(pictures)
    }

    /// Those for which `keep` says yes, by their position.
    pub(super) fn subset(&self, keep: impl Fn(usize, &Row) -> bool) -> Self {
        let (mut rows, mut values) = (Vec::new(), Vec::new());
        let pairs = self.rows.iter().zip(self.values.chunks_exact(self.width));
        for (position, (row, vector)) in pairs.enumerate() {
            if keep(position, row) {
                rows.push(*row);
                values.extend_from_slice(vector);
            }
        }
        Self { rows, values, width: self.width }
    }

    pub(super) fn matrix(&self) -> Result<Matrix<'_>> {
        Matrix::new("pictures", &self.values, self.rows.len(), self.width)
            .context("the model does not work on these pictures")
    }

    pub(super) fn labels(&self) -> Vec<usize> {
        self.rows.iter().map(|row| row.label).collect()
    }
}
