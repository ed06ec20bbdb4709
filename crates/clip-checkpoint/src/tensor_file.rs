//! A safetensors file of ours: mapped, one tensor at a time.

use std::collections::BTreeSet;
use std::fs::File;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;
use safetensors::tensor::{Metadata, SafeTensors, TensorInfo};

use crate::dtype::{ScaleAxis, find_too_large};
use crate::layout::scales_of;
use crate::write::VOCABULARY;
use crate::{Dtype, Error, Result, TensorSpec, Vocabulary};

/// An open file, whatever its card describes. Clones share one map.
#[derive(Debug, Clone)]
pub(crate) struct TensorFile {
    bytes: Bytes,
    header: Metadata,
    data_start: usize,
    origin: String,
}

#[derive(Debug, Clone)]
enum Bytes {
    Mapped(Arc<Mmap>),
    Embedded(&'static [u8]),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Mapped(map) => map,
            Self::Embedded(bytes) => bytes,
        }
    }
}

/// One tensor as it lies in the file.
#[derive(Debug, Clone, Copy)]
pub struct StoredTensor<'a> {
    /// Number format of `bytes`.
    pub dtype: Dtype,
    /// Length of each axis.
    pub shape: &'a [usize],
    /// Little-endian values in row-major order.
    pub bytes: &'a [u8],
}

impl TensorFile {
    /// Maps a file and reads its header.
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let io = |action| move |source| Error::Io { action, path: path.to_owned(), source };
        let file = File::open(path).map_err(io("open"))?;
        if file.metadata().map_err(io("open"))?.is_dir() {
            let source = std::io::Error::from(std::io::ErrorKind::IsADirectory);
            return Err(io("open")(source));
        }
        #[expect(
            unsafe_code,
            reason = "mapping is the only way to load one tower without reading the other"
        )]
        // SAFETY: the map is read-only and private to this value. Checkpoints are replaced by
        // rename (see `write`), never rewritten in place; a program that truncates the file
        // while it is mapped breaks it for every reader, as with any mapped weights.
        let map = unsafe { Mmap::map(&file) }.map_err(io("map"))?;
        Self::from_bytes(Bytes::Mapped(Arc::new(map)), path.display().to_string())
    }

    /// Reads bytes that are compiled into the program, without copying them.
    pub(crate) fn embedded(bytes: &'static [u8], origin: &str) -> Result<Self> {
        Self::from_bytes(Bytes::Embedded(bytes), origin.to_owned())
    }

    fn from_bytes(bytes: Bytes, origin: String) -> Result<Self> {
        // A zip file: `torch.save` and `torch.jit.save` write such.
        if bytes.starts_with(b"PK\x03\x04") {
            return Err(Error::NotCanonical { origin, found: "an archive of PyTorch's" });
        }
        match SafeTensors::read_metadata(&bytes) {
            Ok((length, header)) => {
                Ok(Self { bytes, header, data_start: size_of::<u64>() + length, origin })
            }
            Err(error) => Err(Error::Damaged { origin, reason: error.to_string() }),
        }
    }

    /// What the file is called in errors.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// Size in bytes.
    pub(crate) fn size(&self) -> usize {
        self.bytes.len()
    }

    /// A text of the header.
    pub(crate) fn metadata(&self, key: &str) -> Option<&str> {
        self.header.metadata().as_ref()?.get(key).map(String::as_str)
    }

    /// The bytes of a vocabulary.
    pub(crate) fn vocabulary(&self) -> Option<&[u8]> {
        self.header.info(VOCABULARY).map(|info| self.bytes_of(info))
    }

    fn bytes_of(&self, info: &TensorInfo) -> &[u8] {
        let (start, end) = info.data_offsets;
        &self.bytes[self.data_start + start..self.data_start + end]
    }

    pub(crate) fn stored(&self, name: &str) -> Option<StoredTensor<'_>> {
        let info = self.header.info(name)?;
        Some(StoredTensor {
            dtype: Dtype::from_safetensors(info.dtype)?,
            shape: &info.shape,
            bytes: self.bytes_of(info),
        })
    }

    pub(crate) fn read(&self, name: &str) -> Result<Vec<f32>> {
        self.check(name)?;
        let tensor = self.tensor(name)?;
        let mut values = tensor.dtype.decode(tensor.bytes);
        if tensor.dtype == Dtype::Int8 {
            let scales = self.scales(name)?;
            let scales = scales.dtype.decode(scales.bytes);
            ScaleAxis::of(name).apply(&mut values, &scales, |value, scale| *value *= scale);
        }
        Ok(values)
    }

    pub(crate) fn read_rows(&self, name: &str, rows: &[usize]) -> Result<Vec<f32>> {
        let StoredTensor { dtype, shape, bytes } = self.tensor(name)?;
        let stride = shape.iter().skip(1).product::<usize>() * dtype.size();
        let row = |row: &usize| dtype.decode(&bytes[row * stride..][..stride]);
        let mut values: Vec<f32> = rows.iter().flat_map(row).collect();
        if dtype == Dtype::Int8 {
            let StoredTensor { dtype, bytes, .. } = self.scales(name)?;
            let axis = ScaleAxis::of(name);
            let scales = match axis {
                ScaleAxis::Columns => dtype.decode(bytes),
                ScaleAxis::Rows => {
                    let scale =
                        |row: &usize| dtype.decode(&bytes[row * dtype.size()..][..dtype.size()]);
                    rows.iter().flat_map(scale).collect()
                }
            };
            axis.apply(&mut values, &scales, |value, scale| *value *= scale);
        }
        Ok(values)
    }

    pub(crate) fn check(&self, name: &str) -> Result<()> {
        let tensor = self.tensor(name)?;
        let name = name.to_owned();
        let (name, found) = match tensor.dtype {
            // Whole numbers are finite; their scales, or the products of the two, may not be.
            Dtype::Int8 => {
                let scales = self.scales(&name)?;
                (scales_of(&name), find_too_large(&scales.dtype.decode(scales.bytes)))
            }
            dtype => (name, dtype.find_not_finite(tensor.bytes)),
        };
        match found {
            None => Ok(()),
            Some((index, value)) => Err(Error::NotFinite { name, index, value }),
        }
    }

    fn tensor(&self, name: &str) -> Result<StoredTensor<'_>> {
        let missing = || Error::Missing { names: vec![name.to_owned()] };
        self.stored(name).ok_or_else(missing)
    }

    fn scales(&self, name: &str) -> Result<StoredTensor<'_>> {
        self.tensor(&scales_of(name))
    }

    /// Checks that names, shapes and number formats are those that a card calls for.
    pub(crate) fn check_layout(
        &self,
        specs: impl IntoIterator<Item = TensorSpec>,
        vocabulary: &Vocabulary,
    ) -> Result<()> {
        let mut missing = Vec::new();
        let mut unknown: BTreeSet<String> = self.header.offset_keys().into_iter().collect();
        let mut check = |name: String, shape: Vec<usize>, takes: &dyn Fn(Dtype) -> bool| {
            unknown.remove(&name);
            let Some(info) = self.header.info(&name) else {
                missing.push(name);
                return Ok(None);
            };
            if info.shape != shape {
                return Err(Error::Shape { name, found: info.shape.clone(), expected: shape });
            }
            match Dtype::from_safetensors(info.dtype).filter(|dtype| takes(*dtype)) {
                Some(dtype) => Ok(Some(dtype)),
                None => Err(Error::Dtype { name, found: format!("{:?}", info.dtype) }),
            }
        };
        for spec in specs {
            let scales = spec.scales();
            let is_float = |dtype| dtype != Dtype::Int8;
            let takes = |dtype| is_float(dtype) || scales.is_some();
            let dtype = check(spec.name, spec.shape, &takes)?;
            if let (Some(Dtype::Int8), Some((name, count))) = (dtype, scales) {
                check(name, vec![count], &is_float)?;
            }
        }
        if let Vocabulary::Stored { bytes, .. } = *vocabulary {
            unknown.remove(VOCABULARY);
            match self.vocabulary() {
                None => missing.push(VOCABULARY.to_owned()),
                Some(found) if found.len() == bytes => {}
                Some(found) => {
                    let (name, found) = (VOCABULARY.to_owned(), vec![found.len()]);
                    return Err(Error::Shape { name, found, expected: vec![bytes] });
                }
            }
        }
        if !missing.is_empty() {
            return Err(Error::Missing { names: missing });
        }
        if !unknown.is_empty() {
            return Err(Error::Unknown { names: unknown.into_iter().collect() });
        }
        Ok(())
    }
}
