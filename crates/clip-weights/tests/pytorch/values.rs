//! Every number is the state dict's, in the right place, whichever way the model was saved.

use clip_checkpoint::{Checkpoint, Dtype};

use super::{Fixture, quick_gelu, state_dict, unpacked};

fn check(checkpoint: &Checkpoint) {
    state_dict::check(checkpoint, &unpacked("state-dict.safetensors"));
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
