//! A file of ours in another number format.

use std::path::Path;
use std::time::Instant;

use clip_checkpoint::{Checkpoint, Dtype, TensorSource, TensorSpec, tensors};

use crate::{Error, Family, Options, Progress, Result, Summary, check_name};

/// Writes a canonical file again in the number format of the options. [`crate::convert`] says by
/// [`Error::AlreadyCanonical`] that a file is one. Of the options, those about what a source does not say
/// mean nothing here, but for the license.
///
/// # Errors
///
/// [`Error::AlreadyCanonical`] where the options name no number format, [`Error::OutputIsSource`] and
/// [`Error::OutputExists`] where a file would be lost, and [`Error::Checkpoint`] where the source is
/// damaged, or the output cannot be written.
pub fn recast(path: &Path, options: &Options, progress: &mut dyn Progress) -> Result<Summary> {
    let started = Instant::now();
    let Some(dtype) = options.dtype else {
        return Err(Error::AlreadyCanonical { path: path.to_owned() });
    };
    let checkpoint = Checkpoint::open(path)?;
    let mut card = checkpoint.card().clone();
    card.name = options.name.clone().unwrap_or(card.name);
    card.license = card.license.or_else(|| options.license.clone());
    check_name(&card.name)?;
    let output = options.output.clone().unwrap_or_else(|| {
        let folder = options.folder.as_deref().unwrap_or(Path::new("weights"));
        folder.join(format!("{}.safetensors", card.name))
    });
    if let (Ok(source), Ok(target)) = (path.canonicalize(), output.canonicalize())
        && source == target
    {
        return Err(Error::OutputIsSource { path: output });
    }
    if output.exists() && !options.force {
        return Err(Error::OutputExists { path: output, found: "not replaced unasked" });
    }
    let total: usize = tensors(&card.config).map(|spec| spec.bytes(dtype)).sum();
    progress.start(&format!("writing {}", card.name), total as u64);
    let mut again = Again { checkpoint: &checkpoint, dtype, progress: &mut *progress };
    let bytes = clip_checkpoint::write(&output, &card, dtype, &mut again)?;
    progress.finish();
    Ok(Summary {
        card,
        family: Family::Canonical,
        dtype,
        bytes,
        elapsed: started.elapsed(),
        output,
        was_there: false,
    })
}

/// Gives the tensors of a checkpoint to the writer.
struct Again<'a> {
    checkpoint: &'a Checkpoint,
    dtype: Dtype,
    progress: &'a mut dyn Progress,
}

impl TensorSource for Again<'_> {
    type Error = Error;

    fn read(&mut self, spec: &TensorSpec) -> Result<Vec<f32>> {
        let values = self.checkpoint.read(&spec.name)?;
        self.progress.advance(spec.bytes(self.dtype) as u64);
        Ok(values)
    }

    fn vocabulary(&self) -> &[u8] {
        self.checkpoint.vocabulary().unwrap_or_default()
    }
}
