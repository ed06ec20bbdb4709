use burn::tensor::{Distribution, Tensor, TensorData};
use clip_train::parameters::canonical;
use clip_train::{ImageInputs, Inputs, LossKind, Pass, TextInputs};

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

/// Fewer vectors than images, each right for several: the loss falls along their gradients, which are
/// the same in parts.
#[test]
fn vectors_of_texts_have_gradients() {
    for (backend, device) in devices() {
        let learner = learner(LossKind::InfoNce, &device);
        let inputs = batch(&learner, &device);
        let [images, _] = inputs.matches.dims();
        let texts = 5;
        let [width, embed_dim] = {
            let head = learner.clip.image.visual_projection.as_ref().expect("a head");
            head.weight.dims()
        };
        let draw = |rows, columns| {
            Tensor::<2>::random([rows, columns], Distribution::Normal(0.0, 1.0), &device)
        };
        let vectors = draw(texts, embed_dim);
        let matches: Vec<bool> = (0..images)
            .flat_map(|image| {
                (0..texts).map(move |text| image % texts == text || image == text + 1)
            })
            .collect();
        let inputs = Inputs {
            images: ImageInputs::Features(draw(images, width)),
            texts: TextInputs::Vectors(vectors.clone()),
            matches: Tensor::from_data(TensorData::new(matches, [images, texts]), &device),
        };
        let pass =
            |inputs: &Inputs, chunk| Pass::new(&learner, LossKind::InfoNce, inputs.clone(), chunk);
        let whole = pass(&inputs, 0);
        let slope: Vec<f32> = whole.text_vectors.unwrap().into_data().try_to_vec().unwrap();
        for chunk in [3, 7] {
            let parts = pass(&inputs, chunk);
            let found: Vec<f32> = parts.text_vectors.unwrap().into_data().try_to_vec().unwrap();
            let off = distance(&found, &slope);
            assert!(off < 1e-5, "{backend}, parts of {chunk}: off by {off:e}");
            assert!((parts.loss - whole.loss).abs() < 1e-5, "{backend}");
            assert!(parts.gradients.keys().eq(whole.gradients.keys()), "{backend}");
        }
        // A step down the slope changes the loss by the slope times the step.
        let step = 1e-2;
        let down = Tensor::<1>::from_floats(&slope[..], &device).reshape([texts, embed_dim]);
        let moved = vectors - down.clone() * step;
        let after = pass(&Inputs { texts: TextInputs::Vectors(moved), ..inputs }, 0);
        let expected = step * down.powi_scalar(2).sum().into_scalar::<f32>();
        let fell = whole.loss - after.loss;
        assert!((fell / expected - 1.0).abs() < 0.1, "{backend}: {fell} instead of {expected}");
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
