//! From data to labeled vectors.

use std::path::Path;

use clip::{Embedder, ReadOptions};
use clip_data::{Dataset, LabelTable};
use clip_eval::Matrix;
use clip_retrieval::Content;

use super::EvaluationError as Error;
use crate::{Observer, Progress, Result, Task, Warning};

/// An image that takes part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Row {
    /// Its number in the data.
    pub(super) sample: usize,
    /// Its label's number.
    pub(super) label: usize,
    /// The group in which it is counted besides the whole.
    pub(super) group: Option<usize>,
}

/// Which images take part, and what they show.
#[derive(Debug)]
pub(super) struct LabeledImages {
    pub(super) rows: Vec<Row>,
    /// The label of each number.
    pub(super) names: Vec<String>,
    /// The groups; none without a table that names any.
    pub(super) groups: Vec<String>,
}

impl LabeledImages {
    /// By the table, where one is given, and else by the names in the data.
    pub(super) fn new(
        dataset: &Dataset,
        table: Option<&Path>,
        observer: &mut dyn Observer,
    ) -> Result<Self, Error> {
        match table {
            Some(table) => Self::by_table(dataset, table, observer),
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

    fn by_table(
        dataset: &Dataset,
        path: &Path,
        observer: &mut dyn Observer,
    ) -> Result<Self, Error> {
        let table = LabelTable::read(path)?;
        let samples = dataset.samples().iter().enumerate();
        let rows: Vec<Row> = samples
            .filter_map(|(sample, texts)| {
                let found = table.get(&texts.key)?;
                Some(Row { sample, label: found.label, group: found.group })
            })
            .collect();
        if rows.is_empty() {
            return Err(Error::OtherKeys {
                table: path.to_owned(),
                key: table.first_key().to_string(),
                of_data: dataset.sample(0).key.to_string(),
            });
        }
        if rows.len() < table.len() {
            let (found, total) = (rows.len(), table.len());
            observer.warning(Warning::LabelsWithoutImages { table: path.to_owned(), total, found });
        }
        Ok(Self { rows, names: table.labels().to_vec(), groups: table.groups().to_vec() })
    }
}

/// Encoded images.
#[derive(Debug)]
pub(super) struct EncodedImages {
    pub(super) rows: Vec<Row>,
    values: Vec<f32>,
    width: usize,
}

impl EncodedImages {
    /// Encodes the images of the rows, read as the model's reference reads them. One that cannot
    /// be read is named and left out.
    pub(super) fn encode(
        embedder: &Embedder,
        dataset: &Dataset,
        rows: &[Row],
        observer: &mut dyn Observer,
    ) -> Result<Self> {
        let options = ReadOptions::reference(embedder.card().preprocess.mode);
        let width = embedder.card().config.embed_dim;
        let mut images = Self { rows: Vec::new(), values: Vec::new(), width };
        let (task, total) = (Task::Encoding, rows.len());
        observer.progress(Progress { task, done: 0, total });
        embedder.stream(
            rows,
            |row, _| dataset.own_picture(row.sample, &options),
            |results| -> Result<()> {
                for (done, result) in results.enumerate() {
                    if observer.is_cancelled() {
                        return Err(crate::Error::Cancelled { task, done, total });
                    }
                    match result? {
                        (row, Ok(embedding)) => {
                            images.rows.push(*row);
                            images.values.extend_from_slice(embedding.as_slice());
                        }
                        (row, Err(error)) => {
                            let origin = dataset.origin(row.sample);
                            observer.skipped(&Content::Path(origin.into()), &error);
                        }
                    }
                    observer.progress(Progress { task, done: done + 1, total });
                }
                Ok(())
            },
        )?;
        if images.rows.is_empty() {
            return Err(Error::NoneRead { count: rows.len() }.into());
        }
        Ok(images)
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

    pub(super) fn matrix(&self) -> Result<Matrix<'_>, Error> {
        Ok(Matrix::new("pictures", &self.values, self.rows.len(), self.width)?)
    }

    pub(super) fn labels(&self) -> Vec<usize> {
        self.rows.iter().map(|row| row.label).collect()
    }
}
