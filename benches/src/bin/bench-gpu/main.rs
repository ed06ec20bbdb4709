//! How right and how fast the towers are on a GPU: the program that `cargo xtask bench-gpu` packs.
//!
//! A run takes its steps one after the other, each in a process of its own with a share of the time that is left:
//! a kernel that hangs, a device that is lost or a search for the fastest kernel that takes minutes costs one step. What
//! is measured is printed and written at once, so that an interrupted run is worth what it got to.

mod backend;
mod check;
mod child;
mod cosine;
mod model;
mod plan;
mod pytorch;
mod rates;
mod record;
mod report;
mod run;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Parser;
use clip_model::DeviceName;

use self::plan::Step;

/// Measure the towers of ViT-B/32 on a GPU: correctness first, then speed beside PyTorch, a training step, and the
/// start.
///
/// Weights are random, from a fixed seed. Results are written after every step.
#[derive(Debug, Parser)]
#[command(version)]
struct Args {
    /// Device to measure: wgpu, vulkan, metal or cuda, also with a number as in cuda:1
    #[arg(long, value_name = "DEVICE", default_value = "auto")]
    device: DeviceName,
    /// When to end at the latest; what was not reached is said
    #[arg(long, value_name = "MINUTES", default_value_t = 5.0, value_parser = minutes)]
    minutes: f64,
    /// A tiny model and small batches, to see that everything runs; figures mean nothing
    #[arg(long)]
    quick: bool,
    /// Folder for report.md, records.json and what the steps said on the side
    #[arg(long, value_name = "FOLDER", default_value = "results")]
    out: PathBuf,
    /// Python with PyTorch for CUDA and transformers, to compare with
    #[arg(long, value_name = "PROGRAM", default_value = "python3")]
    python: String,
    /// PyTorch's side of the comparison
    #[arg(long, value_name = "FILE", default_value = "gpu_pytorch.py")]
    script: PathBuf,
    /// What the report says of the program
    #[arg(long, value_name = "TEXT", default_value = "an unknown commit")]
    commit: String,
    /// What the report says of the day
    #[arg(long, value_name = "TEXT", default_value = "an unknown day")]
    date: String,
    /// Take one step alone, in this process, and print its records
    #[arg(long, value_name = "STEP")]
    step: Option<Step>,
}

fn minutes(text: &str) -> std::result::Result<f64, String> {
    match text.parse() {
        Ok(minutes) if minutes > 0.0 && f64::is_finite(minutes) => Ok(minutes),
        _ => Err("give a number of minutes above 0".to_owned()),
    }
}

fn main() -> ExitCode {
    let args = Args::parse();
    let done = match args.step {
        Some(step) => run::step(&args, step).map(|()| ExitCode::SUCCESS),
        None => run::all(&args),
    };
    done.unwrap_or_else(|error| {
        say(&format!("error: {error:#}"));
        ExitCode::from(2)
    })
}

/// Says something on standard error.
#[expect(clippy::print_stderr, reason = "a program that reports")]
fn say(text: &str) {
    eprintln!("{text}");
}

/// Says a record on standard output.
fn emit(record: &record::Record) -> Result<()> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(record)?)?;
    Ok(out.flush()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> std::result::Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once("bench-gpu").chain(line.split_whitespace()))
    }

    #[test]
    fn a_run_needs_no_arguments() {
        let args = parse("").unwrap();
        assert_eq!((args.device, args.minutes, args.quick), (DeviceName::Auto, 5.0, false));
        assert_eq!(args.step, None);
    }

    #[test]
    fn a_step_is_named_as_the_report_names_it() {
        for step in Step::ALL {
            assert_eq!(parse(&format!("--step {}", step.name())).unwrap().step, Some(step));
        }
        assert!(parse("--step dance").unwrap_err().to_string().contains("towers-unfused"));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for minutes in ["0", "-1", "inf", "NaN", "soon"] {
            let error = parse(&format!("--minutes={minutes}")).unwrap_err().to_string();
            assert!(error.contains("give a number of minutes above 0"), "{error}");
        }
        assert!(parse("--device gpu").unwrap_err().to_string().contains("choose auto, flex"));
    }
}
