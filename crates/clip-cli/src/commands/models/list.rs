//! `clip-cli models`: what is on this machine, and what can be pulled.

use std::io::Write;

use anyhow::Result;
use clip_search::registry::{self, Published};
use clip_search::{Model, ModelDescription};

use crate::{Outcome, model, output, report};

pub(crate) fn run() -> Result<Outcome> {
    let mut rows =
        vec![["NAME", "PICTURES", "VECTORS", "WEIGHTS", "SIZE", "WHERE"].map(str::to_owned)];
    for (name, model) in model::models().all() {
        let place = match &model {
            Model::BuiltIn => "built in".to_owned(),
            Model::File(path) => path.display().to_string(),
        };
        match model.checkpoint().map(|checkpoint| ModelDescription::new(&model, &checkpoint)) {
            Ok(ModelDescription { image_size, embed_dim, weights, bytes, .. }) => rows.push([
                name,
                format!("{image_size}x{image_size}"),
                embed_dim.to_string(),
                weights.to_owned(),
                format!("{:.0} MB", bytes as f64 / 1e6),
                place,
            ]),
            Err(error) => report::warning(format_args!("{place}: {error}")),
        }
    }
    let here: Vec<&str> = rows.iter().map(|row| &*row[0]).collect();
    let mut more = vec![
        ["NAME", "PICTURES", "VECTORS", "SIZE", "IMAGENET", "LICENSE", "SOURCE"].map(str::to_owned),
    ];
    let published = registry::all();
    let absent = published.into_iter().filter(|model| !here.contains(&&*model.id));
    more.extend(absent.map(|model| {
        let Published { id, source, license, image_size, embed_dim, parameters, imagenet, .. } =
            model;
        // In f32; files in f16 are half as large.
        let size = format!("{:.1} GB", 4.0 * parameters / 1e3);
        let (pictures, vectors) = (format!("{image_size}x{image_size}"), embed_dim.to_string());
        [id, pictures, vectors, size, format!("{imagenet:.1} %"), license, place(source)]
    }));
    output::print(|out| {
        output::table(out, &rows)?;
        if more.len() > 1 {
            writeln!(out, "\nMore, by `clip-cli models pull NAME`:\n")?;
            output::table(out, &more)?;
        }
        Ok(())
    })?;
    Ok(if rows.len() > 1 { Outcome::Found } else { Outcome::Nothing })
}

/// An address is too long for a table; its server says whose it is.
fn place(source: String) -> String {
    match source.split_once("://") {
        Some((_, address)) => address.split('/').next().unwrap_or(address).to_owned(),
        None => source,
    }
}
