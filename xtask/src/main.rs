//! Chores of the workspace: converting weights, checking the layers, importing ONNX, comparing speed with
//! others, packing benches for a GPU. `cargo xtask --help` lists them.

mod convert;
mod gpu;
mod onnx;
mod peers;
mod tidy;
mod workspace;

use std::fmt::Display;
use std::io::{self, Write};
use std::process::ExitCode;

use clap::Parser;

/// Chores of the workspace.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", version)]
enum Command {
    BenchGpu(gpu::Args),
    BenchPeers(peers::Args),
    ConvertWeights(convert::Args),
    ImportOnnx(onnx::Args),
    /// Check the layers, features, names and circles of files of the workspace.
    Tidy,
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::BenchGpu(args) => gpu::run(&args),
        Command::BenchPeers(args) => peers::run(&args),
        Command::ConvertWeights(args) => convert::run(&args),
        Command::ImportOnnx(args) => onnx::run(&args),
        Command::Tidy => tidy::run(),
    };
    match result {
        Ok(code) => code,
        // `cargo xtask tidy | head` closes the pipe: the reader has what it wanted.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            anstream::eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Says something on standard output; `println!` panics where that cannot be written.
fn print(text: impl Display) -> io::Result<()> {
    let mut out = anstream::stdout().lock();
    write!(out, "{text}")?;
    out.flush()
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| {
        let io = cause.downcast_ref::<io::Error>();
        io.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
