//! Reading a canonical file: mapped, one tensor at a time.

use std::path::Path;

use sha2::{Digest, Sha256};

use crate::conv_stem_file::STEM_KEY;
use crate::hex::hex;
use crate::layout::TOKEN_EMBEDDING;
use crate::tensor_file::TensorFile;
use crate::write::CARD_KEY;
use crate::{Dtype, Error, ModelCard, Result, StoredTensor, TensorSpec, Tower, tensors};

/// An open canonical checkpoint. Opening reads the header only; a tensor's pages are read when
/// [`Checkpoint::read`] asks for it.
///
/// Clones share one map of the file.
#[derive(Debug, Clone)]
pub struct Checkpoint {
    file: TensorFile,
    card: ModelCard,
}

impl Checkpoint {
    /// Maps the file and checks that its header, its card and the names, shapes and number formats
    /// of all tensors fit together, and that the merges of a model that has its own are whole. The weights
    /// themselves are not touched.
    ///
    /// # Errors
    ///
    /// [`Error::Io`] where the file cannot be opened, otherwise what is wrong with it.
    pub fn open(path: &Path) -> Result<Self> {
        Self::of(TensorFile::open(path)?)
    }

    /// Reads a checkpoint compiled into the program, without copying it. `origin` names it in errors.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::open`].
    pub fn embedded(bytes: &'static [u8], origin: &str) -> Result<Self> {
        Self::of(TensorFile::embedded(bytes, origin)?)
    }

    fn of(file: TensorFile) -> Result<Self> {
        let Some(json) = file.metadata(CARD_KEY) else {
            let origin = file.origin().to_owned();
            return Err(match file.metadata(STEM_KEY) {
                Some(_) => Error::StemAlone { origin },
                None => {
                    let found = "a safetensors file without a model card";
                    Error::NotCanonical { origin, found }
                }
            });
        };
        let card = ModelCard::from_json(json)?;
        file.check_layout(tensors(&card.config), &card.tokenizer.vocabulary)?;
        if let Some(vocabulary) = file.vocabulary() {
            card.tokenizer.check_merges(vocabulary, card.config.text.vocab_size)?;
        }
        Ok(Self { file, card })
    }

    /// Everything about the checkpoint that is not a tensor.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// Size of the file in bytes.
    pub fn size(&self) -> usize {
        self.file.size()
    }

    /// Number format of the file: that of the picture tower.
    pub fn dtype(&self) -> Dtype {
        self.dtype_of(Tower::Vision)
    }

    /// Number format of a tower: that of its matrices, of blocks or convolutions. Of a file in 8 bits that
    /// an earlier version wrote, the text tower and the heads are in [`Dtype::F16`].
    pub fn dtype_of(&self, tower: Tower) -> Dtype {
        let matrix = self.tower(tower).find(TensorSpec::tells_format);
        matrix.and_then(|spec| self.stored(&spec.name)).map_or(Dtype::F32, |tensor| tensor.dtype)
    }

    /// Identifies the vectors that the model makes, in hexadecimal: SHA-256 over the architecture,
    /// the preparation of inputs, the hashes of the source files and the number format. Name,
    /// license and converter do not count. Known without reading the weights.
    pub fn fingerprint(&self) -> String {
        let ModelCard { card_version, config, preprocess, tokenizer, source, .. } = &self.card;
        let sources: Vec<&str> = source.files.iter().map(|file| file.sha256.as_str()).collect();
        // Files in 8 bits once had the token embedding in f16, and before that the text tower; they keep
        // their fingerprints.
        let tokens = self.stored(TOKEN_EMBEDDING).map(|tensor| tensor.dtype);
        let formats = match (self.dtype(), self.dtype_of(Tower::Text), tokens) {
            (vision, text, Some(Dtype::Int8)) => serde_json::json!([vision, text, Dtype::Int8]),
            (vision, text @ Dtype::Int8, _) => serde_json::json!([vision, text]),
            (vision, ..) => serde_json::json!(vision),
        };
        let identity = (card_version, config, preprocess, tokenizer, sources, formats);
        let json = serde_json::to_vec(&identity).unwrap_or_default();
        hex(&Sha256::digest(json))
    }

    /// The vocabulary that the checkpoint carries ([`crate::Subwords`]); `None` for CLIP's own
    /// ([`Vocabulary::Clip`]).
    pub fn vocabulary(&self) -> Option<&[u8]> {
        self.file.vocabulary()
    }

    /// The tensor as it lies in the file; `None` for a name the model does not have.
    pub fn stored(&self, name: &str) -> Option<StoredTensor<'_>> {
        self.file.stored(name)
    }

    /// The tensor's values as `f32`, row-major.
    ///
    /// # Errors
    ///
    /// As [`Checkpoint::check`].
    pub fn read(&self, name: &str) -> Result<Vec<f32>> {
        self.file.read(name)
    }

    /// Some rows of a matrix, in the order asked for, as `f32`. Nothing else of it is read, nor checked:
    /// see [`Checkpoint::check`].
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] for a name the model does not have.
    ///
    /// # Panics
    ///
    /// Where the matrix has fewer rows.
    pub fn read_rows(&self, name: &str, rows: &[usize]) -> Result<Vec<f32>> {
        self.file.read_rows(name, rows)
    }

    /// Looks at all values of a tensor.
    ///
    /// # Errors
    ///
    /// [`Error::Missing`] for a name the model does not have, [`Error::NotFinite`] where a value is
    /// NaN or infinite, or a scale makes such.
    pub fn check(&self, name: &str) -> Result<()> {
        self.file.check(name)
    }

    /// Names and shapes of the tensors of one half.
    pub fn tower(&self, tower: Tower) -> impl Iterator<Item = TensorSpec> {
        tensors(&self.card.config).filter(move |spec| spec.tower == tower)
    }
}
