//! From a learner to a canonical checkpoint.

use std::collections::BTreeMap;
use std::path::Path;

use clip_checkpoint::{Checkpoint, Dtype, ModelCard, Source, SourceFile, TensorSource, TensorSpec};

use crate::parameters::{self, canonical};
use crate::{Error, Learner, Result};

/// Writes a model that [serves](Learner::serving) into a canonical file, with the vocabulary that its
/// card speaks of, if it does. The file appears when it is whole; an older one stays until then.
///
/// # Errors
///
/// [`Error::Checkpoint`] where the disk fails or a weight is not finite.
pub fn export(
    learner: &Learner,
    card: &ModelCard,
    vocabulary: Option<&[u8]>,
    dtype: Dtype,
    path: &Path,
) -> Result<()> {
    struct Values<'a> {
        tensors: BTreeMap<String, Vec<f32>>,
        vocabulary: &'a [u8],
    }
    impl TensorSource for Values<'_> {
        type Error = clip_checkpoint::Error;

        fn read(&mut self, spec: &TensorSpec) -> clip_checkpoint::Result<Vec<f32>> {
            self.tensors
                .remove(&spec.name)
                .ok_or_else(|| clip_checkpoint::Error::Missing { names: vec![spec.name.clone()] })
        }

        fn vocabulary(&self) -> &[u8] {
            self.vocabulary
        }
    }
    let read = |(path, tensor): (String, burn::tensor::Tensor<1>)| {
        (canonical(&path).to_owned(), parameters::host(tensor))
    };
    let tensors: BTreeMap<_, _> = parameters::values(learner).into_iter().map(read).collect();
    let mut card = card.clone();
    card.source.files.push(SourceFile::of_weights(tensors.values().map(Vec::as_slice)));
    let mut values = Values { tensors, vocabulary: vocabulary.unwrap_or_default() };
    clip_checkpoint::write(path, &card, dtype, &mut values).map_err(Error::Checkpoint)?;
    Ok(())
}

/// The card of a model that is trained further.
pub(crate) fn trained_further(checkpoint: &Checkpoint, path: &Path) -> ModelCard {
    let (card, name) = (checkpoint.card(), path.file_name().unwrap_or_default());
    let name = name.to_string_lossy().into_owned();
    ModelCard {
        source: Source {
            origin: format!("{}, trained further", card.name),
            files: vec![SourceFile { name, sha256: checkpoint.fingerprint() }],
            converter: concat!("clip-train ", env!("CARGO_PKG_VERSION")).to_owned(),
        },
        ..card.clone()
    }
}
