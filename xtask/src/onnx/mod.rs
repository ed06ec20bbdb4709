//! `cargo xtask import-onnx`; the only place that asks for the feature.

#[cfg(not(feature = "onnx"))]
mod disabled;
#[cfg(feature = "onnx")]
mod enabled;

use std::path::PathBuf;

use clap::Args as ClapArgs;

#[cfg(not(feature = "onnx"))]
pub(crate) use disabled::run;
#[cfg(feature = "onnx")]
pub(crate) use enabled::run;

/// Make modules of Burn from ONNX files: for each, Rust code and a file of weights.
///
/// Needs the feature `onnx`: cargo run -p xtask --features onnx -- import-onnx image.onnx text.onnx
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// What tests/scripts/onnx_export.py wrote
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Folder for the results
    #[arg(short, long, default_value = "crates/clip-testkit/goldens/onnx")]
    output: PathBuf,
}
