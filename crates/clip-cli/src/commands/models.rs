//! `clip-cli models`: what is here, what a source is, more models, and whether one is right.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::{Args, Subcommand};
use clip::{Comparison, Reference};
use clip_search::Installed;
use clip_weights::{Bar, ConvertArgs, Dtype, Format, HubOptions, Options};

use crate::args::DeviceArgs;
use crate::{Outcome, hints, model, output, report};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct ModelsArgs {
    #[command(subcommand)]
    command: Option<ModelsCommand>,
}

#[derive(Debug, Subcommand)]
enum ModelsCommand {
    /// List the models on this machine, and those that can be pulled (as without a subcommand)
    List,
    /// Download a published model and convert it
    Pull(PullArgs),
    /// Convert any model, so that --model finds it by name
    #[command(after_help = include_str!("../help/sources.txt"))]
    Add(ConvertArgs),
    /// Say what a source is, and whether it can be converted
    #[command(after_help = include_str!("../help/sources.txt"))]
    Inspect(ConvertArgs),
    /// Compare a model with a reference's numbers, stage by stage
    Verify(VerifyArgs),
}

#[derive(Debug, Args)]
struct PullArgs {
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

#[derive(Debug, Args)]
#[command(after_help = include_str!("../help/verify.txt"))]
struct VerifyArgs {
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

pub(crate) fn run(args: &ModelsArgs) -> Result<Outcome> {
    match &args.command {
        None | Some(ModelsCommand::List) => list(),
        Some(ModelsCommand::Pull(PullArgs { id, dtype, force })) => {
            let (dtype, hub) = (dtype.map(Dtype::from), HubOptions::from_env());
            let options = Options { dtype, force: *force, hub, ..Options::default() };
            let installed = model::models().pull(id, options, &mut Bar::new())?;
            print(&installed)
        }
        Some(ModelsCommand::Add(args)) => {
            let (source, options) = args.parts();
            let installed = model::models().install(&source, options, &mut Bar::new())?;
            print(&installed)
        }
        Some(ModelsCommand::Inspect(args)) => inspect(args),
        Some(ModelsCommand::Verify(args)) => verify(args),
    }
}

fn list() -> Result<Outcome> {
    let models = model::models().list();
    for (path, error) in &models.unreadable {
        report::warning(format_args!("{}: {error}", path.display()));
    }
    output::print(|out| {
        write!(out, "{}", models.table())?;
        if !models.published.is_empty() {
            write!(out, "{}{}", hints::PULL, models.published_table())?;
        }
        Ok(())
    })?;
    Ok(Outcome::found(!models.here.is_empty()))
}

fn print(Installed { name, summary }: &Installed) -> Result<Outcome> {
    output::print(|out| write!(out, "{summary}"))?;
    if summary.was_there {
        report::note(format_args!("{name} is there already, made from the same files"));
    }
    report::hint(format_args!("use it with `--model {name}`"));
    Ok(Outcome::Found)
}

fn inspect(args: &ConvertArgs) -> Result<Outcome> {
    let (source, options) = args.parts();
    let inspection = clip_weights::open(&source, &options, &mut Bar::new())?.inspect();
    output::print(|out| write!(out, "{inspection}"))?;
    Ok(Outcome::found(inspection.problem.is_none()))
}

fn verify(args: &VerifyArgs) -> Result<Outcome> {
    let checkpoint = model::checkpoint(Some(&args.model))?;
    let reference = Reference::open(&args.reference)?;
    let differences = reference.compare(&checkpoint, &args.device.open()?)?;
    let comparison = Comparison { differences, tolerance: args.tolerance };
    output::print(|out| writeln!(out, "{comparison}"))?;
    Ok(Outcome::found(comparison.first_off().is_none()))
}
