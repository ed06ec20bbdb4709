//! `clip-cli train`.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{ArgGroup, Args};
use clip_search::evaluation::numeric_names;
use clip_train::{Error, Observer, Start, StepEvent, TrainConfig, Trainer, Validation};
use indicatif::{HumanDuration, ProgressBar};

use crate::args::DeviceArgs;
use crate::interrupt::Interrupt;
use crate::{Outcome, hints, output, report};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli train --print-config > run.toml     every setting with its default
  clip-cli train --config run.toml             train; Ctrl-C saves
  clip-cli train --config run.toml --resume    go on where it was saved

The folder `output` of the configuration gets best.safetensors and last.safetensors, which --model
takes, the metrics as JSON lines and a plot of them.")]
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
        Some(path) => read(path)?,
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
        clip_train::Outcome::Finished => output::print(|out| {
            let written = [files.best(), files.last(), files.metrics(), files.plot()];
            written.iter().filter(|file| file.exists()).try_for_each(|file| out.line(file))
        })?,
        clip_train::Outcome::Stopped => {
            let (step, steps) = (trainer.step(), trainer.steps());
            output::print(|out| writeln!(out, "stopped and saved at step {step} of {steps}"))?;
            report::hint("the same command with --resume goes on");
        }
    }
    Ok(Outcome::Found)
}

fn read(path: &Path) -> Result<TrainConfig> {
    let file = path.display().to_string();
    let text = clip_data::text::read(path).with_context(|| format!("cannot read {file}"))?;
    Ok(TrainConfig::parse(&file, &text)?)
}

fn introduce(trainer: &Trainer) {
    let dataset = trainer.dataset();
    for problem in dataset.problems() {
        report::warning(problem);
    }
    if let Some(warning) = numeric_names(dataset.names()) {
        report::warning(hints::warning(&warning));
    }
    let parameters: usize =
        clip_checkpoint::tensors(&trainer.card().config).map(|spec| spec.elements()).sum();
    report::note(format_args!(
        "{} of {}, {:.1} M parameters, {}",
        output::count(dataset.len(), "picture"),
        output::count(dataset.names().len(), "name"),
        parameters as f64 / 1e6,
        output::count(trainer.steps() as usize, "step"),
    ));
    if let Some(translations) = trainer.translations() {
        translations.problems().iter().for_each(report::warning);
        report::note(format_args!(
            "{} in {}",
            output::count(translations.learned(), "translation"),
            output::count(translations.languages(), "language"),
        ));
    }
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
}

impl Observer for Watcher {
    fn step(&mut self, event: &StepEvent) {
        let StepEvent { epoch, step, steps, report, .. } = event;
        self.skipped = event.skipped;
        let left = (steps - step) as f64 * event.seconds_per_step;
        let line = format!(
            "epoch {epoch}, step {step}/{steps}: loss {:.3}, {:.0} pictures/s, {} left, logit scale {:.1}, gradient norm {:.2}",
            report.loss,
            event.samples_per_second,
            HumanDuration(Duration::from_secs_f64(left)),
            event.logit_scale,
            report.gradient_norm,
        );
        if std::io::stderr().is_terminal() {
            self.status.set_message(line);
        } else if self.said.elapsed() >= QUIET || *step == 1 || step == steps {
            self.said = Instant::now();
            report::note(line);
        }
    }

    fn validated(&mut self, epoch: u64, validation: &Validation) {
        let percent =
            |recalls: [f64; 3]| recalls.map(|recall| format!("{:.1}", 100.0 * recall)).join(" / ");
        let mut line = format!(
            "epoch {epoch} validated, R@1 / 5 / 10: text to image {}, image to text {}",
            percent(validation.text_to_image),
            percent(validation.image_to_text),
        );
        let languages: Vec<String> = validation
            .languages
            .iter()
            .map(|(language, recall)| format!("{language} {:.1}", 100.0 * recall))
            .collect();
        if !languages.is_empty() {
            line += &format!(", R@1 of names alone: {}", languages.join(", "));
        }
        self.status.suspend(|| report::note(line));
    }

    fn features(&mut self, done: usize, total: usize) {
        let line = format!("features of {done} of {}", output::count(total, "image"));
        if std::io::stderr().is_terminal() {
            self.status.set_message(line);
        } else if self.said.elapsed() >= QUIET || done == total {
            self.said = Instant::now();
            report::note(line);
        }
    }

    fn problem(&mut self, problem: &str) {
        self.status.suspend(|| report::warning(problem));
    }

    fn stop(&self) -> bool {
        self.interrupt.came()
    }
}
