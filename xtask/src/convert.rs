//! `cargo xtask convert-weights`

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args as ClapArgs, ValueEnum};
use clip_weights::{Activation, Dtype, HubOptions, Options, Source, Summary, convert};

use crate::bar::Bar;

/// Convert a CLIP checkpoint to the one file that this project reads.
///
/// The source is a folder in Hugging Face layout (weights in one file or in shards, config.json,
/// preprocessor_config.json), a weights file inside one, a file with OpenAI's tensor names such as
/// its own ViT-B-32.pt, or a model of the Hugging Face hub such as openai/clip-vit-base-patch32.
/// Downloads honor HF_ENDPOINT, HF_HOME and HF_TOKEN, and go on where an earlier run stopped.
#[derive(Debug, ClapArgs)]
pub(crate) struct Args {
    /// Folder, weights file, or OWNER/NAME (or OWNER/NAME@REVISION) on the hub.
    source: String,
    /// File to write [default: weights/NAME.safetensors].
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
    /// Number format to write [default: as the source: f16 stays f16, bf16 and f32 become f32].
    #[arg(long)]
    dtype: Option<Format>,
    /// Name of the model [default: the folder's or OpenAI's file's, or the last part of the hub id].
    #[arg(long)]
    name: Option<String>,
    /// License of the weights, where the source does not say.
    #[arg(long)]
    license: Option<String>,
    /// Activation that the model was trained with, where the source does not say: a plain state dict.
    #[arg(long)]
    activation: Option<Nonlinearity>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Format {
    F32,
    F16,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Nonlinearity {
    QuickGelu,
    Gelu,
}

pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let options = Options {
        output: args.output,
        dtype: args.dtype.map(|dtype| match dtype {
            Format::F32 => Dtype::F32,
            Format::F16 => Dtype::F16,
        }),
        name: args.name,
        license: args.license,
        activation: args.activation.map(|activation| match activation {
            Nonlinearity::QuickGelu => Activation::QuickGelu,
            Nonlinearity::Gelu => Activation::Gelu,
        }),
        hub: HubOptions::from_env(),
    };
    let summary = convert(&Source::parse(&args.source), &options, &mut Bar::new())?;
    anstream::print!("{}", table(&summary));
    Ok(ExitCode::SUCCESS)
}

/// What was written, and how to use it.
fn table(summary: &Summary) -> String {
    let card = &summary.card;
    let (vision, text) = (&card.config.vision, &card.config.text);
    let tower = |parameters, width, layers, heads, activation: &dyn std::fmt::Display| {
        format!(
            "{} parameters: width {width}, {layers} layers, {heads} heads, {activation}",
            millions(parameters)
        )
    };
    let rows = [
        ("model", card.name.clone()),
        ("source", format!("{} ({})", card.source.origin, summary.family.name())),
        ("license", card.license.clone().unwrap_or_else(|| "not stated by the source".to_owned())),
        ("vision", {
            let (width, layers) = (vision.width, vision.layers);
            let parameters = summary.vision_parameters;
            tower(parameters, width, layers, vision.heads, &vision.activation)
                + &format!(", {0}×{0} pixels, patch {1}", vision.image_size, vision.patch_size)
        }),
        ("text", {
            let (width, layers) = (text.width, text.layers);
            tower(summary.text_parameters, width, layers, text.heads, &text.activation)
                + &format!(", {} tokens, pooled at {}", text.context_length, text.pooling)
        }),
        ("embedding", format!("{} values", card.config.embed_dim)),
        ("weights", format!("{}, {}", summary.dtype.name(), megabytes(summary.bytes))),
        ("time", format!("{:.1} s", summary.elapsed.as_secs_f64())),
        ("written", summary.output.display().to_string()),
    ];
    let mut out = String::new();
    for (name, value) in rows {
        let _ = writeln!(out, "{name:<10} {value}");
    }
    for file in &card.source.files {
        let _ = writeln!(out, "{:<10} {}  {}", "sha256", file.sha256, file.name);
    }
    let _ = writeln!(
        out,
        "\nUse it:\n  cargo run -p clip-cli -- search --model {} \"a picture of a dog\" samples",
        summary.output.display()
    );
    out
}

fn millions(count: usize) -> String {
    format!("{:.2} M", count as f64 / 1e6)
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}
