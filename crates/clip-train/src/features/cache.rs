//! Files of features: a safetensors file for each view, `features` `[rows, width]` in f16.
//!
//! A file is named by a fingerprint of all that its values depend on, so what was computed for other
//! weights, images or changes is never found; it also holds the hash of its values, and is made again
//! where they are damaged.

use std::collections::HashMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use burn::module::Module;
use clip_checkpoint::SourceFile;
use clip_data::{AugmentConfig, Dataset};
use half::f16;
use half::slice::{HalfBitsSliceExt, HalfFloatSliceExt};
use rayon::prelude::*;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, serialize};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{FeatureStore, View};
use crate::parameters::{self, host};
use crate::{Error, Result};

/// Key of [`Header`] in the file's metadata, and its version.
const HEADER: &str = "clip_train_features";

/// Name of the tensor.
const FEATURES: &str = "features";

/// What is known about a file without its values.
#[derive(Debug, Serialize, Deserialize)]
struct Header {
    fingerprint: String,
    /// SHA-256 of the values.
    sha256: String,
    /// Rows that could not be read, and why.
    skipped: Vec<(usize, String)>,
}

/// What the features of a dataset depend on, whatever the view.
#[derive(Debug)]
pub(super) struct Identity {
    tower: String,
    images: String,
}

impl Identity {
    /// Looks at all weights and all files.
    pub(super) fn new(store: &FeatureStore<'_>, dataset: &Dataset) -> Self {
        let values = parameters::values(&store.encoder.visual.valid());
        let values: Vec<Vec<f32>> = values.into_values().map(host).collect();
        let tower = SourceFile::of_weights(values.iter().map(Vec::as_slice)).sha256;
        let hash = |row: usize| -> [u8; 32] {
            let sample = dataset.sample(row);
            // Emoji and drawings get other backgrounds than photographs.
            let mut hasher = Sha256::new_with_prefix(format!("{:?}\n", sample.kind));
            match dataset.read(row) {
                Ok(bytes) => hasher.update(bytes),
                Err(error) => hasher.update(error.to_string()),
            }
            hasher.finalize().into()
        };
        let hashes: Vec<[u8; 32]> = (0..dataset.len()).into_par_iter().map(hash).collect();
        Self { tower, images: hex(&Sha256::digest(hashes.concat())) }
    }

    /// The fingerprint of one view, and its file.
    pub(super) fn file(
        &self,
        store: &FeatureStore<'_>,
        augment: &AugmentConfig,
        view: usize,
    ) -> (String, PathBuf) {
        // The first view is not changed.
        let changes = (view > 0).then_some((augment, store.seed, view));
        let all = (HEADER, &self.tower, &self.images, store.preprocess, changes);
        let json = serde_json::to_vec(&all).expect("settings have a JSON form");
        let fingerprint = hex(&Sha256::digest(json));
        let path = store.folder.join(format!("{}.safetensors", &fingerprint[..16]));
        (fingerprint, path)
    }
}

/// The view of that fingerprint, and the width of its features; nothing where the file is not there,
/// damaged or another's.
pub(super) fn read(path: &Path, fingerprint: &str, rows: usize) -> Option<(View, usize)> {
    let bytes = std::fs::read(path).ok()?;
    let (_, metadata) = SafeTensors::read_metadata(&bytes).ok()?;
    let header: Header = serde_json::from_str(metadata.metadata().as_ref()?.get(HEADER)?).ok()?;
    let file = SafeTensors::deserialize(&bytes).ok()?;
    let tensor = file.tensor(FEATURES).ok()?;
    let &[of_file, width] = tensor.shape() else { return None };
    let is_ours = header.fingerprint == fingerprint
        && (tensor.dtype(), of_file) == (Dtype::F16, rows)
        && header.sha256 == hex(&Sha256::digest(tensor.data()));
    let bits = tensor.data().as_chunks().0.iter().map(|bytes| u16::from_le_bytes(*bytes));
    let values = bits.collect::<Vec<u16>>().reinterpret_cast::<f16>().to_vec();
    is_ours.then_some((View { values, skipped: header.skipped }, width))
}

/// Writes a view under its fingerprint.
///
/// # Errors
///
/// [`Error::Save`] where the disk fails.
pub(super) fn write(path: &Path, fingerprint: &str, view: &View, width: usize) -> Result<()> {
    let failed = |source| Error::Save { path: path.to_owned(), source };
    let bits = view.values.reinterpret_cast().iter();
    let bytes: Vec<u8> = bits.flat_map(|bits: &u16| bits.to_le_bytes()).collect();
    let header = Header {
        fingerprint: fingerprint.to_owned(),
        sha256: hex(&Sha256::digest(&bytes)),
        skipped: view.skipped.clone(),
    };
    let json = serde_json::to_string(&header).expect("strings have a JSON form");
    let rows = view.values.len().checked_div(width).unwrap_or(0);
    let tensor = TensorView::new(Dtype::F16, vec![rows, width], &bytes).expect("rows of a width");
    let file = serialize([(FEATURES, tensor)], Some(HashMap::from([(HEADER.to_owned(), json)])))
        .map_err(|error| failed(std::io::Error::other(error.to_string())))?;
    clip_checkpoint::replace(path, failed, |out| out.write_all(&file).map_err(failed))
}

fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
