//! Safetensors: a JSON header, then the tensors, row-major and without gaps.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use safetensors::tensor::Metadata;

use super::{Contents, Place, Stored};
use crate::{Error, Result};

const FORMAT: &str = "safetensors file";

/// The format's own limit, <https://github.com/huggingface/safetensors> (`MAX_HEADER_SIZE`).
const MAX_HEADER: u64 = 100_000_000;

/// Reads the header.
pub(super) fn contents(file: &mut File, bytes: u64, path: &Path) -> Result<Contents> {
    let (data, header) = header(file, bytes, path)?;
    let tensors = header.tensors().into_iter().map(|(name, info)| {
        let (start, end) = info.data_offsets;
        let place = Place { start: data + start as u64, bytes: end - start, crc32: None };
        let (dtype, shape) = (info.dtype, info.shape.clone());
        (name, Stored { dtype, shape, place, strides: None })
    });
    Ok(Contents { tensors: tensors.collect(), ..Contents::default() })
}

/// Where the data starts, and what is in it.
fn header(file: &mut File, bytes: u64, path: &Path) -> Result<(u64, Metadata)> {
    let damaged = |reason: String| Error::Damaged { path: path.to_owned(), format: FORMAT, reason };
    let io = |source| Error::Io { path: path.to_owned(), source };
    let mut length = [0; 8];
    if bytes < 8 {
        return Err(damaged(format!("it has {bytes} bytes")));
    }
    file.read_exact(&mut length).map_err(io)?;
    let length = u64::from_le_bytes(length);
    if length > MAX_HEADER || length > bytes - 8 {
        return Err(damaged("its header is longer than the file".to_owned()));
    }
    let mut json = vec![0; length as usize];
    file.read_exact(&mut json).map_err(io)?;
    let header: Metadata =
        serde_json::from_slice(&json).map_err(|error| damaged(format!("its header: {error}")))?;
    let data = 8 + length;
    let expected = data + header.data_len() as u64;
    if bytes != expected {
        return Err(damaged(format!("it has {bytes} bytes, its header speaks of {expected}")));
    }
    Ok((data, header))
}
