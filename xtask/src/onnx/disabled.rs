use std::process::ExitCode;

use anyhow::{Result, bail};

use super::Args;

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let inputs: Vec<_> = args.inputs.iter().map(|path| path.display().to_string()).collect();
    bail!(
        "built without the feature `onnx`\nhint: cargo run -p xtask --features onnx -- import-onnx {} -o {}",
        inputs.join(" "),
        args.output.display()
    )
}
