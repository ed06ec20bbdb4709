use clip_train::parameters::canonical;
use clip_train::{LossKind, Pass};

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
