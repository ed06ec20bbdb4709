//! The one type most programs need.

use std::fmt;
use std::path::Path;
use std::sync::OnceLock;

use clip_checkpoint::{Checkpoint, ModelCard, Probability};
use clip_model::{
    Device, InferenceImageEncoder, InferenceTextEncoder, Tensor, float_tensor, int_tensor,
    normalize,
};
use clip_preprocess::{ColorManagement, Picture, Preprocessor, ReadOptions, RgbImage};
use clip_tokenizer::{Overflow, Tokenizer};
use rayon::prelude::*;

use crate::{Embedding, Error, Result};

mod prepared;
mod stream;

pub use prepared::{PreparedImage, TokenizedText};
pub use stream::Streamed;

/// How many pictures or texts run through a tower at once: enough to fill a CPU's caches and
/// cores, few enough for a small GPU.
const BATCH: usize = 32;

/// Turns pictures and texts into unit vectors with one checkpoint on one device.
pub struct Embedder {
    checkpoint: Checkpoint,
    device: Device,
    preprocessor: Preprocessor,
    tokenizer: OnceLock<Tokenizer>,
    image: OnceLock<InferenceImageEncoder>,
    text: OnceLock<InferenceTextEncoder>,
    batch: usize,
    overflow: Overflow,
}

impl fmt::Debug for Embedder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Embedder")
            .field("model", &self.card().name)
            .field("device", &self.device)
            .field("batch", &self.batch)
            .finish_non_exhaustive()
    }
}

impl Embedder {
    /// Opens a canonical checkpoint file. Its weights are read when they are first needed.
    ///
    /// # Errors
    ///
    /// [`Error::Checkpoint`] where the file is missing, damaged or of another kind.
    pub fn open(path: &Path, device: &Device) -> Result<Self> {
        Self::new(Checkpoint::open(path)?, device)
    }

    /// The small model compiled into the program, for use without any file.
    ///
    /// # Errors
    ///
    /// None in a program that was built from whole files.
    #[cfg(feature = "embedded-model")]
    pub fn embedded(device: &Device) -> Result<Self> {
        Self::new(embedded_checkpoint()?, device)
    }

    /// Uses an open checkpoint.
    ///
    /// # Errors
    ///
    /// [`Error::Picture`] where the checkpoint asks for a preprocessing that cannot be done.
    pub fn new(checkpoint: Checkpoint, device: &Device) -> Result<Self> {
        Ok(Self {
            preprocessor: Preprocessor::new(&checkpoint.card().preprocess)?,
            checkpoint,
            device: device.clone(),
            tokenizer: OnceLock::new(),
            image: OnceLock::new(),
            text: OnceLock::new(),
            batch: BATCH,
            overflow: Overflow::Error,
        })
    }

    /// Sets how many pictures or texts run through a tower at once; 0 counts as 1.
    #[must_use]
    pub fn with_batch_size(mut self, batch: usize) -> Self {
        self.batch = batch.max(1);
        self
    }

    /// How many pictures or texts run through a tower at once.
    pub fn batch_size(&self) -> usize {
        self.batch
    }

    /// Sets what happens to texts that are longer than the model's context.
    #[must_use]
    pub fn with_overflow(mut self, overflow: Overflow) -> Self {
        self.overflow = overflow;
        self
    }

    /// Everything about the model that is not a tensor.
    pub fn card(&self) -> &ModelCard {
        self.checkpoint.card()
    }

    /// The open checkpoint.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// The device that computes.
    pub fn device(&self) -> &Device {
        &self.device
    }

    /// The unit vector of one text.
    ///
    /// # Errors
    ///
    /// As [`Embedder::texts`].
    pub fn text(&self, text: &str) -> Result<Embedding> {
        only(self.texts(&[text])?)
    }

    /// The unit vectors of texts, in their order.
    ///
    /// # Errors
    ///
    /// [`Error::EmptyText`], [`Error::Text`] where a text is longer than the context (see
    /// [`Embedder::with_overflow`]), [`Error::UnknownToken`], [`Error::Model`] where the weights are damaged.
    pub fn texts<T: AsRef<str>>(&self, texts: &[T]) -> Result<Vec<Embedding>> {
        self.encode_tokens(
            &texts.iter().map(|text| self.tokenize(text.as_ref())).collect::<Result<Vec<_>>>()?,
        )
    }

    /// The unit vectors of token ids.
    fn tokens(&self, mut ids: Vec<Vec<u32>>) -> Result<Vec<Embedding>> {
        let tokenizer = self.tokenizer()?;
        // A batch is as long as its longest text where the model allows, so texts of like length run
        // together.
        let mut order: Vec<usize> = (0..ids.len()).collect();
        order.sort_by_key(|&i| ids[i].len());
        let mut embeddings = vec![None; ids.len()];
        for batch in order.chunks(self.batch) {
            let rows: Vec<Vec<u32>> = batch.iter().map(|&i| std::mem::take(&mut ids[i])).collect();
            let padded = tokenizer.pad(&rows);
            let ids = int_tensor(&padded.ids, [padded.rows, padded.length], &self.device);
            for (&i, embedding) in batch.iter().zip(self.rows(self.text_encoder()?.forward(ids))?) {
                embeddings[i] = Some(embedding);
            }
        }
        Ok(embeddings.into_iter().flatten().collect())
    }

    /// The unit vector of one decoded picture.
    ///
    /// # Errors
    ///
    /// As [`Embedder::pictures`].
    pub fn picture(&self, picture: &RgbImage) -> Result<Embedding> {
        only(self.pictures(std::slice::from_ref(picture))?)
    }

    /// The unit vector of what [`Picture::decode`] or [`Picture::read`] made with the options of
    /// [`Embedder::reading`]: the same, to the bit, as of the file that the bytes are of.
    ///
    /// # Errors
    ///
    /// As [`Embedder::pictures`].
    pub fn encode_image(&self, image: &Picture) -> Result<Embedding> {
        only(self.pixels(&[self.preprocessor.picture_pixels(image)])?)
    }

    /// The unit vectors of decoded pictures, in their order.
    ///
    /// # Errors
    ///
    /// [`Error::Model`] where the weights are damaged.
    pub fn pictures(&self, pictures: &[RgbImage]) -> Result<Vec<Embedding>> {
        let pixels: Vec<_> =
            pictures.par_iter().map(|picture| self.preprocessor.pixels(picture)).collect();
        self.pixels(&pixels)
    }

    /// The unit vector of a picture file, turned upright, in the colors of sRGB and with transparency
    /// on white.
    ///
    /// # Errors
    ///
    /// [`Error::Picture`] where the file cannot be read, otherwise as [`Embedder::pictures`].
    pub fn file(&self, path: &Path) -> Result<Embedding> {
        let options = ReadOptions { color: ColorManagement::ToSrgb, ..ReadOptions::default() };
        self.picture(&clip_preprocess::read(path, &options)?)
    }

    /// The direction in which the weighted terms point together; a negative weight pushes away.
    ///
    /// # Errors
    ///
    /// [`Error::NothingLeft`] where the terms cancel out or there are none.
    pub fn combine(&self, terms: &[(f32, &Embedding)]) -> Result<Embedding> {
        let width = self.card().config.embed_dim;
        let mut sum = vec![0.0; width];
        for (weight, term) in terms {
            for (sum, component) in sum.iter_mut().zip(term.as_slice()) {
                *sum += weight * component;
            }
        }
        // What rounding leaves of terms that cancel has no direction.
        let largest = terms.iter().map(|(weight, _)| weight.abs()).fold(0.0, f32::max);
        if sum.iter().all(|component| component.abs() <= 1e-6 * largest) {
            return Err(Error::NothingLeft);
        }
        only(self.rows(normalize(float_tensor(sum, [1, width], &self.device)))?)
    }

    /// What cosine similarities are multiplied with to become logits.
    ///
    /// # Errors
    ///
    /// [`Error::Checkpoint`] where the weights are damaged.
    pub fn logit_scale(&self) -> Result<f32> {
        Ok(self.checkpoint.read("logit_scale")?.iter().sum::<f32>().exp())
    }

    /// What is added to the scaled similarities: SigLIP's bias, 0 for CLIP.
    ///
    /// # Errors
    ///
    /// [`Error::Checkpoint`] where the weights are damaged.
    pub fn logit_bias(&self) -> Result<f32> {
        match self.card().config.probability {
            Probability::Softmax => Ok(0.0),
            Probability::Sigmoid => Ok(self.checkpoint.read("logit_bias")?.iter().sum()),
        }
    }

    fn pixels<P: AsRef<[f32]>>(&self, pictures: &[P]) -> Result<Vec<Embedding>> {
        let size = self.card().config.vision.image_size;
        let mut embeddings = Vec::with_capacity(pictures.len());
        for batch in pictures.chunks(self.batch) {
            let pixels = batch.iter().map(AsRef::as_ref).collect::<Vec<_>>().concat();
            let pixels = float_tensor(pixels, [batch.len(), 3, size, size], &self.device);
            embeddings.extend(self.rows(self.image_encoder()?.forward(pixels))?);
        }
        Ok(embeddings)
    }

    fn rows(&self, vectors: Tensor<2>) -> Result<Vec<Embedding>> {
        let [_, width] = vectors.dims();
        let failed = |reason: String| Error::Device { reason };
        let data = vectors.try_into_data().map_err(|error| failed(format!("{error:?}")))?;
        let values: Vec<f32> = data.try_to_vec().map_err(|error| failed(format!("{error:?}")))?;
        Ok(values.chunks_exact(width).map(|row| Embedding(row.to_vec())).collect())
    }

    fn tokenizer(&self) -> Result<&Tokenizer> {
        let (card, vocabulary) = (self.card(), self.checkpoint.vocabulary());
        get_or_try_init(&self.tokenizer, || {
            Ok(Tokenizer::new(&card.tokenizer, card.config.text.context_length, vocabulary)?)
        })
    }

    fn text_encoder(&self) -> Result<&InferenceTextEncoder> {
        get_or_try_init(&self.text, || {
            Ok(InferenceTextEncoder::load(&self.checkpoint, &self.device)?)
        })
    }

    fn image_encoder(&self) -> Result<&InferenceImageEncoder> {
        get_or_try_init(&self.image, || {
            Ok(InferenceImageEncoder::load(&self.checkpoint, &self.device)?)
        })
    }
}

/// The checkpoint compiled into the program.
///
/// # Errors
///
/// None in a program that was built from whole files.
#[cfg(feature = "embedded-model")]
pub fn embedded_checkpoint() -> Result<Checkpoint> {
    Ok(Checkpoint::embedded(clip_builtin_model::CHECKPOINT, "the embedded model")?)
}

/// `OnceLock::get_or_try_init` is not stable yet. Two threads may load at once; one load is kept.
fn get_or_try_init<T>(cell: &OnceLock<T>, init: impl FnOnce() -> Result<T>) -> Result<&T> {
    match cell.get() {
        Some(value) => Ok(value),
        None => {
            let value = init()?;
            Ok(cell.get_or_init(|| value))
        }
    }
}

/// Programs share one among their threads.
const _: fn() = || {
    fn check<T: Send + Sync>() {}
    check::<Embedder>();
};

fn only(mut embeddings: Vec<Embedding>) -> Result<Embedding> {
    embeddings.pop().ok_or(Error::EmptyText)
}
