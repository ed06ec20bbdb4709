//! The models on this machine and those that are published, as tables.

use std::path::PathBuf;

use crate::registry::{self, Published};
use crate::{Error, Model, ModelDescription, Models};

/// The models on this machine, and those that can be downloaded.
#[derive(Debug)]
pub struct ModelList {
    /// Those on this machine, with what each is found by.
    pub here: Vec<(String, ModelDescription)>,
    /// Files that are no models, and why.
    pub unreadable: Vec<(PathBuf, Error)>,
    /// Published ones that are not here.
    pub published: Vec<Published>,
}

impl Models {
    /// Opens each model on this machine, and compares them with the published ones.
    pub fn list(&self) -> ModelList {
        let (mut here, mut unreadable) = (Vec::new(), Vec::new());
        for (name, model) in self.all() {
            match (model.checkpoint(), model) {
                (Ok(checkpoint), model) => {
                    here.push((name, ModelDescription::new(&model, &checkpoint)));
                }
                (Err(error), Model::File(path)) => unreadable.push((path, error)),
                (Err(error), Model::BuiltIn) => unreadable.push((name.into(), error)),
            }
        }
        let mut published = registry::all();
        published.retain(|model| here.iter().all(|(name, _)| *name != model.id));
        ModelList { here, unreadable, published }
    }
}

impl ModelList {
    /// A table of those on this machine.
    pub fn table(&self) -> String {
        let head = ["NAME", "PICTURES", "VECTORS", "WEIGHTS", "SIZE", "WHERE"];
        let row = |(name, model): &(String, ModelDescription)| {
            let place = model.file.as_ref().map(|file| file.display().to_string());
            [
                name.clone(),
                format!("{0}x{0}", model.image_size),
                model.embed_dim.to_string(),
                model.weights.to_owned(),
                format!("{:.0} MB", model.bytes as f64 / 1e6),
                place.unwrap_or_else(|| "built in".to_owned()),
            ]
        };
        table(head, self.here.iter().map(row))
    }

    /// A table of those that can be downloaded.
    pub fn published_table(&self) -> String {
        let head = ["NAME", "PICTURES", "VECTORS", "SIZE", "IMAGENET", "LICENSE", "SOURCE"];
        let row = |model: &Published| {
            [
                model.id.clone(),
                format!("{0}x{0}", model.image_size),
                model.embed_dim.to_string(),
                format!("{:.1} GB", model.gigabytes()),
                format!("{:.1} %", model.imagenet),
                model.license.clone(),
                model.origin().to_owned(),
            ]
        };
        table(head, self.published.iter().map(row))
    }
}

/// Columns as wide as their widest cell.
fn table<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..N).map(|column| width(column).unwrap_or(0)).collect();
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        format!("{}\n", cells.collect::<Vec<_>>().join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}
