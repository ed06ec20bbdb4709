//! `clip-cli explain`.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use clip::{ColorManagement, ReadOptions};
use clip_search::explain::explain;

use crate::args::{ModelArgs, TruncateArgs};
use crate::files::Target;
use crate::{Outcome, model, output};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  clip-cli explain dog.jpg --text \"a dog\"
  clip-cli explain street.jpg -t \"a red car\" -t \"a tree\" -o street-car-tree.png

Warm colors are where the picture speaks for the text (gradient-weighted attention). Each panel has
its own scale: compare places within a panel, and texts by their cosine.")]
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
    let target = target(args)?;
    let embedder = model::embedder(&args.model, args.truncate.overflow())?;
    let options = ReadOptions { color: ColorManagement::ToSrgb, ..ReadOptions::default() };
    let picture = clip::read_picture(&args.picture, &options)?;
    let explained = explain(&embedder, &args.model.device.open()?, &picture, &args.text)?;
    let name = args.picture.file_name().unwrap_or_default().to_string_lossy();
    target.write(&explained.png(&name)?)?;
    output::print(|out| {
        for heatmap in &explained.heatmaps {
            write!(out, "{:.3}\t", heatmap.cosine)?;
            out.text(&heatmap.text)?;
            writeln!(out)?;
        }
        write!(out, "heat map: ")?;
        out.line(target.path())
    })?;
    Ok(Outcome::Found)
}

/// Where the heat map goes; never over the picture itself.
fn target(args: &ExplainArgs) -> Result<Target> {
    let path = args.output.clone().unwrap_or_else(|| default_name(&args.picture));
    if let (Ok(picture), Ok(output)) = (args.picture.canonicalize(), path.canonicalize())
        && picture == output
    {
        bail!("{} is the picture itself: name another file with --output", path.display());
    }
    Target::new(path, "png", args.force)
}

fn default_name(picture: &Path) -> PathBuf {
    let mut name = picture.file_stem().unwrap_or_default().to_owned();
    name.push("-explained.png");
    name.into()
}
