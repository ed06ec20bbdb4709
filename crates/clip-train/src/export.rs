//! From a learner to a canonical checkpoint.

use std::collections::BTreeMap;
use std::path::Path;

use clip_checkpoint::{Dtype, ModelCard, SourceFile, TensorSource, TensorSpec};

use crate::parameters::{self, canonical};
use crate::{Error, Learner, Result};

/// Writes a model that [serves](Learner::serving) into a canonical file. The file appears when it is
/// whole; an older one stays until then.
///
/// # Errors
///
/// [`Error::Checkpoint`] where the disk fails or a weight is not finite.
pub fn export(learner: &Learner, card: &ModelCard, dtype: Dtype, path: &Path) -> Result<()> {
    struct Values(BTreeMap<String, Vec<f32>>);
    impl TensorSource for Values {
        type Error = clip_checkpoint::Error;

        fn read(&mut self, spec: &TensorSpec) -> clip_checkpoint::Result<Vec<f32>> {
            self.0
                .remove(&spec.name)
                .ok_or_else(|| clip_checkpoint::Error::Missing { names: vec![spec.name.clone()] })
        }
    }
    let read = |(path, tensor): (String, burn::tensor::Tensor<1>)| {
        (canonical(&path).to_owned(), parameters::host(tensor))
    };
    let values: BTreeMap<_, _> = parameters::values(learner).into_iter().map(read).collect();
    let mut card = card.clone();
    card.source.files.push(SourceFile::of_weights(values.values().map(Vec::as_slice)));
    clip_checkpoint::write(path, &card, dtype, &mut Values(values)).map_err(Error::Checkpoint)?;
    Ok(())
}
