//! `clip-cli models`: what is on this machine.

use std::io::Write;

use anyhow::Result;

use crate::model::Model;
use crate::{Outcome, output, report};

pub(crate) fn run() -> Result<Outcome> {
    let models = Model::all();
    let mut rows =
        vec![["NAME", "PICTURES", "VECTORS", "WEIGHTS", "SIZE", "WHERE"].map(str::to_owned)];
    for model in &models {
        let place = match model {
            Model::Embedded => "built in".to_owned(),
            Model::File(path) => path.display().to_string(),
        };
        match model.checkpoint() {
            Ok(checkpoint) => {
                let card = checkpoint.card();
                rows.push([
                    card.name.clone(),
                    format!("{0}x{0}", card.config.vision.image_size),
                    card.config.embed_dim.to_string(),
                    checkpoint.dtype().name().to_owned(),
                    format!("{:.0} MB", checkpoint.size() as f64 / 1e6),
                    place,
                ]);
            }
            Err(error) => report::warning(format_args!("{place}: {error}")),
        }
    }
    let mut out = output::stdout();
    let widths: Vec<usize> = (0..rows[0].len())
        .map(|column| rows.iter().map(|row| row[column].len()).max().unwrap_or(0))
        .collect();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        writeln!(out, "{}", cells.collect::<Vec<_>>().join("  ").trim_end())?;
    }
    out.flush()?;
    Ok(if rows.len() > 1 { Outcome::Found } else { Outcome::Nothing })
}
