//! `clip-cli models`: what is here, what a source is, more models, and whether one is right.

mod add;
mod list;
mod verify;

use std::io::Write;

use anyhow::Result;
use clap::{Args, Subcommand};
use clip_weights::{Bar, ConvertArgs};

use crate::{Outcome, output};
use add::PullArgs;
use verify::VerifyArgs;

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
    #[command(after_help = SOURCES)]
    Add(ConvertArgs),
    /// Say what a source is, and whether it can be converted
    #[command(after_help = SOURCES)]
    Inspect(ConvertArgs),
    /// Compare a model with a reference's numbers, stage by stage
    Verify(VerifyArgs),
}

const SOURCES: &str = "\
A source is a folder in Hugging Face or OpenCLIP layout, a weights file inside one, a file with
OpenAI's tensor names (its own ViT-B-32.pt, a checkpoint of your training), the https:// address of
such a file, or a model of the Hugging Face hub, such as openai/clip-vit-base-patch32. Downloads
honor HF_ENDPOINT, HF_HOME and HF_TOKEN, and go on where an earlier run stopped.";

pub(crate) fn run(args: &ModelsArgs) -> Result<Outcome> {
    match &args.command {
        None | Some(ModelsCommand::List) => list::run(),
        Some(ModelsCommand::Pull(args)) => add::pull(args),
        Some(ModelsCommand::Add(args)) => add::run(args),
        Some(ModelsCommand::Inspect(args)) => inspect(args),
        Some(ModelsCommand::Verify(args)) => verify::run(args),
    }
}

fn inspect(args: &ConvertArgs) -> Result<Outcome> {
    let (source, options) = args.parts();
    let inspection = clip_weights::open(&source, &options, &mut Bar::new())?.inspect();
    output::print(|out| write!(out, "{inspection}"))?;
    Ok(if inspection.problem.is_none() { Outcome::Found } else { Outcome::Nothing })
}
