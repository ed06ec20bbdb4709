//! Loss and gradients of one batch.

use std::ops::Range;

use burn::module::Module;
use burn::tensor::{Gradients, Tensor, s};

use crate::LossKind;
use crate::learner::{Inputs, Learner, TextInputs};
use crate::parameters::{self, Named, Tape};

/// Loss of a batch, and the gradient of everything in it that is trained.
#[derive(Debug)]
pub struct Pass {
    /// The loss.
    pub loss: f32,
    /// Gradients of the parameters by name.
    pub gradients: Named,
    /// Gradients of the texts' vectors, `[T, E]`, where they are [trained](TextInputs::Vectors).
    pub text_vectors: Option<Tensor<2>>,
}

impl Pass {
    /// Loss and gradients of a batch; in parts of at most `chunk` rows where the batch is larger,
    /// with the negatives of the whole batch all the same.
    ///
    /// In parts, the towers run twice (GradCache, Gao et al. 2021, arXiv:2101.06983): once without
    /// a tape for the unit vectors of all rows, whose gradients the loss gives; then part by part
    /// with a tape, to carry those gradients on to the parameters. Memory is that of one part.
    pub fn new(learner: &Learner, kind: LossKind, inputs: Inputs, chunk: usize) -> Self {
        let rows = inputs.images.rows().max(inputs.texts.rows());
        match chunk > 0 && rows > chunk {
            true => Self::in_parts(learner, kind, inputs, chunk),
            false => Self::whole(learner, kind, inputs),
        }
    }

    fn whole(learner: &Learner, kind: LossKind, inputs: Inputs) -> Self {
        let Inputs { images, texts, matches } = inputs;
        let (texts, leaf) = trained(learner, texts);
        let images = learner.embed_images(images);
        let texts = learner.embed_texts(texts);
        let loss = learner.loss(kind, images, texts, matches);
        let mut gradients = loss.backward();
        let text_vectors = leaf.map(|leaf| gradient(&leaf, &mut gradients));
        let gradients = parameters::gradients(learner, &mut gradients);
        Self { loss: loss.into_scalar(), gradients, text_vectors }
    }

    fn in_parts(learner: &Learner, kind: LossKind, inputs: Inputs, chunk: usize) -> Self {
        let Inputs { images, texts, matches } = inputs;
        let quiet = learner.valid();
        let tape = tape(learner);
        let leaf = |vectors| tape.put(Tensor::cat(vectors, 0)).require_grad();
        let image_vectors: Tensor<2> = leaf(
            parts(images.rows(), chunk)
                .map(|rows| quiet.embed_images(images.slice(rows).without_autodiff()))
                .collect(),
        );
        let text_vectors: Tensor<2> = leaf(
            parts(texts.rows(), chunk)
                .map(|rows| quiet.embed_texts(texts.slice(rows).without_autodiff()))
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
        let mut of_vectors = Vec::new();
        for rows in parts(texts.rows(), chunk) {
            let (part, leaf) = trained(learner, texts.slice(rows.clone()));
            let vectors = learner.embed_texts(part);
            let mut gradients = (vectors * slope(&text_slope, rows)).sum().backward();
            of_vectors.extend(leaf.map(|leaf| gradient(&leaf, &mut gradients)));
            parameters::add(&mut total, parameters::gradients(learner, &mut gradients));
        }
        let text_vectors = (!of_vectors.is_empty()).then(|| Tensor::cat(of_vectors, 0));
        Self { loss: loss.into_scalar(), gradients: total, text_vectors }
    }
}

/// Vectors that are trained as a leaf of the tape; token ids as they are.
fn trained(learner: &Learner, texts: TextInputs) -> (TextInputs, Option<Tensor<2>>) {
    match texts {
        TextInputs::Ids(_) => (texts, None),
        TextInputs::Vectors(vectors) => {
            let leaf = tape(learner).put(vectors.without_autodiff()).require_grad();
            (TextInputs::Vectors(leaf.clone()), Some(leaf))
        }
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
