//! Writing a canonical file: streamed, beside the target, renamed when whole.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::Path;

use half::{bf16, f16};
use safetensors::tensor::{Metadata, TensorInfo};
use serde::{Deserialize, Serialize};
use tempfile::NamedTempFile;

use crate::{Error, ModelCard, Result, SourceFile, TensorSpec, Vocabulary, tensors};

/// Key of the card in the header's metadata.
pub(crate) const CARD_KEY: &str = "clip_card";

/// Name of the bytes of a vocabulary, after all tensors.
pub(crate) const VOCABULARY: &str = "vocabulary";

/// Values that are encoded at once: their bytes are still in the cache when they are written.
const CHUNK: usize = 1 << 14;

/// Number format of stored weights; the arithmetic is `f32` either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Dtype {
    /// 32 bits.
    F32,
    /// 16 bits, 11 of them for the digits.
    F16,
    /// 16 bits with the range of `f32`, 8 of them for the digits.
    Bf16,
}

impl Dtype {
    /// Name as users write it.
    pub fn name(self) -> &'static str {
        match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
            Self::Bf16 => "bf16",
        }
    }

    /// Bytes of one value.
    pub fn size(self) -> usize {
        match self {
            Self::F32 => 4,
            Self::F16 | Self::Bf16 => 2,
        }
    }

    pub(crate) fn from_safetensors(dtype: safetensors::Dtype) -> Option<Self> {
        match dtype {
            safetensors::Dtype::F32 => Some(Self::F32),
            safetensors::Dtype::F16 => Some(Self::F16),
            safetensors::Dtype::BF16 => Some(Self::Bf16),
            _ => None,
        }
    }

    fn to_safetensors(self) -> safetensors::Dtype {
        match self {
            Self::F32 => safetensors::Dtype::F32,
            Self::F16 => safetensors::Dtype::F16,
            Self::Bf16 => safetensors::Dtype::BF16,
        }
    }

    pub(crate) fn decode(self, bytes: &[u8]) -> Vec<f32> {
        match self {
            Self::F32 => {
                bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
            }
            Self::F16 => {
                let halves = bytes.as_chunks().0.iter().map(|bytes| f16::from_le_bytes(*bytes));
                halves.map(f16::to_f32).collect()
            }
            Self::Bf16 => {
                let halves = bytes.as_chunks().0.iter().map(|bytes| bf16::from_le_bytes(*bytes));
                halves.map(bf16::to_f32).collect()
            }
        }
    }

    /// Appends the values; fails with the position of the first that this format cannot hold.
    fn encode(self, values: &[f32], out: &mut Vec<u8>) -> std::result::Result<(), (usize, f32)> {
        for (index, &value) in values.iter().enumerate() {
            let finite = match self {
                Self::F32 => {
                    out.extend(value.to_le_bytes());
                    value.is_finite()
                }
                Self::F16 => {
                    let half = f16::from_f32(value);
                    out.extend(half.to_le_bytes());
                    half.is_finite()
                }
                Self::Bf16 => {
                    let half = bf16::from_f32(value);
                    out.extend(half.to_le_bytes());
                    half.is_finite()
                }
            };
            if !finite {
                return Err((index, value));
            }
        }
        Ok(())
    }
}

/// Where [`write`] gets its tensors from, one at a time.
pub trait TensorSource {
    /// Why a tensor could not be given.
    type Error: From<Error>;

    /// The values of the tensor, row-major, `spec.elements()` of them.
    ///
    /// # Errors
    ///
    /// Ends the writing; nothing is left behind.
    fn read(&mut self, spec: &TensorSpec) -> std::result::Result<Vec<f32>, Self::Error>;

    /// The vocabulary that the card calls [`Vocabulary::Stored`]; not asked for otherwise.
    fn vocabulary(&self) -> &[u8] {
        &[]
    }

    /// The files of the card's source, asked for after the last tensor: with the same names, but with
    /// SHA-256s that were computed meanwhile. `None` where the card has them.
    ///
    /// # Errors
    ///
    /// Ends the writing; nothing is left behind.
    fn files(&mut self) -> std::result::Result<Option<Vec<SourceFile>>, Self::Error> {
        Ok(None)
    }
}

/// Writes a canonical checkpoint. One tensor at a time is in memory; the file appears under `path`
/// when it is whole and on the disk, and an older file of that name stays untouched until then.
/// Returns its size in bytes.
///
/// # Errors
///
/// [`Error::BadConfig`] for a card that contradicts itself, [`Error::BadCard`] where
/// [`TensorSource::files`] are others than the card's, [`Error::Shape`] where the source gives
/// another number of values, [`Error::OtherVocabulary`] where its vocabulary is not the card's,
/// [`Error::NotFinite`] where a value is NaN, infinite or too large for
/// `dtype`, [`Error::Io`] where the disk fails, and whatever the source fails with.
pub fn write<S: TensorSource>(
    path: &Path,
    card: &ModelCard,
    dtype: Dtype,
    source: &mut S,
) -> std::result::Result<u64, S::Error> {
    card.validate()?;
    let io = |source| S::Error::from(Error::Io { action: "write", path: path.to_owned(), source });
    replace(path, io, |file| {
        let mut out = BufWriter::with_capacity(1 << 16, file);
        let header = header(card, dtype)?;
        out.write_all(&header).map_err(io)?;
        let size = header.len() as u64 + write_tensors(&mut out, card, dtype, source, io)?;
        if let Some(files) = source.files()? {
            out.rewind().map_err(io)?;
            out.write_all(&header_of(files, card, dtype, header.len())?).map_err(io)?;
        }
        out.flush().map_err(io)?;
        Ok(size)
    })
}

/// Writes a file beside its place and renames it when it is whole and on the disk; an older file
/// stays untouched until then. Folders that are missing are made.
///
/// # Errors
///
/// What `write` fails with, and what `failed` makes of an error of the disk; nothing is left behind.
pub fn replace<T, E>(
    path: &Path,
    failed: impl Fn(std::io::Error) -> E,
    write: impl FnOnce(&mut File) -> std::result::Result<T, E>,
) -> std::result::Result<T, E> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    std::fs::create_dir_all(folder).map_err(&failed)?;
    let mut temporary = NamedTempFile::new_in(folder).map_err(&failed)?;
    let written = write(temporary.as_file_mut())?;
    make_readable(&temporary).map_err(&failed)?;
    temporary.as_file().sync_all().map_err(&failed)?;
    temporary.persist(path).map_err(|error| failed(error.error))?;
    Ok(written)
}

fn write_tensors<S: TensorSource>(
    out: &mut impl Write,
    card: &ModelCard,
    dtype: Dtype,
    source: &mut S,
    io: impl Fn(std::io::Error) -> S::Error,
) -> std::result::Result<u64, S::Error> {
    let (mut size, mut bytes) = (0, Vec::new());
    for spec in tensors(&card.config) {
        let values = source.read(&spec)?;
        if values.len() != spec.elements() {
            let found = vec![values.len()];
            return Err(Error::Shape { name: spec.name, found, expected: spec.shape }.into());
        }
        for (chunk, values) in values.chunks(CHUNK).enumerate() {
            bytes.clear();
            dtype.encode(values, &mut bytes).map_err(|(index, value)| Error::NotFinite {
                name: spec.name.clone(),
                index: chunk * CHUNK + index,
                value,
            })?;
            out.write_all(&bytes).map_err(&io)?;
            size += bytes.len() as u64;
        }
    }
    if card.tokenizer.vocabulary != Vocabulary::Clip {
        let vocabulary = source.vocabulary();
        if Vocabulary::stored(vocabulary) != card.tokenizer.vocabulary {
            return Err(Error::OtherVocabulary.into());
        }
        out.write_all(vocabulary).map_err(&io)?;
        size += vocabulary.len() as u64;
    }
    Ok(size)
}

/// The header with other files, in the place of one of that length.
fn header_of(
    files: Vec<SourceFile>,
    card: &ModelCard,
    dtype: Dtype,
    length: usize,
) -> Result<Vec<u8>> {
    let mut card = card.clone();
    card.source.files = files;
    let header = header(&card, dtype)?;
    if header.len() == length {
        return Ok(header);
    }
    Err(Error::BadCard { reason: "its files changed while it was written".to_owned() })
}

/// Length, JSON and padding of the safetensors header.
fn header(card: &ModelCard, dtype: Dtype) -> Result<Vec<u8>> {
    let json = |value: serde_json::Result<Vec<u8>>| {
        value.map_err(|error| Error::BadCard { reason: error.to_string() })
    };
    let card_json = json(serde_json::to_vec(card))?;
    let metadata = HashMap::from([(
        CARD_KEY.to_owned(),
        String::from_utf8(card_json)
            .map_err(|error| Error::BadCard { reason: error.to_string() })?,
    )]);
    let mut offset = 0;
    let infos = tensors(&card.config).map(|spec| {
        let start = offset;
        offset += spec.elements() * dtype.size();
        let dtype = dtype.to_safetensors();
        (spec.name, TensorInfo { dtype, shape: spec.shape, data_offsets: (start, offset) })
    });
    let mut infos: Vec<_> = infos.collect();
    if let Vocabulary::Stored { bytes, .. } = card.tokenizer.vocabulary {
        let data_offsets = (offset, offset + bytes);
        let info = TensorInfo { dtype: safetensors::Dtype::U8, shape: vec![bytes], data_offsets };
        infos.push((VOCABULARY.to_owned(), info));
    }
    let header = Metadata::new(Some(metadata), infos)
        .map_err(|error| Error::BadCard { reason: error.to_string() })?;
    let mut json = json(serde_json::to_vec(&header))?;
    // Tensors start at a multiple of 8 bytes, as the format recommends.
    json.resize(json.len().next_multiple_of(8), b' ');
    let mut bytes = (json.len() as u64).to_le_bytes().to_vec();
    bytes.append(&mut json);
    Ok(bytes)
}

/// Temporary files are private to the user; what they become is an ordinary file.
#[cfg(unix)]
fn make_readable(file: &NamedTempFile) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_: &NamedTempFile) -> std::io::Result<()> {
    Ok(())
}
