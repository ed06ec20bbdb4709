//! A state dict with OpenAI's names, as a reference for what was converted from it.

use std::collections::BTreeSet;

use clip_checkpoint::{Checkpoint, tensors};
use half::f16;
use safetensors::{Dtype as Foreign, SafeTensors};

/// The state dict as PyTorch has it: shape and values by name.
struct Reference<'a>(&'a [u8]);

impl Reference<'_> {
    fn values(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let file = SafeTensors::deserialize(self.0).unwrap();
        let tensor = file.tensor(name).unwrap_or_else(|_| panic!("no tensor {name}"));
        let bytes = tensor.data();
        let values = match tensor.dtype() {
            Foreign::F16 => {
                bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect()
            }
            Foreign::F32 => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
            other => panic!("{name} is {other:?}"),
        };
        (tensor.shape().to_vec(), values)
    }
}

/// OpenAI's name for one of ours, and whether the axes are exchanged. Written down apart from the
/// converter's table.
fn theirs(ours: &str) -> (String, bool) {
    let name = ours.strip_prefix("text.").unwrap_or(ours);
    match name {
        "visual.patch_embedding.weight" => return ("visual.conv1.weight".to_owned(), false),
        "visual_projection.weight" => return ("visual.proj".to_owned(), false),
        "text_projection.weight" => return ("text_projection".to_owned(), false),
        _ => {}
    }
    let transposed = name.contains(".attn.") || name.contains(".mlp.");
    let transposed = transposed && name.ends_with(".weight");
    let name = name
        .replace(".gamma", ".weight")
        .replace(".beta", ".bias")
        .replace("in_proj.weight", "in_proj_weight")
        .replace("in_proj.bias", "in_proj_bias");
    (name, transposed)
}

/// The checkpoint holds exactly the tensors of a state dict in safetensors.
pub(crate) fn check(checkpoint: &Checkpoint, state_dict: &[u8]) {
    let reference = Reference(state_dict);
    let mut checked = BTreeSet::new();
    for spec in tensors(&checkpoint.card().config) {
        let (name, transposed) = theirs(&spec.name);
        let (shape, mut expected) = reference.values(&name);
        if transposed {
            let [outputs, inputs] = shape[..] else { panic!("{name} is no matrix") };
            let at = |i: usize| expected[(i % outputs) * inputs + i / outputs];
            expected = (0..expected.len()).map(at).collect();
        }
        assert_eq!(checkpoint.read(&spec.name).unwrap(), expected, "{}", spec.name);
        checked.insert(name);
    }
    let all = SafeTensors::deserialize(state_dict).unwrap();
    assert_eq!(checked.len(), all.len(), "tensors of the state dict that were not compared");
}
