//! `clip-cli train`.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use clap::{ArgGroup, Args};
use clip_search::evaluation::numeric_names;
use clip_train::{Error, Observer, Start, StepEvent, TrainConfig, Trainer, Validation};
use indicatif::{HumanDuration, ProgressBar};

use crate::args::DeviceArgs;
use crate::interrupt::Interrupt;
use crate::{Outcome, hints, output, report};

#[derive(Debug, Args)]
#[command(after_help = include_str!("../help/train.txt"))]
#[command(group(ArgGroup::new("what").args(["config", "print_config"]).required(true).multiple(true)))]
pub(crate) struct TrainArgs {
    /// The settings of the run, as TOML
    #[arg(short, long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Print the settings, defaults and all, and do nothing else
    #[arg(long)]
    print_config: bool,

    /// Go on with the run in the output folder
    #[arg(long, conflicts_with = "print_config")]
    resume: bool,

    /// Folder for checkpoints and metrics, instead of the configuration's
    #[arg(short, long, value_name = "FOLDER")]
    output: Option<PathBuf>,

    #[command(flatten)]
    device: DeviceArgs,
}

/// How often a line is said where standard error is no terminal.
const QUIET: Duration = Duration::from_secs(10);

pub(crate) fn run(args: &TrainArgs) -> Result<Outcome> {
    let mut config = match &args.config {
        Some(path) => TrainConfig::read(path)?,
        None => TrainConfig::default(),
    };
    if let Some(output) = &args.output {
        config.output.clone_from(output);
    }
    if args.print_config {
        output::print(|out| write!(out, "{}", config.to_toml()))?;
        return Ok(Outcome::Found);
    }
    let device = args.device.open()?;
    let start = if args.resume { Start::Resume } else { Start::New };
    let mut trainer = Trainer::new(config, &device, start)?;
    introduce(&trainer);
    let mut watcher = Watcher::new()?;
    let outcome = trainer.run(&mut watcher);
    watcher.status.finish_and_clear();
    if watcher.skipped > 0 {
        let rows = output::count(watcher.skipped as usize, "row");
        report::warning(format_args!("{rows} could not be read and took no part"));
    }
    let files = trainer.files();
    let outcome = match outcome {
        // The same step would leave the numbers again.
        Err(error) if files.state().exists() && !matches!(error, Error::NotFinite { .. }) => {
            bail!("{error}; --resume goes on from the last save")
        }
        outcome => outcome?,
    };
    match outcome {
        clip_train::Outcome::Finished => {
            output::print(|out| files.written().iter().try_for_each(|file| out.line(file)))?;
        }
        clip_train::Outcome::Stopped => {
            let (step, steps) = (trainer.step(), trainer.steps());
            output::print(|out| writeln!(out, "stopped and saved at step {step} of {steps}"))?;
            report::hint("the same command with --resume goes on");
        }
    }
    Ok(Outcome::Found)
}

fn introduce(trainer: &Trainer) {
    trainer.problems().into_iter().for_each(report::warning);
    if let Some(warning) = numeric_names(trainer.dataset().names()) {
        report::warning(hints::warning(&warning));
    }
    trainer.summary().into_iter().for_each(report::note);
    match trainer.step() {
        0 => {}
        step if step >= trainer.steps() => report::note("all steps were taken before"),
        step => report::note(format_args!("goes on after step {step}")),
    }
}

/// Shows where the run is, and hears Ctrl-C and the signals that end programs.
struct Watcher {
    status: ProgressBar,
    /// Rows that could not be read so far.
    skipped: u64,
    interrupt: Interrupt,
    said: Instant,
}

impl Watcher {
    fn new() -> Result<Self> {
        let status = report::bar(None, "{wide_msg}");
        let line = status.clone();
        let interrupt = Interrupt::listen(move || {
            line.suspend(|| report::note("saves after this step; Ctrl-C again ends it at once"));
        })?;
        Ok(Self { status, skipped: 0, interrupt, said: Instant::now() })
    }

    /// Says where the run is: at the ends of its stages, and now and then.
    fn show(&mut self, line: String, is_end: bool) {
        if std::io::stderr().is_terminal() {
            self.status.set_message(line);
        } else if self.said.elapsed() >= QUIET || is_end {
            self.said = Instant::now();
            report::note(line);
        }
    }
}

impl Observer for Watcher {
    fn step(&mut self, event: &StepEvent) {
        self.skipped = event.skipped;
        let left = (event.steps - event.step) as f64 * event.seconds_per_step;
        let left = HumanDuration(Duration::from_secs_f64(left));
        let is_end = event.step == 1 || event.step == event.steps;
        self.show(format!("{event}, {left} left"), is_end);
    }

    fn validated(&mut self, epoch: u64, validation: &Validation) {
        let line = format!("epoch {epoch} validated, {validation}");
        self.status.suspend(|| report::note(line));
    }

    fn features(&mut self, done: usize, total: usize) {
        let images = output::count(total, "image");
        self.show(format!("features of {done} of {images}"), done == total);
    }

    fn problem(&mut self, problem: &str) {
        self.status.suspend(|| report::warning(problem));
    }

    fn stop(&self) -> bool {
        self.interrupt.came()
    }
}
