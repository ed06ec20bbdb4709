//! `clip-cli models add`: a foreign checkpoint becomes a model that `--model` finds by name.

use anyhow::{Context, Result};
use clip_weights::{Bar, ConvertArgs, convert};

use crate::{Outcome, places, report};

pub(crate) fn run(args: &ConvertArgs) -> Result<Outcome> {
    let (source, mut options) = args.parts();
    if options.output.is_none() {
        let own = places::own_models();
        options.folder = Some(own.context(
            "this platform names no data folder: say where the model goes with -o FILE",
        )?);
    }
    let summary = convert(&source, &options, &mut Bar::new())?;
    anstream::print!("{summary}");
    // A file elsewhere is found by its path alone.
    let name = match options.output {
        Some(path) => path.display().to_string(),
        None => summary.card.name,
    };
    report::hint(format_args!("use it with `--model {name}`"));
    Ok(Outcome::Found)
}
