//! Recall of a model on a set of named pictures, in the course of a run.

use burn::tensor::Tensor;
use clip_data::{Dataset, Loader, fill_template};
use clip_eval::{Labeled, Matrix, Retrieval};
use clip_model::{Device, float_tensor};
use clip_tokenizer::Tokenizer;
use serde::{Deserialize, Serialize};

use crate::batch::tokens;
use crate::{Learner, Result, TextInputs};

/// Names that run through the text tower at once.
const TEXTS: usize = 256;

/// Recall of pictures by names and of names by pictures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// A sentence with a name finds a picture of that name: at 1, 5 and 10.
    pub text_to_image: [f64; 3],
    /// A picture finds its name: at 1, 5 and 10.
    pub image_to_text: [f64; 3],
}

impl Validation {
    /// Mean of both recalls at 1: by this the best checkpoint is chosen.
    pub fn score(&self) -> f64 {
        (self.text_to_image[0] + self.image_to_text[0]) / 2.0
    }

    /// Measures a model that is off the tape; every row of a name is right for it.
    ///
    /// # Errors
    ///
    /// Where a name has no token ids, or the set is empty.
    pub(crate) fn measure(
        model: &Learner,
        loader: &Loader,
        tokenizer: &Tokenizer,
        template: &str,
        device: &Device,
    ) -> Result<Self> {
        let (mut images, mut labels) = (Vec::new(), Vec::new());
        for batch in loader.in_order() {
            if batch.is_empty() {
                continue;
            }
            labels.extend(batch.groups.iter().map(|group| *group as usize));
            let size = loader.size();
            let pixels = float_tensor(batch.pixels, [batch.indices.len(), 3, size, size], device);
            images.extend(host(model.clip.image.forward(pixels)));
        }
        let mut named: Vec<usize> = labels.clone();
        named.sort_unstable();
        named.dedup();
        let dataset: &Dataset = loader.dataset();
        let sentences: Vec<String> =
            named.iter().map(|group| fill_template(template, &dataset.names()[*group])).collect();
        let mut texts = Vec::new();
        for chunk in sentences.chunks(TEXTS) {
            texts.extend(host(
                model.embed_texts(TextInputs::Ids(tokens(tokenizer, chunk, device)?)),
            ));
        }
        let width = texts.len() / named.len().max(1);
        let texts = Matrix::new("names", &texts, named.len(), width)?;
        let images = Matrix::new("pictures", &images, labels.len(), width)?;
        let found = Retrieval::new(&Labeled::new(texts, &named)?, &Labeled::new(images, &labels)?)?;
        let at = |ranks: &clip_eval::Ranks| [1, 5, 10].map(|k| ranks.recall(k));
        Ok(Self {
            text_to_image: at(&found.text_to_image),
            image_to_text: at(&found.image_to_text),
        })
    }
}

fn host(vectors: Tensor<2>) -> Vec<f32> {
    vectors.into_data().convert::<f32>().try_to_vec().expect("converted to f32")
}
