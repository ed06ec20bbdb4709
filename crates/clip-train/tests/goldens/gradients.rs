use burn::tensor::{Tensor, TensorData, s};
use clip_model::Backend;
use clip_train::parameters::canonical;
use clip_train::{Inputs, Learner, LossKind, Pass, TranslationInputs};

use crate::values::{Values, batch, devices, distance, learner, matches};

/// Every parameter's gradient, within 1e-4 of PyTorch's.
fn check(loss: LossKind, file: &str, chunk: usize) {
    let golden = Values::open(file);
    for (backend, device) in devices() {
        for device in [device.clone(), device.gradient_checkpointing()] {
            let learner = learner(loss, &device);
            let pass = Pass::new(&learner, loss, batch(&learner, &device), chunk);
            let expected = golden.number("loss");
            let off = (pass.loss - expected).abs();
            assert!(off < 2e-5, "{backend}: loss {} instead of {expected}", pass.loss);
            let mut worst = (0.0, String::new());
            let mut names: Vec<_> = golden.names();
            names.retain(|name| name != "loss" && !name.starts_with("start."));
            assert_eq!(pass.gradients.len(), names.len(), "{backend}: one for each parameter");
            for (name, gradient) in &pass.gradients {
                let name = canonical(name);
                let found = gradient.clone().into_data().try_to_vec::<f32>().unwrap();
                let off = distance(&found, &golden.get(name).1);
                assert!(
                    off < 1e-4,
                    "{backend}, chunk {chunk}: gradient of {name} is off by {off:e}"
                );
                if off > worst.0 {
                    worst = (off, name.to_owned());
                }
            }
            println!("{backend} {loss:?}, parts of {chunk}: {:.1e} at {}", worst.0, worst.1);
        }
    }
}

#[test]
fn info_nce_has_the_gradients_of_pytorch() {
    check(LossKind::InfoNce, "gradients-info-nce.safetensors", 0);
}

#[test]
fn sigmoid_has_the_gradients_of_pytorch() {
    check(LossKind::Sigmoid, "gradients-sigmoid.safetensors", 0);
}

/// Parts of 5, 5 and 2 rows: the negatives stay those of the whole batch.
#[test]
fn parts_have_the_gradients_of_the_whole() {
    check(LossKind::InfoNce, "gradients-info-nce.safetensors", 5);
    check(LossKind::Sigmoid, "gradients-sigmoid.safetensors", 5);
}

/// Five texts for all images and two that no image has, in parts or whole.
#[test]
fn texts_need_not_be_as_many_as_images() {
    for (backend, device) in devices() {
        let learner = learner(LossKind::InfoNce, &device);
        let inputs = batch(&learner, &device);
        let ([images, _], texts) = (inputs.matches.dims(), 7);
        let matches: Vec<bool> = (0..images)
            .flat_map(|image| (0..texts).map(move |text| image % 5 == text || image + 1 == text))
            .collect();
        let inputs = Inputs {
            texts: inputs.texts.slice(s![..texts, ..]),
            matches: Tensor::from_data(TensorData::new(matches, [images, texts]), &device),
            ..inputs
        };
        compare_parts(&backend, &learner, &inputs);
    }
}

/// The loss of translations is the weighted mean of their distances from the texts.
#[test]
fn translations_add_their_distance() {
    for (backend, device) in devices() {
        let learner = learner(LossKind::InfoNce, &device);
        let inputs = batch(&learner, &device);
        let translations = TranslationInputs {
            texts: inputs.texts.clone().slice(s![..5, ..]),
            translations: inputs.texts.clone().slice(s![5..10, ..]),
            weight: 0.5,
        };
        let [texts, other] = [&translations.texts, &translations.translations]
            .map(|ids| learner.embed_texts(ids.clone()));
        let cosine = (texts * other).sum().into_scalar::<f32>() / 5.0;
        let with = Inputs { translations: Some(translations), ..inputs.clone() };
        let [plain, more] =
            [inputs, with.clone()].map(|inputs| Pass::new(&learner, LossKind::InfoNce, inputs, 0));
        let off = (more.loss - plain.loss - 0.5 * (1.0 - cosine)).abs();
        assert!(cosine < 0.99 && off < 1e-5, "{backend}: off by {off:e}");
        let norm = |name: &str| {
            let [a, b] = [&more, &plain].map(|pass| pass.gradients[name].clone());
            (a - b).powi_scalar(2).sum().into_scalar::<f32>()
        };
        // The image half has no part in it.
        for name in plain.gradients.keys() {
            let is_of_text = canonical(name).starts_with("text");
            assert_eq!(norm(name) > 0.0, is_of_text, "{backend}: {name}");
        }
        compare_parts(&backend, &learner, &with);
    }
}

fn compare_parts(backend: &Backend, learner: &Learner, inputs: &Inputs) {
    let pass = |chunk| Pass::new(learner, LossKind::InfoNce, inputs.clone(), chunk);
    let whole = pass(0);
    assert!(whole.loss.is_finite(), "{backend}");
    for chunk in [3, 7] {
        let parts = pass(chunk);
        assert!((parts.loss - whole.loss).abs() < 1e-5, "{backend}, parts of {chunk}");
        assert!(parts.gradients.keys().eq(whole.gradients.keys()), "{backend}");
        for (name, gradient) in &whole.gradients {
            let [found, expected] = [&parts.gradients[name], gradient]
                .map(|gradient| gradient.clone().into_data().try_to_vec::<f32>().unwrap());
            let off = distance(&found, &expected);
            assert!(off < 1e-4, "{backend}, parts of {chunk}: {name} is off by {off:e}");
        }
    }
}

/// Where every row is its own concept, the loss is the one of the CLIP paper.
#[test]
fn without_groups_it_is_the_published_loss() {
    let golden = Values::open("gradients-info-nce-hard.safetensors");
    for (backend, device) in devices() {
        let learner = learner(LossKind::InfoNce, &device);
        let mut inputs = batch(&learner, &device);
        let [rows, _] = inputs.matches.dims();
        inputs.matches = matches(&(0..rows as u32).collect::<Vec<_>>(), &device);
        let pass = Pass::new(&learner, LossKind::InfoNce, inputs, 0);
        let off = (pass.loss - golden.number("loss")).abs();
        assert!(off < 1e-5, "{backend}: off by {off:e}");
        let scale = pass.gradients["clip.logits.log_scale"].clone().into_scalar::<f32>();
        assert!((scale / golden.number("logit_scale") - 1.0).abs() < 1e-4, "{backend}: {scale}");
    }
}
