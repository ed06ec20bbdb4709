//! Reading a canonical file: mapped, one tensor at a time.

use std::collections::BTreeSet;
use std::fs::File;
use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use memmap2::Mmap;
use safetensors::tensor::{Metadata, SafeTensors, TensorInfo};
use sha2::{Digest, Sha256};

use crate::card::hex;
use crate::dtype::find_too_large;
use crate::layout::scales_of;
use crate::write::{CARD_KEY, VOCABULARY};
use crate::{Dtype, Error, ModelCard, Result, TensorSpec, Tower, Vocabulary, tensors};

/// An open canonical checkpoint. Opening reads the header only; a tensor's pages are read when
/// [`Checkpoint::read`] asks for it.
///
/// Clones share one map of the file.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    bytes: Bytes,
    header: Metadata,
    data_start: usize,
    card: ModelCard,
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

impl Checkpoint {
    /// Maps the file and checks that its header, its card and the names, shapes and number formats
    /// of all tensors fit together. The weights themselves are not touched.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the file cannot be opened, otherwise what is wrong with it.
    pub fn open(path: &Path) -> Result<Self> {
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
        Self::from_bytes(Bytes::Mapped(Arc::new(map)), &path.display().to_string())
    }

    /// Reads a checkpoint compiled into the program, without copying it. `origin` names it in errors.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::open`].
    pub fn embedded(bytes: &'static [u8], origin: &str) -> Result<Self> {
        Self::from_bytes(Bytes::Embedded(bytes), origin)
    }

    fn from_bytes(bytes: Bytes, origin: &str) -> Result<Self> {
        let origin = || origin.to_owned();
        // A zip file: `torch.save` and `torch.jit.save` write such.
        if bytes.starts_with(b"PK\x03\x04") {
            return Err(Error::NotCanonical { origin: origin(), found: "an archive of PyTorch's" });
        }
        let (header_length, header) = SafeTensors::read_metadata(&bytes)
            .map_err(|error| Error::Damaged { origin: origin(), reason: error.to_string() })?;
        let json = header.metadata().as_ref().and_then(|metadata| metadata.get(CARD_KEY));
        let foreign = || {
            let found = "a safetensors file without a model card";
            Error::NotCanonical { origin: origin(), found }
        };
        let json = json.ok_or_else(foreign)?;
        let card = ModelCard::from_json(json)?;
        let data_start = size_of::<u64>() + header_length;
        let checkpoint = Self { bytes, header, data_start, card };
        checkpoint.check_layout()?;
        Ok(checkpoint)
    }

    /// Everything about the checkpoint that is not a tensor.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// Size of the file in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// Number format of the file: that of the picture tower.
    pub fn dtype(&self) -> Dtype {
        self.dtype_of(Tower::Vision)
    }

    /// Number format of a tower: that of the matrices of its blocks. Of a file in 8 bits that an
    /// earlier version wrote, the text tower and the heads are in [`Dtype::F16`].
    pub fn dtype_of(&self, tower: Tower) -> Dtype {
        let matrix = self.tower(tower).find(TensorSpec::is_matrix);
        matrix.and_then(|spec| self.stored(&spec.name)).map_or(Dtype::F32, |tensor| tensor.dtype)
    }

    /// Identifies the vectors that the model makes, in hexadecimal: SHA-256 over the architecture,
    /// the preparation of inputs, the hashes of the source files and the number format. Name,
    /// license and converter do not count. Known without reading the weights.
    pub fn fingerprint(&self) -> String {
        let ModelCard { card_version, config, preprocess, tokenizer, source, .. } = &self.card;
        let sources: Vec<&str> = source.files.iter().map(|file| file.sha256.as_str()).collect();
        // Files in 8 bits once had the text tower in f16; they keep their fingerprints.
        let formats = match (self.dtype(), self.dtype_of(Tower::Text)) {
            (vision, text @ Dtype::Int8) => serde_json::json!([vision, text]),
            (vision, _) => serde_json::json!(vision),
        };
        let identity = (card_version, config, preprocess, tokenizer, sources, formats);
        let json = serde_json::to_vec(&identity).unwrap_or_default();
        hex(&Sha256::digest(json))
    }

    /// The vocabulary that the checkpoint carries ([`crate::Subwords`]); `None` for CLIP's own
    /// ([`Vocabulary::Clip`]).
    pub fn vocabulary(&self) -> Option<&[u8]> {
        self.header.info(VOCABULARY).map(|info| self.bytes_of(info))
    }

    fn bytes_of(&self, info: &TensorInfo) -> &[u8] {
        let (start, end) = info.data_offsets;
        &self.bytes[self.data_start + start..self.data_start + end]
    }

    /// The tensor as it lies in the file; `None` for a name the model does not have.
    pub fn stored(&self, name: &str) -> Option<StoredTensor<'_>> {
        let info = self.header.info(name)?;
        Some(StoredTensor {
            dtype: Dtype::from_safetensors(info.dtype)?,
            shape: &info.shape,
            bytes: self.bytes_of(info),
        })
    }

    /// The tensor's values as `f32`, row-major.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::check`].
    pub fn read(&self, name: &str) -> Result<Vec<f32>> {
        self.check(name)?;
        let tensor = self.tensor(name)?;
        let mut values = tensor.dtype.decode(tensor.bytes);
        if tensor.dtype == Dtype::Int8 {
            let scales = self.scales(name)?;
            let scales = scales.dtype.decode(scales.bytes);
            for row in values.chunks_exact_mut(scales.len().max(1)) {
                row.iter_mut().zip(&scales).for_each(|(value, scale)| *value *= scale);
            }
        }
        Ok(values)
    }

    /// Some rows of a matrix that is not stored in 8 bits, in the order asked for, as `f32`. Nothing
    /// else of it is read, nor checked: see [`Checkpoint::check`].
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] for a name the model does not have.
    ///
    /// # Panics
    ///
    /// Where the matrix has fewer rows.
    pub fn read_rows(&self, name: &str, rows: &[usize]) -> Result<Vec<f32>> {
        let StoredTensor { dtype, shape, bytes } = self.tensor(name)?;
        let stride = shape.iter().skip(1).product::<usize>() * dtype.size();
        let row = |row: &usize| dtype.decode(&bytes[row * stride..][..stride]);
        Ok(rows.iter().flat_map(row).collect())
    }

    /// Looks at all values of a tensor.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] for a name the model does not have, [`Error::NotFinite`] where a value is
    /// NaN or infinite, or a scale makes such.
    pub fn check(&self, name: &str) -> Result<()> {
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

    /// The scales of a matrix in 8 bits.
    fn scales(&self, name: &str) -> Result<StoredTensor<'_>> {
        self.tensor(&scales_of(name))
    }

    /// Names and shapes of the tensors of one half.
    pub fn tower(&self, tower: Tower) -> impl Iterator<Item = TensorSpec> {
        tensors(&self.card.config).filter(move |spec| spec.tower == tower)
    }

    fn check_layout(&self) -> Result<()> {
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
        for spec in tensors(&self.card.config) {
            let scales = spec.scales();
            let is_float = |dtype| dtype != Dtype::Int8;
            let takes = |dtype| is_float(dtype) || scales.is_some();
            let dtype = check(spec.name, spec.shape, &takes)?;
            if let (Some(Dtype::Int8), Some((name, columns))) = (dtype, scales) {
                check(name, vec![columns], &is_float)?;
            }
        }
        if let Vocabulary::Stored { bytes, .. } = self.card.tokenizer.vocabulary {
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
