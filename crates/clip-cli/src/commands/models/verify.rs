//! `clip-cli models verify`: is a converted model the reference's?

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clip::{Difference, Reference};

use crate::args::DeviceArgs;
use crate::{Outcome, model, output};

#[derive(Debug, Args)]
#[command(after_help = "\
A reference is a safetensors file with pixel_values and input_ids, and with what the reference
implementation made of them (vision.block.0, .., image_embeds, text_embeds). The repository's
tests/scripts/goldens.py writes such files. Exit code 1 where a stage is off.")]
pub(crate) struct VerifyArgs {
    /// A checkpoint file, or the name of a model that `models` lists
    #[arg(value_name = "MODEL")]
    model: PathBuf,

    /// Inputs and what the reference made of them
    #[arg(long, value_name = "FILE")]
    reference: PathBuf,

    /// Largest difference allowed: of unit vectors, and of the part that it is of a stage's largest
    /// value
    #[arg(long, value_name = "X", default_value = "1e-5")]
    tolerance: f32,

    #[command(flatten)]
    device: DeviceArgs,
}

pub(crate) fn run(args: &VerifyArgs) -> Result<Outcome> {
    let checkpoint = model::checkpoint(Some(&args.model))?;
    let reference = Reference::open(&args.reference)?;
    let differences = reference.compare(&checkpoint, &args.device.open()?)?;
    // What is not a number is off too.
    let is_off = |difference: &Difference| {
        difference.relative().is_nan() || difference.relative() > args.tolerance
    };

    let mut rows = vec![["STAGE", "LARGEST", "MEAN", "VALUES", ""].map(str::to_owned)];
    rows.extend(differences.iter().map(|difference| {
        let Difference { stage, largest, mean, scale } = difference;
        let [largest, mean, scale] = [largest, mean, scale].map(|value| format!("{value:8.1e}"));
        let mark = if is_off(difference) { "off" } else { "" };
        [stage.clone(), largest, mean, scale, mark.to_owned()]
    }));
    let first = differences.iter().find(|difference| is_off(difference));
    let tolerance = args.tolerance;
    output::print(|out| {
        output::table(out, &rows)?;
        match first {
            None => writeln!(out, "\nall {} stages are within {tolerance:e}", differences.len()),
            Some(first) => writeln!(
                out,
                "\nthe first stage that is off is {}: by up to {:.1e}, allowed are {tolerance:e}",
                first.stage,
                first.relative()
            ),
        }
    })?;
    Ok(if first.is_none() { Outcome::Found } else { Outcome::Nothing })
}
