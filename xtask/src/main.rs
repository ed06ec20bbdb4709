//! Chores of the workspace: converting weights, checking the layers, importing ONNX, comparing speed with
//! others. `cargo xtask --help` lists them.

mod convert;
mod onnx;
mod peers;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::Parser;

/// Chores of the workspace.
#[derive(Debug, Parser)]
#[command(bin_name = "cargo xtask", version)]
enum Command {
    BenchPeers(peers::Args),
    ConvertWeights(convert::Args),
    ImportOnnx(onnx::Args),
    /// Check the layers, features and names of the workspace.
    Tidy,
}

fn main() -> ExitCode {
    let result = match Command::parse() {
        Command::BenchPeers(args) => peers::run(&args),
        Command::ConvertWeights(args) => convert::run(&args),
        Command::ImportOnnx(args) => onnx::run(&args),
        Command::Tidy => tidy::run(),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            anstream::eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
