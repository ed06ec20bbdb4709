use std::collections::BTreeMap;

use burn::tensor::{Tensor, TensorData};
use clip_train::parameters::{self, canonical};
use clip_train::{AdamW, AdamWConfig, LossKind, ScheduleConfig, Stepper};

use crate::values::{Values, devices, distance, inputs, learner};

const STEPS: usize = 20;

/// Twenty steps from the same weights and batches. The issue of a wrong decay or epsilon is a few
/// 1e-4 of the loss, so that the bounds are narrower than a run needs: 1e-4 for the losses, 1e-5
/// for the parameters at the end, relative.
fn check(loss: LossKind, file: &str) {
    let golden = Values::open(file);
    let batches = Values::open("run-batches.safetensors");
    let [pixels, ids, groups] = ["pixels", "ids", "groups"].map(|name| batches.get(name));
    let schedule = ScheduleConfig { learning_rate: 1e-3, warmup_steps: 5, epochs: 1, max_steps: 0 };
    for (backend, device) in devices() {
        let mut model = learner(loss, &device);
        let config = AdamWConfig { weight_decay: 0.1, ..AdamWConfig::default() };
        let mut stepper =
            Stepper { optimizer: AdamW::new(config, BTreeMap::new()), loss, chunk: 0 };
        for step in 0..STEPS {
            let part = |(shape, values): &(Vec<usize>, Vec<f32>)| {
                let size = values.len() / shape[0];
                values[step * size..(step + 1) * size].to_vec()
            };
            let colors = part(&pixels).into_iter().map(|level| (level / 255.0 - 0.5) / 0.25);
            let data = TensorData::new(colors.collect(), pixels.0[1..].to_vec());
            let batch = inputs(
                &model,
                Tensor::from_data(data, &device),
                &part(&ids),
                ids.0[2],
                &part(&groups),
                &device,
            );
            let rate = schedule.rate(step as u64, STEPS as u64);
            let (next, report) = stepper.step(model, batch, rate).unwrap();
            model = next;
            let expected = |name: &str| golden.get(name).1[step];
            assert!((rate - f64::from(expected("rates"))).abs() < 1e-9, "step {step}: rate {rate}");
            let off = (report.loss - expected("losses")).abs();
            assert!(off < 1e-4, "{backend}, step {step}: the loss is off by {off:e}");
            let off = (report.gradient_norm / expected("grad_norms") - 1.0).abs();
            assert!(off < 1e-4, "{backend}, step {step}: the norm is off by {off:e}");
            let off = (model.scale().ln() - expected("logit_scales")).abs();
            assert!(off < 1e-5, "{backend}, step {step}: the scale is off by {off:e}");
        }
        let found = parameters::values(&model);
        let ends: Vec<_> = golden.names().into_iter().filter(|n| n.starts_with("final.")).collect();
        assert!(!ends.is_empty());
        for (name, tensor) in found {
            let name = format!("final.{}", canonical(&name));
            if ends.contains(&name) {
                let values = tensor.into_data().try_to_vec::<f32>().unwrap();
                let off = distance(&values, &golden.get(&name).1);
                assert!(off < 1e-5, "{backend}: {name} is off by {off:e}");
            }
        }
    }
}

#[test]
fn twenty_steps_of_info_nce_follow_pytorch() {
    check(LossKind::InfoNce, "run-info-nce.safetensors");
}

#[test]
fn twenty_steps_of_the_sigmoid_loss_follow_pytorch() {
    check(LossKind::Sigmoid, "run-sigmoid.safetensors");
}
