//! How fast we train the baseline's model: the counterpart of `benches/peers/train_pytorch.py`,
//! with the same sizes, inputs and report.
#![expect(clippy::print_stdout, reason = "a program that reports")]

use clip_benches::{Training, TrainingWork, device, median};
use clip_train::TrainPrecision;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let option = |name: &str, default: usize| -> Result<usize, std::num::ParseIntError> {
        let mut args = std::env::args().skip_while(|arg| arg != name);
        args.nth(1).map_or(Ok(default), |value| value.parse())
    };
    let (steps, warmup) = (option("--steps", 6)?, option("--warmup", 2)?);
    let (batch, length) = (option("--batch", 256)?, option("--length", 12)?);
    let checkpointing = std::env::args().any(|arg| arg == "--checkpointing");

    let device = device().autodiff();
    let device = if checkpointing { device.gradient_checkpointing() } else { device };
    let bf16 = std::env::args().any(|arg| arg == "--bf16");
    let precision = if bf16 { TrainPrecision::Bf16 } else { TrainPrecision::F32 };
    let chunk = option("--chunk", 0)?;
    let work = TrainingWork { batch, length, chunk, precision, ..TrainingWork::default() };
    let mut training = Training::new(work, &device);
    let before = memory_mib();
    let (mut seconds, mut losses) = (Vec::new(), Vec::new());
    for step in 0..warmup + steps {
        let taken = training.step()?;
        losses.push(taken.loss);
        if step >= warmup {
            seconds.push(taken.seconds);
        }
    }
    let text: Vec<String> = seconds.iter().map(|s| format!("{s:.3}")).collect();
    println!(
        r#"{{"images_per_second": {:.1}, "seconds": [{}], "memory_mib": {}, "memory_before_mib": {before}, "loss_first": {:.4}, "loss_last": {:.4}, "checkpointing": {checkpointing}, "bf16": {bf16}, "batch": {batch}, "length": {length}}}"#,
        batch as f64 / median(&seconds),
        text.join(", "),
        memory_mib(),
        losses[0],
        losses[losses.len() - 1],
    );
    Ok(())
}

/// The largest resident set so far; 0 where the system does not say.
fn memory_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.trim().split(' ').next()?.parse::<u64>().ok());
    kib.unwrap_or(0) / 1024
}
