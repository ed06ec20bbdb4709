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
        let texts = inputs.texts.iter().map(|ids| ids.dims()[0]).sum();
        let rows = inputs.images.rows().max(texts);
        let mut pass = match chunk > 0 && rows > chunk {
            true => Self::in_parts(learner, kind, inputs, chunk),
            false => Self::whole(learner, kind, inputs),
        };
        if let Some(translations) = translations {
            pass.add_translations(learner, &translations);
        }
        pass
    }

    fn add_translations(&mut self, learner: &Learner, inputs: &TranslationInputs) {
        let (quiet, tape) = (learner.valid(), tape(learner));
        let count: usize = inputs.pairs.iter().map(|[texts, _]| texts.dims()[0]).sum();
        for [texts, translations] in &inputs.pairs {
            let targets = tape.put(quiet.embed_texts(texts.clone().without_autodiff()));
            let vectors = learner.embed_texts(translations.clone());
            let distances = (targets * vectors).sum().neg() + texts.dims()[0] as f64;
            let loss = distances * (inputs.weight / count as f64);
            let mut gradients = loss.backward();
            self.loss += loss.into_scalar::<f32>();
            parameters::add(&mut self.gradients, parameters::gradients(learner, &mut gradients));
        }
    }

    fn whole(learner: &Learner, kind: LossKind, inputs: Inputs) -> Self {
        let Inputs { images, texts, matches, .. } = inputs;
        let images = learner.embed_images(images);
        let texts = texts.into_iter().map(|ids| learner.embed_texts(ids)).collect();
        let texts = Tensor::cat(texts, 0);
        let loss = learner.loss(kind, images, texts, matches);
        let mut gradients = loss.backward();
        let gradients = parameters::gradients(learner, &mut gradients);
        Self { loss: loss.into_scalar(), gradients }
    }

    fn in_parts(learner: &Learner, kind: LossKind, inputs: Inputs, chunk: usize) -> Self {
        let Inputs { images, texts, matches, .. } = inputs;
        let part = |ids: &Tensor<2, Int>, rows| ids.clone().slice(s![rows, ..]);
        let parts_of = |ids| parts(Tensor::dims(ids)[0], chunk).map(move |rows| part(ids, rows));
        let texts: Vec<Tensor<2, Int>> = texts.iter().flat_map(parts_of).collect();
        let quiet = learner.valid();
        let tape = tape(learner);
        let leaf = |vectors| tape.put(Tensor::cat(vectors, 0)).require_grad();
        let image_vectors: Tensor<2> = leaf(
            parts(images.rows(), chunk)
                .map(|rows| quiet.embed_images(images.slice(rows).without_autodiff()))
                .collect(),
        );
        let text_vectors: Tensor<2> = leaf(
            texts.iter().map(|ids| quiet.embed_texts(ids.clone().without_autodiff())).collect(),
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
        let mut start = 0;
        for ids in texts {
            let rows = start..start + ids.dims()[0];
            start = rows.end;
            let vectors = learner.embed_texts(ids);
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
