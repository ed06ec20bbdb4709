//! `clip-cli train`.

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::{ArgGroup, Args};
use clip_search::evaluation::numeric_names;
use clip_train::{
    Distiller, Error, Observer, Run, RunConfig, Start, StepEvent, TextValidation, Trainer,
    Validation,
};
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
takes, the metrics as JSON lines and a plot of them. A configuration with a table [teacher] trains a
text tower alone, towards given vectors.")]
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
        None => RunConfig::default(),
    };
    if let Some(output) = &args.output {
        config.output_mut().clone_from(output);
    }
    if args.print_config {
        output::print(|out| write!(out, "{}", config.to_toml()))?;
        return Ok(Outcome::Found);
    }
    let device = args.device.open()?;
    let start = if args.resume { Start::Resume } else { Start::New };
    match config {
        RunConfig::Contrastive(config) => {
            let mut trainer = Trainer::new(*config, &device, start)?;
            introduce(&trainer);
            follow(&mut trainer, "pictures")
        }
        RunConfig::Distillation(config) => {
            let mut distiller = Distiller::new(*config, &device, start)?;
            introduce_distiller(&distiller);
            follow(&mut distiller, "texts")
        }
    }
}

/// Takes the steps of a run that learns from `samples`.
fn follow(run: &mut dyn Run, samples: &'static str) -> Result<Outcome> {
    let mut watcher = Watcher::new(samples)?;
    let outcome = run.run(&mut watcher);
    watcher.status.finish_and_clear();
    if watcher.skipped > 0 {
        let rows = output::count(watcher.skipped as usize, "row");
        report::warning(format_args!("{rows} could not be read and took no part"));
    }
    let files = run.files();
    let outcome = match outcome {
        // The same step would leave the numbers again.
        Err(error) if files.state().exists() && !matches!(error, Error::NotFinite { .. }) => {
            bail!("{error}; --resume goes on from the last save")
        }
        outcome => outcome?,
    };
    match outcome {
        clip_train::Outcome::Finished => output::print(|out| {
            let models =
                [files.best(), files.last(), files.best_text_vectors(), files.text_vectors()];
            let written = models.into_iter().chain([files.metrics(), files.plot()]);
            written.filter(|file| file.exists()).try_for_each(|file| out.line(&file))
        })?,
        clip_train::Outcome::Stopped => {
            let (step, steps) = (run.step(), run.steps());
            output::print(|out| writeln!(out, "stopped and saved at step {step} of {steps}"))?;
            report::hint("the same command with --resume goes on");
        }
    }
    Ok(Outcome::Found)
}

fn read(path: &Path) -> Result<RunConfig> {
    let file = path.display().to_string();
    let text = clip_data::text::read(path).with_context(|| format!("cannot read {file}"))?;
    Ok(RunConfig::parse(&file, &text)?)
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
    introduce_resume(trainer);
}

fn introduce_distiller(distiller: &Distiller) {
    for problem in distiller.translations().problems() {
        report::warning(problem);
    }
    let text = clip_checkpoint::tensors(&distiller.card().config)
        .filter(|spec| spec.tower == clip_checkpoint::Tower::Text);
    let parameters: usize = text.map(|spec| spec.elements()).sum();
    let translations = distiller.translations();
    report::note(format_args!(
        "{}, {} in {}, {:.1} M parameters, {}",
        output::count(distiller.teacher().texts().len(), "text"),
        output::count(translations.rows().len(), "translation"),
        output::count(translations.by_language().len(), "language"),
        parameters as f64 / 1e6,
        output::count(distiller.steps() as usize, "step"),
    ));
    introduce_resume(distiller);
}

fn introduce_resume(run: &dyn Run) {
    match run.step() {
        0 => {}
        step if step >= run.steps() => report::note("all steps were taken before"),
        step => report::note(format_args!("goes on after step {step}")),
    }
}

/// Shows where the run is, and hears Ctrl-C and the signals that end programs.
struct Watcher {
    status: ProgressBar,
    /// What a step learns from, in the plural.
    samples: &'static str,
    /// Rows that could not be read so far.
    skipped: u64,
    interrupt: Interrupt,
    said: Instant,
}

impl Watcher {
    fn new(samples: &'static str) -> Result<Self> {
        let status = report::bar(None, "{wide_msg}");
        let line = status.clone();
        let interrupt = Interrupt::listen(move || {
            line.suspend(|| report::note("saves after this step; Ctrl-C again ends it at once"));
        })?;
        Ok(Self { status, samples, skipped: 0, interrupt, said: Instant::now() })
    }
}

impl Observer for Watcher {
    fn step(&mut self, event: &StepEvent) {
        let StepEvent { epoch, step, steps, report, .. } = event;
        self.skipped = event.skipped;
        let left = (steps - step) as f64 * event.seconds_per_step;
        let line = format!(
            "epoch {epoch}, step {step}/{steps}: loss {:.3}, {:.0} {}/s, {} left, logit scale {:.1}, gradient norm {:.2}",
            report.loss,
            event.samples_per_second,
            self.samples,
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
        let line = format!(
            "epoch {epoch} validated, R@1 / 5 / 10: text to image {}, image to text {}",
            percent(validation.text_to_image),
            percent(validation.image_to_text),
        );
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

    fn text_validated(&mut self, epoch: u64, validation: &TextValidation) {
        let percent = |share: f64| 100.0 * share;
        let mut line = format!(
            "epoch {epoch} validated, own vector nearest: {:.1} % of the texts (cosine {:.3})",
            percent(validation.texts.top_1),
            validation.texts.cosine,
        );
        for (language, agreement) in &validation.languages {
            let (share, cosine) = (percent(agreement.top_1), agreement.cosine);
            line += &format!(", {language} {share:.1} % ({cosine:.3})");
        }
        self.status.suspend(|| report::note(line));
    }

    fn problem(&mut self, problem: &str) {
        self.status.suspend(|| report::warning(problem));
    }

    fn stop(&self) -> bool {
        self.interrupt.came()
    }
}
