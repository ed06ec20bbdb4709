//! Every number is the state dict's, in the right place, whichever way the model was saved.

use std::collections::BTreeSet;

use clip_checkpoint::{Checkpoint, Dtype, tensors};
use half::f16;
use safetensors::{Dtype as Foreign, SafeTensors};

use super::{Fixture, quick_gelu, unpacked};

/// The state dict as PyTorch has it: shape and values by name.
struct Reference(Vec<u8>);

impl Reference {
    fn values(&self, name: &str) -> (Vec<usize>, Vec<f32>) {
        let file = SafeTensors::deserialize(&self.0).unwrap();
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

fn check(checkpoint: &Checkpoint) {
    let reference = Reference(unpacked("state-dict.safetensors"));
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
    let all = SafeTensors::deserialize(&reference.0).unwrap();
    assert_eq!(checked.len(), all.len(), "tensors of the state dict that were not compared");
}

#[test]
fn torchscript_is_the_state_dict() {
    let (_, checkpoint) =
        Fixture::committed("torchscript.pt").convert(&Default::default()).unwrap();
    check(&checkpoint);
}

#[test]
fn a_whole_module_is_its_state_dict() {
    let (_, checkpoint) = Fixture::committed("module.pt").convert(&Default::default()).unwrap();
    check(&checkpoint);
}

/// One of its tensors lies transposed in its storage, and one in the middle of a longer one.
#[test]
fn a_state_dict_is_itself() {
    let (_, checkpoint) = Fixture::committed("state-dict.pt").convert(&quick_gelu()).unwrap();
    check(&checkpoint);
}

#[test]
fn the_same_names_in_safetensors_are_read_too() {
    let fixture = Fixture::committed("state-dict.safetensors");
    check(&fixture.convert(&quick_gelu()).unwrap().1);
}

/// Every value of the fixtures is short enough for f16.
#[test]
fn the_number_format_can_be_chosen() {
    let fixture = Fixture::committed("torchscript.pt");
    // Matrices are f16 and the rest f32, as in OpenAI's archives: only f32 loses nothing.
    assert_eq!(fixture.convert(&Default::default()).unwrap().0.dtype, Dtype::F32);
    let options = clip_weights::Options { dtype: Some(Dtype::F16), ..Default::default() };
    let (summary, checkpoint) = fixture.convert(&options).unwrap();
    assert_eq!(summary.dtype, Dtype::F16);
    check(&checkpoint);
}
