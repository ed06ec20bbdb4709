//! A safetensors file of reference values.

use std::path::{Path, PathBuf};

use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;
use serde_json::Value;

use crate::paths::repository_root;

/// A tensor of numbers, row-major.
#[derive(Debug, Clone, PartialEq)]
pub struct GoldenTensor {
    /// Length of each axis.
    pub shape: Vec<usize>,
    /// The values.
    pub values: Vec<f32>,
}

/// A batch of token ids, row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GoldenIds {
    /// Number of texts, and of tokens in each.
    pub shape: [usize; 2],
    /// The ids.
    pub values: Vec<u32>,
}

/// The file, whole in memory; every method panics with the file's name where it cannot answer.
#[derive(Debug)]
pub struct TensorFile {
    path: PathBuf,
    bytes: Vec<u8>,
    about: Value,
}

impl TensorFile {
    /// Reads a file.
    ///
    /// # Panics
    ///
    /// Where that is not possible.
    pub fn open(path: &Path) -> Self {
        let bytes = std::fs::read(path)
            .unwrap_or_else(|error| panic!("{}: cannot be read: {error}", path.display()));
        let (_, header) = SafeTensors::read_metadata(&bytes)
            .unwrap_or_else(|error| panic!("{}: is damaged: {error}", path.display()));
        let about = header.metadata().as_ref().and_then(|metadata| metadata.get("golden"));
        let about = about.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
        Self { path: path.to_owned(), bytes, about }
    }

    /// Names of the tensors, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.parse().names().into_iter().map(str::to_owned).collect();
        names.sort();
        names
    }

    /// A tensor of numbers.
    ///
    /// # Panics
    ///
    /// Where there is none of that name or it holds something else.
    pub fn f32(&self, name: &str) -> GoldenTensor {
        let tensor = self.tensor(name, Dtype::F32);
        let values = tensor.data().as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes));
        GoldenTensor { shape: tensor.shape().to_vec(), values: values.collect() }
    }

    pub(crate) fn ids(&self, name: &str) -> GoldenIds {
        let tensor = self.tensor(name, Dtype::I32);
        let &[texts, tokens] = tensor.shape() else {
            panic!("{}: `{name}` is no matrix: {:?}", self.path.display(), tensor.shape())
        };
        let values = tensor.data().as_chunks().0.iter().map(|bytes| u32::from_le_bytes(*bytes));
        GoldenIds { shape: [texts, tokens], values: values.collect() }
    }

    /// A list of strings in the metadata.
    pub(crate) fn list(&self, key: &str) -> Vec<String> {
        let list = Vec::deserialize(&self.about[key]);
        list.unwrap_or_else(|error| {
            panic!("{}: no list `{key}` in the metadata: {error}", self.path.display())
        })
    }

    /// A list of files in the metadata, relative to the repository.
    pub(crate) fn paths(&self, key: &str) -> Vec<PathBuf> {
        self.list(key).iter().map(|name| repository_root().join(name)).collect()
    }

    fn parse(&self) -> SafeTensors<'_> {
        SafeTensors::deserialize(&self.bytes)
            .unwrap_or_else(|error| panic!("{}: is damaged: {error}", self.path.display()))
    }

    fn tensor(&self, name: &str, dtype: Dtype) -> TensorView<'_> {
        let tensor = self.parse().tensor(name).unwrap_or_else(|_| {
            panic!("{}: no tensor `{name}`, there are {:?}", self.path.display(), self.names())
        });
        assert_eq!(tensor.dtype(), dtype, "{}: number format of `{name}`", self.path.display());
        tensor
    }
}
