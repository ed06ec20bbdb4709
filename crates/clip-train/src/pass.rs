//! Loss and gradients of one batch.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::{Gradients, Int, Tensor, s};

use crate::LossKind;
use crate::learner::{Inputs, Learner, TranslationInputs};
use crate::parameters::{self, Named, Tape};

/// Loss of a batch, and the gradient of everything in it that is trained.
#[derive(Debug)]
pub struct Pass {
    /// The loss.
    pub loss: f32,
    /// Gradients of the parameters by name.
    pub gradients: Named,
}

impl Pass {
    /// Loss and gradients of a batch; in parts of at most `chunk` rows where the batch is larger,
    /// with the negatives of the whole batch all the same.
    ///
    /// In parts, the towers run twice (GradCache, Gao et al. 2021, arXiv:2101.06983): once without
    /// a tape for the unit vectors of all rows, whose gradients the loss gives; then part by part
    /// with a tape, to carry those gradients on to the parameters. Memory is that of one part.
    ///
    /// The loss of translations needs no other row: it is a pass of its own, whose loss and gradients are
    /// added.
    pub fn new(learner: &Learner, kind: LossKind, mut inputs: Inputs, chunk: usize) -> Self {
        let translations = inputs.translations.take();
        let rows = inputs.images.rows().max(inputs.texts.dims()[0]);
        let mut pass = match chunk > 0 && rows > chunk {
            true => Self::in_parts(learner, kind, inputs, chunk),
            false => Self::whole(learner, kind, inputs),
        };
        if let Some(translations) = translations {
            pass.add_translations(learner, &translations, chunk);
        }
        pass
    }

    fn add_translations(&mut self, learner: &Learner, inputs: &TranslationInputs, chunk: usize) {
        let (quiet, tape) = (learner.valid(), tape(learner));
        let [count, _] = inputs.texts.dims();
        let rows_of = |ids: &Tensor<2, Int>, rows| ids.clone().slice(s![rows, ..]);
        for rows in parts(count, if chunk > 0 { chunk } else { count }) {
            let texts = rows_of(&inputs.texts, rows.clone()).without_autodiff();
            let texts = tape.put(quiet.embed_texts(texts));
            let translations = learner.embed_texts(rows_of(&inputs.translations, rows.clone()));
            let distances = (texts * translations).sum().neg() + rows.len() as f64;
            let loss = distances * (inputs.weight / count as f64);
            let mut gradients = loss.backward();
            self.loss += loss.into_scalar::<f32>();
            parameters::add(&mut self.gradients, parameters::gradients(learner, &mut gradients));
        }
    }

    fn whole(learner: &Learner, kind: LossKind, inputs: Inputs) -> Self {
        let Inputs { images, texts, matches, .. } = inputs;
        let images = learner.embed_images(images);
        let texts = learner.embed_texts(texts);
        let loss = learner.loss(kind, images, texts, matches);
        let mut gradients = loss.backward();
        let gradients = parameters::gradients(learner, &mut gradients);
        Self { loss: loss.into_scalar(), gradients }
    }

    fn in_parts(learner: &Learner, kind: LossKind, inputs: Inputs, chunk: usize) -> Self {
        let Inputs { images, texts, matches, .. } = inputs;
        let quiet = learner.valid();
        let tape = tape(learner);
        let leaf = |vectors| tape.put(Tensor::cat(vectors, 0)).require_grad();
        let image_vectors: Tensor<2> = leaf(
            parts(images.rows(), chunk)
                .map(|rows| quiet.embed_images(images.slice(rows).without_autodiff()))
                .collect(),
        );
        let text_vectors: Tensor<2> = leaf(
            parts(texts.dims()[0], chunk)
                .map(|rows| quiet.embed_texts(texts.clone().slice(s![rows, ..]).without_autodiff()))
                .collect(),
        );
        let loss = learner.loss(kind, image_vectors.clone(), text_vectors.clone(), matches);
        let mut gradients = loss.backward();
        let [image_slope, text_slope] =
            [image_vectors, text_vectors].map(|leaf| tape.put(gradient(&leaf, &mut gradients)));
        // Scale and bias have their gradients from here; the towers from the parts.
        let mut total = parameters::gradients(learner, &mut gradients);
        // The gradient of the sum of products is the slope carried back: the chain rule.
        let slope = |of: &Tensor<2>, rows: Range<usize>| of.clone().slice(s![rows, ..]);
        for rows in parts(images.rows(), chunk) {
            let vectors = learner.embed_images(images.slice(rows.clone()));
            let mut gradients = (vectors * slope(&image_slope, rows)).sum().backward();
            parameters::add(&mut total, parameters::gradients(learner, &mut gradients));
        }
        for rows in parts(texts.dims()[0], chunk) {
            let vectors = learner.embed_texts(texts.clone().slice(s![rows.clone(), ..]));
            let mut gradients = (vectors * slope(&text_slope, rows)).sum().backward();
            parameters::add(&mut total, parameters::gradients(learner, &mut gradients));
        }
        Self { loss: loss.into_scalar(), gradients: total }
    }
}

fn tape(learner: &Learner) -> Tape {
    Tape::of(&learner.clip.logits.log_scale.val()).expect("a learner on a tape")
}

fn gradient(leaf: &Tensor<2>, gradients: &mut Gradients) -> Tensor<2> {
    leaf.grad_remove(gradients).expect("a leaf of the loss")
}

/// Rows that go together, `chunk` of `rows` at a time.
fn parts(rows: usize, chunk: usize) -> impl Iterator<Item = Range<usize>> {
    (0..rows).step_by(chunk).map(move |start| start..(start + chunk).min(rows))
}
