//! A lookup table of texts: one vector a string, trained itself in the place of a text tower.
//!
//! It learns in minutes what a tower takes hours for, and shows how far the images alone can go. A text
//! tower is then trained towards the table, which is written as a file of its own.

mod config;

use std::io::Write;
use std::path::Path;

use burn::tensor::{Device, Distribution, Tensor, TensorData};
use safetensors::serialize;
use safetensors::tensor::{Dtype, TensorView};

use crate::optimizer::rows;
use crate::parameters::host;
use crate::texts::Texts;
use crate::{Error, Result, State};

pub use config::TextVectorConfig;

/// Where the vectors are among the parameters of a state.
const NAME: &str = "text_vectors";

/// The table and its optimizer: Adam on the rows of a batch alone.
#[derive(Debug, Clone)]
pub struct TextVectors {
    config: TextVectorConfig,
    width: usize,
    texts: Vec<String>,
    /// `[N, width]`, of any length.
    vectors: Vec<f32>,
    moments: [Vec<f32>; 2],
}

impl TextVectors {
    /// Random vectors of about unit length, drawn from the device.
    pub(crate) fn new(
        config: &TextVectorConfig,
        texts: &Texts,
        width: usize,
        device: &Device,
    ) -> Self {
        let std = (width as f64).powf(-0.5);
        let shape = [texts.list().len() * width];
        let drawn = Tensor::<1>::random(shape, Distribution::Normal(0.0, std), device);
        Self {
            config: config.clone(),
            width,
            texts: texts.list().to_vec(),
            vectors: host(drawn),
            moments: [vec![0.0; shape[0]], vec![0.0; shape[0]]],
        }
    }

    /// The vector of a text by its number, not normalized.
    pub(crate) fn row(&self, number: u32) -> &[f32] {
        &self.vectors[number as usize * self.width..][..self.width]
    }

    /// The vectors of some texts: `[T, width]`.
    pub(crate) fn rows(&self, numbers: &[u32], device: &Device) -> Tensor<2> {
        let values: Vec<f32> =
            numbers.iter().flat_map(|number| self.row(*number)).copied().collect();
        Tensor::from_data(TensorData::new(values, [numbers.len(), self.width]), device)
    }

    /// Moves the vectors of some texts, each there once, along their gradients; `share` is that of the
    /// highest learning rate.
    pub(crate) fn step(&mut self, numbers: &[u32], gradients: Tensor<2>, share: f64) {
        let rate = (self.config.learning_rate * share) as f32;
        let betas = self.config.betas.map(|beta| beta as f32);
        let gradients = host(gradients.flatten(0, 1));
        let [first, second] = &mut self.moments;
        for (number, gradients) in numbers.iter().zip(gradients.chunks_exact(self.width)) {
            let row = *number as usize * self.width..(*number as usize + 1) * self.width;
            let moments = [&mut first[row.clone()], &mut second[row.clone()]];
            rows::step(&mut self.vectors[row], moments, gradients, rate, betas);
        }
    }

    /// The unit vector that stands for a text in validation: its own; where it is not in the table, that
    /// of its singular, of its last words, or the mean of those of its words, or of all.
    pub(crate) fn find(&self, texts: &Texts, text: &str) -> Vec<f32> {
        let known = |text: &str| {
            let singular = [text.strip_suffix('s'), text.strip_suffix("es")];
            let mut forms = std::iter::once(text).chain(singular.into_iter().flatten());
            forms.find_map(|form| texts.number(form))
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let mut endings = (0..words.len()).map(|first| words[first..].join(" "));
        if let Some(number) = endings.find_map(|ending| known(&ending)) {
            return self.unit(number);
        }
        let of_words: Vec<u32> = words.iter().filter_map(|word| known(word)).collect();
        let all = || (0..self.texts.len() as u32).collect();
        let mut sum = vec![0.0; self.width];
        for number in if of_words.is_empty() { all() } else { of_words } {
            sum.iter_mut().zip(self.unit(number)).for_each(|(sum, value)| *sum += value);
        }
        unit(sum)
    }

    /// The vector of a text with length 1.
    pub(crate) fn unit(&self, number: u32) -> Vec<f32> {
        unit(self.row(number).to_vec())
    }

    /// Writes unit vectors and texts as safetensors: `vectors` `[N, E]` in f32, and `texts`, UTF-8, one
    /// a line.
    ///
    /// # Errors
    ///
    /// [`Error::Save`] where the disk fails.
    pub fn save(&self, path: &Path) -> Result<()> {
        let failed = |source| Error::Save { path: path.to_owned(), source };
        let numbers = 0..self.texts.len() as u32;
        let vectors: Vec<u8> =
            numbers.flat_map(|number| self.unit(number)).flat_map(f32::to_le_bytes).collect();
        let texts = self.texts.join("\n").into_bytes();
        let shape = vec![self.texts.len(), self.width];
        let tensors = [
            ("vectors", TensorView::new(Dtype::F32, shape, &vectors).expect("rows of a width")),
            ("texts", TensorView::new(Dtype::U8, vec![texts.len()], &texts).expect("bytes")),
        ];
        let bytes = serialize(tensors, None)
            .map_err(|error| failed(std::io::Error::other(error.to_string())))?;
        clip_checkpoint::replace(path, failed, |file| file.write_all(&bytes).map_err(failed))
    }

    /// Puts vectors and moments among those of a state.
    pub(crate) fn store<C>(&self, state: &mut State<C>, device: &Device) {
        let tensor = |values: &[f32]| {
            Tensor::from_data(TensorData::new(values.to_vec(), [values.len()]), device)
        };
        state.values.insert(NAME.to_owned(), tensor(&self.vectors));
        let moments = self.moments.each_ref().map(|moment| tensor(moment));
        state.moments.insert(NAME.to_owned(), moments);
    }

    /// Takes them out of a state. Says no where they are not there or of other texts.
    pub(crate) fn restore<C>(&mut self, state: &mut State<C>) -> bool {
        let (vectors, moments) = (state.values.remove(NAME), state.moments.remove(NAME));
        let (Some(vectors), Some(moments)) = (vectors, moments) else { return false };
        let length = self.vectors.len();
        self.vectors = host(vectors);
        self.moments = moments.map(host);
        self.vectors.len() == length && self.moments.iter().all(|moment| moment.len() == length)
    }
}

/// A vector divided by its length; one of zeros stays.
pub(crate) fn unit(mut vector: Vec<f32>) -> Vec<f32> {
    let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|value| *value /= length);
    }
    vector
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use super::*;

    /// A text of which nothing is known had a vector of zeros, which no recall can be measured with.
    #[test]
    fn a_text_that_is_not_in_the_table_has_a_vector() {
        let texts = Texts::of_names(["dog", "hot dog", "tomato", "cat"]);
        let table = TextVectors::new(&TextVectorConfig::default(), &texts, 8, &Device::flex());
        let check = |text: &str, expected: &[&str]| {
            let mut sum = vec![0.0; 8];
            for name in expected {
                let vector = table.unit(texts.number(name).unwrap());
                sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
            }
            clip_testkit::assert_close(text, &table.find(&texts, text), &unit(sum), 1e-6);
        };
        check("Hot_Dog", &["hot dog"]);
        check("dogs", &["dog"]);
        check("tomatoes", &["tomato"]);
        check("a large hot dog", &["hot dog"]);
        check("dog and cat there", &["dog", "cat"]);
        check("sphinx", &["dog", "hot dog", "tomato", "cat"]);
    }
}
