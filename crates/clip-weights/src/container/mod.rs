//! File formats: what tensors a file holds and where they lie in it.
//!
//! Each format is one function from an open file to its [`Contents`]. The values are not touched:
//! [`Weights`](crate::weights::Weights) reads them later, from any format in the same way. Which
//! format it is, the first bytes say, never the file's name.

mod safetensors;
mod strides;
mod torch;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use ::safetensors::Dtype;

use crate::{Error, Result};

pub(crate) use strides::Strides;

/// Everything about a file but the values.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// Name and description of each tensor.
    pub(crate) tensors: Vec<(String, Stored)>,
    /// What is called like a tensor but cannot be read as one, and why. It does no harm where it is
    /// not among the weights.
    pub(crate) unread: Vec<(String, Error)>,
    /// The classes of the objects that hold the tensors, where the format stores objects.
    pub(crate) classes: BTreeSet<String>,
    /// Names of code that the file would have run, and that was not.
    pub(crate) passed_over: BTreeSet<String>,
}

/// One tensor as its file describes it.
#[derive(Debug)]
pub(crate) struct Stored {
    pub(crate) dtype: Dtype,
    /// Length of each axis.
    pub(crate) shape: Vec<usize>,
    pub(crate) place: Place,
    /// Where the values do not lie row by row without gaps.
    pub(crate) strides: Option<Strides>,
}

/// A stretch of a file.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    pub(crate) start: u64,
    pub(crate) bytes: usize,
    /// Checksum of exactly these bytes, where the file has one.
    pub(crate) crc32: Option<u32>,
}

/// Finds out what format the file has, and what is in it.
pub(crate) fn contents(file: &mut File, bytes: u64, path: &Path) -> Result<Contents> {
    let io = |source| Error::Io { path: path.to_owned(), source };
    let mut head = Vec::new();
    file.by_ref().take(512).read_to_end(&mut head).map_err(io)?;
    file.seek(SeekFrom::Start(0)).map_err(io)?;
    if head.starts_with(b"PK\x03\x04") {
        torch::contents(file, bytes, path)
    } else if head.starts_with(torch::LEGACY) {
        torch::legacy_contents(file, bytes, path)
    } else if is_legacy_torch(&head) {
        Err(Error::LegacyTorch { path: path.to_owned() })
    } else if head.starts_with(b"version https://git-lfs") {
        let reason = "it is a Git LFS pointer, `git lfs pull` fetches the file".to_owned();
        Err(Error::Damaged { path: path.to_owned(), format: "weights file", reason })
    } else if head.get(8) == Some(&b'{') || path.extension().is_some_and(|e| e == "safetensors") {
        safetensors::contents(file, bytes, path)
    } else {
        Err(Error::UnreadFormat { path: path.to_owned() })
    }
}

/// A bare pickle of protocol 2 to 5, or a tar archive as PyTorch before 0.1.10 wrote it (`_legacy_load` in
/// `torch/serialization.py`).
fn is_legacy_torch(head: &[u8]) -> bool {
    matches!(head, [0x80, 2..=5, ..]) || head.get(257..262) == Some(b"ustar")
}
