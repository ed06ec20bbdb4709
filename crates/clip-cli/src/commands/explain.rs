//! `clip-cli explain`.

use std::io::Write;
use std::path::PathBuf;

use anyhow::Result;
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use clip_search::explain::{explain_file, figure_file};

use crate::args::{ModelArgs, TruncateArgs};
use crate::{Outcome, model, output};

#[derive(Debug, Args)]
#[command(after_help = include_str!("../help/explain.txt"))]
pub(crate) struct ExplainArgs {
    /// The picture
    #[arg(value_name = "PICTURE")]
    picture: PathBuf,

    /// What the picture is to be explained for; each text gets a panel (repeatable)
    #[arg(short, long, value_name = "TEXT", required = true, value_parser = NonEmptyStringValueParser::new())]
    text: Vec<String>,

    /// The heat map, a PNG file [default: PICTURE's name with -explained.png, in the current folder]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,

    /// Overwrite the heat map of an earlier run
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    truncate: TruncateArgs,
    #[command(flatten)]
    model: ModelArgs,
}

pub(crate) fn run(args: &ExplainArgs) -> Result<Outcome> {
    let file = figure_file(&args.picture, args.output.clone(), args.force)?;
    let embedder = model::embedder(&args.model, args.truncate.overflow())?;
    let device = args.model.device.open()?;
    let explained = explain_file(&embedder, &device, &args.picture, &args.text)?;
    let name = args.picture.file_name().unwrap_or_default().to_string_lossy();
    file.write(&explained.png(&name)?)?;
    output::print(|out| {
        for heatmap in &explained.heatmaps {
            write!(out, "{:.3}\t", heatmap.cosine)?;
            out.text(&heatmap.text)?;
            writeln!(out)?;
        }
        write!(out, "heat map: ")?;
        out.line(file.path())
    })?;
    Ok(Outcome::Found)
}
