//! `Reference`: does it find what is off?

use std::collections::BTreeMap;
use std::path::Path;

use clip_model::{Difference, Reference};
use clip_testkit::Golden;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

use crate::common::{check_on_every_backend, convert};
use crate::golden::tolerance;

/// The tensors of a golden, to be changed and written again.
struct Tensors(BTreeMap<String, (Dtype, Vec<usize>, Vec<u8>)>);

impl Tensors {
    fn of(golden: &Golden) -> Self {
        let bytes = std::fs::read(golden.checkpoint_dir().join("golden.safetensors")).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let owned = file.iter().map(|(name, view)| {
            (name.to_owned(), (view.dtype(), view.shape().to_vec(), view.data().to_vec()))
        });
        Self(owned.collect())
    }

    /// Adds to the first value of a stage.
    fn nudge(&mut self, name: &str, by: f32) {
        let bytes = &mut self.0.get_mut(name).unwrap().2[..4];
        let value = f32::from_le_bytes(bytes.try_into().unwrap()) + by;
        bytes.copy_from_slice(&value.to_le_bytes());
    }

    fn write(&self, path: &Path) -> Reference {
        let views = self.0.iter().map(|(name, (dtype, shape, bytes))| {
            (name, TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        std::fs::write(path, safetensors::serialize(views, None).unwrap()).unwrap();
        Reference::open(path).unwrap()
    }
}

#[test]
fn every_stage_is_compared_and_the_first_that_is_off_is_found() {
    let golden = Golden::open("deep");
    let (folder, checkpoint) = convert(golden.checkpoint_dir());
    let path = folder.path().join("reference.safetensors");
    check_on_every_backend(|backend, device| {
        let off = |tensors: &Tensors| -> Vec<String> {
            let differences = tensors.write(&path).compare(&checkpoint, device).unwrap();
            let off = |difference: &&Difference| {
                difference.relative().is_nan() || difference.relative() > tolerance(backend)
            };
            differences.iter().filter(off).map(|difference| difference.stage.clone()).collect()
        };
        let mut tensors = Tensors::of(&golden);
        let compared = tensors.write(&path).compare(&checkpoint, device).unwrap();
        // 4 and 5 blocks; embeddings, ln_pre, pooled, embeds; embeddings, ln_final, pooled, embeds;
        // logits and their scale.
        assert_eq!(compared.len(), 4 + 4 + 5 + 4 + 2);
        assert_eq!(off(&tensors), [] as [&str; 0]);

        tensors.nudge("vision.block.2", 0.5);
        tensors.nudge("text_embeds", f32::NAN);
        assert_eq!(off(&tensors), ["vision.block.2", "text_embeds"]);
        let differences = tensors.write(&path).compare(&checkpoint, device).unwrap();
        let block = differences.iter().find(|found| found.stage == "vision.block.2").unwrap();
        let values = golden.f32("vision.block.2").values.len() as f32;
        assert!((block.largest - 0.5).abs() < 1e-3, "{block:?}");
        assert!((block.mean - 0.5 / values).abs() < 0.1 / values, "{block:?}");
    });
}

#[test]
fn references_that_do_not_fit_are_refused() {
    let golden = Golden::open("deep");
    let (folder, checkpoint) = convert(golden.checkpoint_dir());
    let path = folder.path().join("reference.safetensors");
    let device = clip_model::Backend::compiled().next().unwrap().devices().remove(0);
    let refused = |change: &dyn Fn(&mut Tensors)| {
        let mut tensors = Tensors::of(&golden);
        change(&mut tensors);
        let error = tensors.write(&path).compare(&checkpoint, &device).unwrap_err().to_string();
        error.split_once(" cannot be compared with: ").unwrap().1.to_owned()
    };
    assert_eq!(
        refused(&|tensors| tensors.0.get_mut("pixel_values").unwrap().1 = vec![2, 3, 16, 64]),
        "pixel_values has shape [2, 3, 16, 64], the model takes [pictures, 3, 32, 32]"
    );
    let long = |tensors: &mut Tensors| {
        let (_, shape, _) = tensors.0.get_mut("input_ids").unwrap();
        *shape = vec![1, shape.iter().product()];
    };
    assert!(refused(&long).ends_with("the model takes [texts, up to 14]"));
    let id = |tensors: &mut Tensors| {
        tensors.0.get_mut("input_ids").unwrap().2[..4].copy_from_slice(&900i32.to_le_bytes());
    };
    assert_eq!(refused(&id), "input_ids holds 900, the model has 160 ids");
    assert_eq!(refused(&|tensors| tensors.0.clear()), "it holds no stage of a CLIP");
    std::fs::write(&path, "no tensors").unwrap();
    assert!(Reference::open(&path).is_err());
}
