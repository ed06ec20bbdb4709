//! The texts and vectors that a text tower learns.

use std::collections::HashMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors};

use crate::{Error, Result};

/// Texts, each with a unit vector and a weight.
///
/// They come from a safetensors file with tensors
/// - `texts`: U8, the texts in UTF-8, one a line,
/// - `vectors`: F32 `[N, E]`, one of any length other than 0 for each text,
/// - `weights`: F32 `[N]`, how often each text was drawn where the vectors were learned; it may be
///   missing.
#[derive(Debug, Clone, PartialEq)]
pub struct Teacher {
    texts: Vec<String>,
    vectors: Vec<f32>,
    width: usize,
    weights: Option<Vec<f32>>,
}

impl Teacher {
    /// Reads a file.
    ///
    /// # Errors
    ///
    /// [`Error::Teacher`] where it is missing, damaged, empty or contradicts itself.
    pub fn open(path: &Path) -> Result<Self> {
        let refused = |reason| Error::Teacher { path: path.to_owned(), reason };
        let bytes = std::fs::read(path).map_err(|error| {
            refused(format!("{error}; make it with the run that learns the vectors"))
        })?;
        Self::parse(&bytes).map_err(refused)
    }

    fn parse(bytes: &[u8]) -> std::result::Result<Self, String> {
        let file = SafeTensors::deserialize(bytes)
            .map_err(|error| format!("it is not a safetensors file ({error})"))?;
        let tensor = |name, dtype| match file.tensor(name) {
            Ok(view) if view.dtype() == dtype => Ok(view),
            Ok(view) => Err(format!("its tensor `{name}` is {:?} and not {dtype:?}", view.dtype())),
            Err(_) => Err(format!("it has no tensor `{name}`")),
        };
        let lines = tensor("texts", Dtype::U8)?;
        let lines = str::from_utf8(lines.data()).map_err(|_| "its texts are not UTF-8")?;
        let texts: Vec<String> = lines.lines().map(str::to_owned).collect();
        let vectors = tensor("vectors", Dtype::F32)?;
        let (rows, width) = match vectors.shape() {
            [rows, width] => (*rows, *width),
            shape => return Err(format!("its vectors are {shape:?} and not [texts, width]")),
        };
        if texts.is_empty() || width == 0 {
            return Err("it holds no texts".to_owned());
        }
        if rows != texts.len() {
            return Err(format!("it has {} texts and {rows} vectors", texts.len()));
        }
        let mut seen = HashMap::new();
        for (line, text) in (1..).zip(&texts) {
            if text.trim().is_empty() {
                return Err(format!("text {line} is empty"));
            }
            if let Some(first) = seen.insert(text, line) {
                return Err(format!("texts {first} and {line} are both \"{text}\""));
            }
        }
        let mut vectors = floats(vectors.data());
        for (row, text) in vectors.chunks_exact_mut(width).zip(&texts) {
            let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
            if !(length > 0.0 && length.is_finite()) {
                return Err(format!("the vector of \"{text}\" has the length {length}"));
            }
            row.iter_mut().for_each(|value| *value /= length);
        }
        let weights = match file.tensor("weights") {
            Ok(_) => Some(floats(tensor("weights", Dtype::F32)?.data())),
            Err(_) => None,
        };
        if let Some(weights) = &weights {
            if weights.len() != texts.len() {
                return Err(format!("it has {} texts and {} weights", texts.len(), weights.len()));
            }
            let bad = weights.iter().position(|weight| !(*weight >= 0.0 && weight.is_finite()));
            if let Some(bad) = bad {
                return Err(format!("the weight of \"{}\" is {}", texts[bad], weights[bad]));
            }
            if weights.iter().all(|weight| *weight == 0.0) {
                return Err("all its weights are 0".to_owned());
            }
        }
        Ok(Self { texts, vectors, width, weights })
    }

    /// The texts.
    pub fn texts(&self) -> &[String] {
        &self.texts
    }

    /// Their unit vectors, one after the other.
    pub fn vectors(&self) -> &[f32] {
        &self.vectors
    }

    /// Width of a vector.
    pub fn width(&self) -> usize {
        self.width
    }

    /// How often each text is drawn, with the exponent of [`super::TeacherConfig::weight_exponent`].
    pub(super) fn frequencies(&self, exponent: f64) -> Vec<f64> {
        match &self.weights {
            None => vec![1.0; self.texts.len()],
            // What was never drawn is not drawn for an exponent of 0 either.
            Some(weights) => weights
                .iter()
                .map(|weight| if *weight > 0.0 { f64::from(*weight).powf(exponent) } else { 0.0 })
                .collect(),
        }
    }
}

fn floats(bytes: &[u8]) -> Vec<f32> {
    bytes.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()
}
