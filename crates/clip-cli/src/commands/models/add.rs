//! `clip-cli models add` and `pull`: a foreign checkpoint becomes a model that `--model` finds by
//! name.

use anyhow::{Context, Result, bail};
use clap::Args;
use clip_weights::{Bar, ConvertArgs, Dtype, Format, HubOptions, Opened, Options, Source, open};

use crate::registry::{self, Published};
use crate::{Outcome, places, report};

#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// What `models` calls it
    #[arg(value_name = "ID")]
    id: String,
    /// Number format to write [default: that of the source]; becomes a part of the name
    #[arg(long)]
    dtype: Option<Format>,
}

/// Converts any source.
pub(crate) fn run(args: &ConvertArgs) -> Result<Outcome> {
    let (source, options) = args.parts();
    install(&source, options, |_| Ok(()))
}

/// Downloads and converts a published model.
pub(crate) fn pull(args: &PullArgs) -> Result<Outcome> {
    let published = registry::find(&args.id)?;
    let dtype = args.dtype.map(Dtype::from);
    let options = Options {
        // Another file is another model, which may lie beside the first.
        name: Some(match dtype {
            Some(dtype) => format!("{}-{}", published.id, dtype.name()),
            None => published.id.clone(),
        }),
        dtype,
        license: Some(published.license.clone()),
        sha256: published.sha256.clone(),
        hub: HubOptions::from_env(),
        ..Options::default()
    };
    let source = Source::parse(&published.source);
    // What is downloaded is compared before it is converted: a name may come to mean another model.
    install(&source, options, |opened| is_as_published(opened, &published))
}

fn is_as_published(opened: &Opened, published: &Published) -> Result<()> {
    let config = opened.inspect().config;
    let found = (config.vision.image_size, config.embed_dim);
    let expected = (published.image_size, published.embed_dim);
    if found != expected {
        bail!(
            "{} is not what was published as {}: pictures of {} pixels and vectors of {} numbers, not {} and {}; `clip-cli models add` takes it as it is",
            published.source,
            published.id,
            found.0,
            found.1,
            expected.0,
            expected.1
        );
    }
    Ok(())
}

fn install(
    source: &Source,
    mut options: Options,
    check: impl FnOnce(&Opened) -> Result<()>,
) -> Result<Outcome> {
    if options.output.is_none() {
        let folder = places::own_models()
            .context("this platform names no data folder: say where the model goes with -o FILE")?;
        options.folder = Some(folder);
    }
    let mut bar = Bar::new();
    let opened = open(source, &options, &mut bar)?;
    check(&opened)?;
    let summary = opened.convert(&mut bar)?;
    anstream::print!("{summary}");
    // A file elsewhere is found by its path alone.
    let name = match options.output {
        Some(path) => path.display().to_string(),
        None => summary.card.name,
    };
    report::hint(format_args!("use it with `--model {name}`"));
    Ok(Outcome::Found)
}
