//! Writing a canonical file: streamed, beside the target, renamed when whole.

use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::Path;

use safetensors::tensor::{Metadata, TensorInfo};
use serde::Serialize;
use tempfile::NamedTempFile;

use crate::dtype::ScaleAxis;
use crate::{Dtype, Error, ModelCard, Result, Source, SourceFile, TensorSpec, Vocabulary, tensors};

/// Key of the card in the header's metadata.
pub(crate) const CARD_KEY: &str = "clip_card";

/// Name of the bytes of a vocabulary, after all tensors.
pub(crate) const VOCABULARY: &str = "vocabulary";

/// Values that are encoded at once: their bytes are still in the cache when they are written.
const CHUNK: usize = 1 << 14;

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
    write_file(path, card, dtype, source)
}

/// What a file says about its tensors.
pub(crate) trait Card: Clone + Serialize {
    /// Key in the header's metadata.
    const KEY: &'static str;

    /// As [`ModelCard::validate`].
    fn validate(&self) -> Result<()>;

    /// The tensors that it calls for, in the order of the file.
    fn tensors(&self) -> Vec<TensorSpec>;

    fn vocabulary(&self) -> &Vocabulary;

    fn source_mut(&mut self) -> &mut Source;
}

impl Card for ModelCard {
    const KEY: &'static str = CARD_KEY;

    fn validate(&self) -> Result<()> {
        self.validate()
    }

    fn tensors(&self) -> Vec<TensorSpec> {
        tensors(&self.config).collect()
    }

    fn vocabulary(&self) -> &Vocabulary {
        &self.tokenizer.vocabulary
    }

    fn source_mut(&mut self) -> &mut Source {
        &mut self.source
    }
}

/// As [`write`], of any card.
pub(crate) fn write_file<C: Card, S: TensorSource>(
    path: &Path,
    card: &C,
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
    card: &impl Card,
    dtype: Dtype,
    source: &mut S,
    io: impl Fn(std::io::Error) -> S::Error,
) -> std::result::Result<u64, S::Error> {
    let mut size = 0;
    let mut write = |dtype: Dtype, values: &[f32]| {
        let mut bytes = Vec::with_capacity(CHUNK * dtype.size());
        for values in values.chunks(CHUNK) {
            bytes.clear();
            dtype.encode(values, &mut bytes);
            out.write_all(&bytes).map_err(&io)?;
            size += bytes.len() as u64;
        }
        Ok::<_, S::Error>(())
    };
    for spec in card.tensors() {
        let mut values = source.read(&spec)?;
        if values.len() != spec.elements() {
            let found = vec![values.len()];
            return Err(Error::Shape { name: spec.name, found, expected: spec.shape }.into());
        }
        let format = spec.format(dtype);
        if let Some((index, value)) = format.find_not_held(&values) {
            return Err(Error::NotFinite { name: spec.name, index, value }.into());
        }
        match (format, spec.scales()) {
            (Dtype::Int8, Some((_, count))) => {
                let axis = ScaleAxis::of(&spec.name);
                let scales = axis.scales(&values, count);
                axis.apply(&mut values, &scales, |value, scale| *value /= scale);
                write(Dtype::Int8, &values)?;
                write(Dtype::F32, &scales)?;
            }
            _ => write(format, &values)?,
        }
    }
    if *card.vocabulary() != Vocabulary::Clip {
        let vocabulary = source.vocabulary();
        if Vocabulary::stored(vocabulary) != *card.vocabulary() {
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
    card: &impl Card,
    dtype: Dtype,
    length: usize,
) -> Result<Vec<u8>> {
    let mut card = card.clone();
    card.source_mut().files = files;
    let header = header(&card, dtype)?;
    if header.len() == length {
        return Ok(header);
    }
    Err(Error::BadCard { reason: "its files changed while it was written".to_owned() })
}

/// Length, JSON and padding of the safetensors header.
fn header<C: Card>(card: &C, dtype: Dtype) -> Result<Vec<u8>> {
    let json = |value: serde_json::Result<Vec<u8>>| {
        value.map_err(|error| Error::BadCard { reason: error.to_string() })
    };
    let card_json = json(serde_json::to_vec(card))?;
    let metadata = HashMap::from([(
        C::KEY.to_owned(),
        String::from_utf8(card_json)
            .map_err(|error| Error::BadCard { reason: error.to_string() })?,
    )]);
    let mut infos: Vec<(String, TensorInfo)> = Vec::new();
    let mut offset = 0;
    let mut add = |name: String, dtype: safetensors::Dtype, shape: Vec<usize>| {
        let start = offset;
        offset += shape.iter().product::<usize>() * dtype.bitsize() / 8;
        infos.push((name, TensorInfo { dtype, shape, data_offsets: (start, offset) }));
    };
    for spec in card.tensors() {
        let (format, scales) = (spec.format(dtype), spec.scales());
        add(spec.name, format.to_safetensors(), spec.shape);
        if let (Dtype::Int8, Some((name, count))) = (format, scales) {
            add(name, safetensors::Dtype::F32, vec![count]);
        }
    }
    if let Vocabulary::Stored { bytes, .. } = *card.vocabulary() {
        add(VOCABULARY.to_owned(), safetensors::Dtype::U8, vec![bytes]);
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
