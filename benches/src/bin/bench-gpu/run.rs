//! A run: its steps, one after the other, and what is kept of them.

use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use clip_model::{Device, DeviceName};

use crate::child::{End, watch};
use crate::model::Sizes;
use crate::plan::Step;
use crate::record::{Record, Who};
use crate::report::Report;
use crate::{Args, backend, check, emit, pytorch, rates, say};

/// Takes all steps. The run is a success where all vectors are those of the CPU.
///
/// # Errors
///
/// Where the device cannot be used, the CPU has no vectors, or results cannot be written.
pub(crate) fn all(args: &Args) -> Result<ExitCode> {
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make the folder {}", args.out.display()))?;
    let began = Instant::now();
    let limit = Duration::from_secs_f64(60.0 * args.minutes);
    let sizes = Sizes::new(args.quick);
    let mut report = Report::new(args);
    for step in Step::ALL {
        let step_began = Instant::now();
        let allotted = step.allotted(limit.saturating_sub(began.elapsed()));
        say(&format!("== {}, at most {:.0} s", step.name(), allotted.as_secs_f64()));
        let end = command(args, step, &sizes).and_then(|mut command| {
            let log = args.out.join(step.name()).with_extension("log");
            watch(&mut command, &log, allotted, |record, elapsed| {
                let record = started(step, record, elapsed);
                say(&record.to_string());
                report.push(record);
                report.save(&args.out)
            })
        });
        let problem = match end {
            Ok(End::Done) => None,
            Ok(End::TimeUp) => Some(format!("its {:.0} seconds were up", allotted.as_secs_f64())),
            Err(error) => Some(format!("{error:#}")),
        };
        if let Some(reason) = problem {
            if step.is_needed() {
                bail!("{}: {reason}", step.name());
            }
            let record = Record::LeftOut { what: format!("the rest of {}", step.name()), reason };
            say(&record.to_string());
            report.push(record);
        }
        report.took(step, step_began.elapsed());
        report.save(&args.out)?;
        say(&format!("-- {:.1} s: {}", step_began.elapsed().as_secs_f64(), step.name()));
    }
    say(&format!("{:.1} s in all; {}", began.elapsed().as_secs_f64(), args.out.display()));
    say(&report.markdown());
    Ok(if report.is_right() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// A vector that came so long after the start of its process.
fn started(step: Step, record: Record, elapsed: Duration) -> Record {
    match record {
        Record::Vector { drawing_seconds } => Record::Start {
            again: step == Step::StartAgain,
            seconds: elapsed.as_secs_f64() - drawing_seconds,
        },
        other => other,
    }
}

fn command(args: &Args, step: Step, sizes: &Sizes) -> Result<Command> {
    if step == Step::Pytorch {
        return pytorch::command(&args.python, &args.script, sizes);
    }
    let program = std::env::current_exe().context("cannot find this program")?;
    let mut command = Command::new(program);
    command.args(["--step", step.name(), "--device", &args.device.to_string()]);
    command.arg("--out").arg(&args.out);
    if args.quick {
        command.arg("--quick");
    }
    Ok(command)
}

/// Takes one step in this process.
///
/// # Errors
///
/// Where the device cannot be used, or what the step needs is not there.
pub(crate) fn step(args: &Args, step: Step) -> Result<()> {
    let sizes = Sizes::new(args.quick);
    ensure!(step != Step::Pytorch, "this step is the script {}", args.script.display());
    if step == Step::Reference {
        return check::reference(&sizes, &args.out);
    }
    if !step.is_fused() {
        backend::unfuse()?;
    }
    let device = args.device.open()?;
    let who = if step.is_fused() { Who::Ours } else { Who::Unfused };
    match step {
        Step::Device => emit(&identify(args.device, &device)),
        // One process: kernels that were chosen for the comparison need not be chosen again.
        Step::Towers | Step::TowersUnfused => {
            check::compare(&sizes, &device, &args.out, who)?;
            rates::towers(&sizes, &device, &args.out, who)
        }
        Step::Train => rates::training(&sizes, &device),
        Step::Start | Step::StartAgain => rates::start(&sizes, &device),
        Step::Reference | Step::Pytorch => Ok(()),
    }
}

fn identify(device_name: DeviceName, device: &Device) -> Record {
    let (name, driver) = backend::identify(device);
    Record::Device {
        name: name.unwrap_or_else(|| device_name.to_string()),
        driver: driver.or_else(nvidia).unwrap_or_else(|| "driver unknown".to_owned()),
        dtypes: check::dtypes(device),
    }
}

/// What NVIDIA's own program says of the driver: CUDA does not.
fn nvidia() -> Option<String> {
    let mut command = Command::new("nvidia-smi");
    let command = command.args(["--query-gpu=driver_version", "--format=csv,noheader"]);
    let output = command.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8_lossy(&output.stdout);
    Some(format!("NVIDIA driver {}", text.lines().next()?.trim()))
}
