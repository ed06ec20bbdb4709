//! `clip-cli models add` and `pull`: a foreign checkpoint becomes a model that `--model` finds by
//! name.

use std::io::Write;

use anyhow::{Context, Result, bail};
use clap::Args;
use clip_weights::{Bar, ConvertArgs, Dtype, Format, HubOptions, Opened, Options, Source, open};

use crate::registry::{self, Published};
use crate::{Outcome, model, output, places, report};

#[derive(Debug, Args)]
pub(crate) struct PullArgs {
    /// What `models` calls it
    #[arg(value_name = "ID")]
    id: String,
    /// Number format to write [default: that of the source]; becomes a part of the name
    #[arg(long)]
    dtype: Option<Format>,
    /// Replace another model of that name
    #[arg(long)]
    force: bool,
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
        force: args.force,
        hub: HubOptions::from_env(),
        ..Options::default()
    };
    let source = Source::parse(&published.source);
    // What is downloaded is compared before it is converted: a name may come to mean another model.
    install(&source, options, |opened| is_as_published(opened, &published))
}

/// Refuses a name that means another model already: the built-in one is always found first, and that
/// of a published one promises what `models pull` gives. A source that is called like one, such as a
/// folder that it was downloaded to, has to be of its sizes.
fn check_is_free(name: &str, source: &Source, opened: Option<&Opened>) -> Result<()> {
    if name.eq_ignore_ascii_case(model::EMBEDDED) {
        bail!("{name} is the name of the built-in model: choose another with --name");
    }
    let published = registry::all();
    let Some(published) = published.iter().find(|known| known.id.eq_ignore_ascii_case(name)) else {
        return Ok(());
    };
    let is_it = Source::parse(&published.source) == *source
        || opened.is_some_and(|opened| is_as_published(opened, published).is_ok());
    if !is_it {
        bail!(
            "{name} is the name of the published model that `clip-cli models pull {}` gives: choose another with --name",
            published.id
        );
    }
    Ok(())
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
        if let Some(name) = &options.name {
            check_is_free(name, source, None)?;
        }
        let folder = places::own_models()
            .context("this platform names no data folder: say where the model goes with -o FILE")?;
        options.folder = Some(folder);
    }
    let mut bar = Bar::new();
    let opened = open(source, &options, &mut bar)?;
    check(&opened)?;
    let name = opened.inspect().name;
    if options.output.is_none() && options.name.is_none() {
        check_is_free(&name, source, Some(&opened))?;
    }
    let summary = opened.convert(&mut bar)?;
    drop(bar);
    let mut out = output::stdout();
    write!(out, "{summary}")?;
    out.flush()?;
    // A file elsewhere is found by its path alone.
    let name = match options.output {
        Some(path) => path.display().to_string(),
        None => name,
    };
    if summary.was_there {
        report::note(format_args!("{name} is there already, made from the same files"));
    }
    report::hint(format_args!("use it with `--model {name}`"));
    Ok(Outcome::Found)
}
