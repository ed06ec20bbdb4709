//! PyTorch's side: a script that says records as our steps do.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::model::Sizes;

/// The script with the sizes of the run.
///
/// # Errors
///
/// Where the script is not there.
pub(crate) fn command(python: &str, script: &Path, sizes: &Sizes) -> Result<Command> {
    ensure!(
        script.is_file(),
        "there is no script {}: run where it is, or name it with --script",
        script.display()
    );
    let mut command = Command::new(python);
    let batches: Vec<_> = sizes.batches.iter().map(usize::to_string).collect();
    command
        .arg(script)
        .args(["--batches", &batches.join(",")])
        .args(["--seconds", &sizes.seconds.to_string()])
        .args(["--training", &sizes.training.to_string()])
        .env("HF_HUB_OFFLINE", "1");
    Ok(command)
}
