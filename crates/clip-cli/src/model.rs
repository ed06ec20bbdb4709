//! Which model answers.

use std::path::Path;

use anyhow::Result;
use clip::{Checkpoint, Embedder, Overflow};
use clip_search::{Model, Models};

use crate::args::ModelArgs;

/// The models on this machine: those of the repository, where `convert-weights` writes, and the user's.
pub(crate) fn models() -> Models {
    Models::of_user().preceded_by("weights")
}

/// The model that `--model` names.
pub(crate) fn find(name: Option<&Path>) -> Result<Model> {
    Ok(models().find(name)?)
}

/// The checkpoint that `--model` names.
pub(crate) fn checkpoint(name: Option<&Path>) -> Result<Checkpoint> {
    Ok(find(name)?.checkpoint()?)
}

/// The embedder that the options ask for.
pub(crate) fn embedder(args: &ModelArgs, overflow: Overflow) -> Result<Embedder> {
    let checkpoint = checkpoint(args.model.get())?;
    let device = args.device.open()?;
    Ok(Embedder::new(checkpoint, &device)?
        .with_batch_size(args.batch_size.into())
        .with_overflow(overflow))
}
