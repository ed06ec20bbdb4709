//! Loss and gradients of one batch.

use burn::module::Module;
use burn::tensor::{Int, Tensor, s};

use crate::LossKind;
use crate::learner::{Inputs, Learner};
use crate::parameters::{self, Named, Tape};

/// Loss of a batch, and the gradient of every trained parameter.
#[derive(Debug)]
pub struct Pass {
    /// The loss.
    pub loss: f32,
    /// Gradients by name.
    pub gradients: Named,
}

impl Pass {
    /// Loss and gradients of a batch; in parts of at most `chunk` rows where the batch is larger,
    /// with the negatives of the whole batch all the same.
    ///
    /// In parts, the towers run twice (GradCache, Gao et al. 2021, arXiv:2101.06983): once without
    /// a tape for the unit vectors of all rows, whose gradients the loss gives; then part by part
    /// with a tape, to carry those gradients on to the parameters. Memory is that of one part.
    pub fn new(learner: &Learner, kind: LossKind, inputs: Inputs, chunk: usize) -> Self {
        let [rows, _] = inputs.ids.dims();
        match chunk > 0 && rows > chunk {
            true => Self::in_parts(learner, kind, inputs, chunk),
            false => Self::whole(learner, kind, inputs),
        }
    }

    fn whole(learner: &Learner, kind: LossKind, inputs: Inputs) -> Self {
        let Inputs { patches, kept, ids, matches } = inputs;
        let images = learner.embed_images(patches, kept);
        let texts = learner.embed_texts(ids);
        let loss = learner.loss(kind, images, texts, matches);
        let mut gradients = loss.backward();
        let gradients = parameters::gradients(learner, &mut gradients);
        Self { loss: loss.into_scalar(), gradients }
    }

    fn in_parts(learner: &Learner, kind: LossKind, inputs: Inputs, chunk: usize) -> Self {
        let parts = parts(&inputs, chunk);
        let quiet = learner.valid();
        let plain = |tensor: Tensor<3>| tensor.without_autodiff();
        let (images, texts): (Vec<_>, Vec<_>) = parts
            .iter()
            .map(|part| {
                let kept = part.kept.clone().map(|kept| kept.without_autodiff());
                let images = quiet.embed_images(plain(part.patches.clone()), kept);
                (images, quiet.embed_texts(part.ids.clone().without_autodiff()))
            })
            .unzip();
        let tape = Tape::of(&learner.clip.logits.log_scale.val()).expect("a learner on a tape");
        let leaf = |vectors| tape.put(Tensor::cat(vectors, 0)).require_grad();
        let (images, texts): (Tensor<2>, Tensor<2>) = (leaf(images), leaf(texts));
        let loss = learner.loss(kind, images.clone(), texts.clone(), inputs.matches);
        let mut gradients = loss.backward();
        let slopes = [images, texts]
            .map(|leaf| tape.put(leaf.grad_remove(&mut gradients).expect("a leaf of the loss")));
        // Scale and bias have their gradients from here; the towers from the parts.
        let mut total = parameters::gradients(learner, &mut gradients);
        for (i, part) in parts.into_iter().enumerate() {
            let rows = i * chunk..i * chunk + part.ids.dims()[0];
            let [image_slope, text_slope] =
                slopes.each_ref().map(|slope| slope.clone().slice(s![rows.clone(), ..]));
            let images = learner.embed_images(part.patches, part.kept);
            let texts = learner.embed_texts(part.ids);
            // The gradient of this sum is the slope carried back: the chain rule.
            let surrogate = (images * image_slope).sum() + (texts * text_slope).sum();
            let mut gradients = surrogate.backward();
            parameters::add(&mut total, parameters::gradients(learner, &mut gradients));
        }
        Self { loss: loss.into_scalar(), gradients: total }
    }
}

/// Some rows of a batch.
struct Part {
    patches: Tensor<3>,
    kept: Option<Tensor<2, Int>>,
    ids: Tensor<2, Int>,
}

fn parts(inputs: &Inputs, chunk: usize) -> Vec<Part> {
    let [rows, _] = inputs.ids.dims();
    let starts = (0..rows).step_by(chunk);
    starts
        .map(|start| {
            let range = start..(start + chunk).min(rows);
            Part {
                patches: inputs.patches.clone().slice(s![range.clone(), .., ..]),
                kept: inputs.kept.clone().map(|kept| kept.slice(s![range.clone(), ..])),
                ids: inputs.ids.clone().slice(s![range, ..]),
            }
        })
        .collect()
}
