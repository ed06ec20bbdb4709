//! `clip-cli models add` and `pull`: a foreign checkpoint becomes a model that `--model` finds by
//! name.

use std::io::Write;

use anyhow::Result;
use clap::Args;
use clip_search::Installed;
use clip_weights::{Bar, ConvertArgs, Dtype, Format, HubOptions, Options};

use crate::{Outcome, model, output, report};

#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// What `models` calls it
    #[arg(value_name = "ID")]
    id: String,
    /// Number format to write [default: that of the source]; becomes a part of the name
    #[arg(long)]
    dtype: Option<Format>,
    /// Replace another model of that name
    #[arg(long)]
    force: bool,
}

/// Converts any source.
pub(crate) fn run(args: &ConvertArgs) -> Result<Outcome> {
    let (source, options) = args.parts();
    let mut bar = Bar::new();
    let installed = model::models().install(&source, options, &mut bar)?;
    drop(bar);
    print(&installed)
}

/// Downloads and converts a published model.
pub(crate) fn pull(args: &PullArgs) -> Result<Outcome> {
    let options = Options {
        dtype: args.dtype.map(Dtype::from),
        force: args.force,
        hub: HubOptions::from_env(),
        ..Options::default()
    };
    let mut bar = Bar::new();
    let installed = model::models().pull(&args.id, options, &mut bar)?;
    drop(bar);
    print(&installed)
}

fn print(Installed { name, summary }: &Installed) -> Result<Outcome> {
    output::print(|out| write!(out, "{summary}"))?;
    if summary.was_there {
        report::note(format_args!("{name} is there already, made from the same files"));
    }
    report::hint(format_args!("use it with `--model {name}`"));
    Ok(Outcome::Found)
}
