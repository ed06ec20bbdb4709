//! The built-in model, written again in other number formats.

use clip::{Checkpoint, Device, Embedder};
use clip_checkpoint::{Dtype, Error, TensorSource, TensorSpec, Tower, write};
use tempfile::TempDir;

/// The tensors of a checkpoint.
struct Again<'a>(&'a Checkpoint);

impl TensorSource for Again<'_> {
    type Error = Error;

    fn read(&mut self, spec: &TensorSpec) -> Result<Vec<f32>, Error> {
        self.0.read(&spec.name)
    }

    fn vocabulary(&self) -> &[u8] {
        self.0.vocabulary().unwrap_or_default()
    }
}

/// A folder of copies; they go with it.
pub(crate) struct Copies {
    device: Device,
    folder: TempDir,
}

impl Copies {
    pub(crate) fn new(device: Device) -> Self {
        Self { device, folder: tempfile::tempdir().unwrap() }
    }

    /// The model as it ships.
    pub(crate) fn built_in(&self) -> Embedder {
        Embedder::embedded(&self.device).unwrap()
    }

    /// The same weights, stored and multiplied in this format: [`Dtype::F32`] gives what the numbers
    /// of 8 bits say, without rounding what is computed with them.
    pub(crate) fn open(&self, dtype: Dtype) -> Embedder {
        let model = self.built_in();
        let path = self.folder.path().join(dtype.name());
        write(&path, model.card(), dtype, &mut Again(model.checkpoint())).unwrap();
        let copy = Embedder::open(&path, &self.device).unwrap();
        assert_eq!([Tower::Vision, Tower::Text].map(|t| copy.checkpoint().dtype_of(t)), [dtype; 2]);
        copy
    }
}
