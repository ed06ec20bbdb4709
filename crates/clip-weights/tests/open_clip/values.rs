//! Every number is the state dict's, in the right place, whatever it is called.

use clip_checkpoint::{Checkpoint, tensors};

use super::{CONFIG, Fixture, WEIGHTS, is_text, state_dict};

#[test]
fn bare_names_are_openais() {
    for name in ["bare", "wide-heads"] {
        let fixture = Fixture::new(name);
        state_dict::check(&fixture.converted(), &fixture.read(WEIGHTS));
    }
}

/// `CustomTextCLIP`, and what several processes trained.
#[test]
fn prefixes_are_taken_off() {
    let bare = Fixture::new("bare").read(WEIGHTS);
    let text = |name: &str| if is_text(name) { format!("text.{name}") } else { name.to_owned() };
    let check = |fixture: Fixture| state_dict::check(&fixture.converted(), &bare);
    check(Fixture::new("bare").rename(text));
    check(Fixture::new("bare").rename(|name| format!("module.{name}")));
    check(Fixture::new("bare").rename(|name| format!("module.{}", text(name))));
    check(Fixture::new("bare").rename(|name| format!("state_dict.{}", text(name))));
}

#[track_caller]
fn equal(one: &Checkpoint, other: &Checkpoint) {
    assert_eq!(one.card().config, other.card().config);
    for spec in tensors(&one.card().config) {
        let name = &spec.name;
        assert_eq!(one.read(name).unwrap(), other.read(name).unwrap(), "{name}");
    }
}

/// Of either class: with GELU and bare names, with QuickGELU and others.
#[test]
fn a_whole_module_is_its_state_dict() {
    for name in ["end-token", "custom-text"] {
        let fixture = Fixture::new(name);
        let module = fixture.convert("module.pt").unwrap().1;
        equal(&module, &Fixture::new(name).converted());
        fixture.remove(CONFIG);
        let expected = format!("FOLDER has no {CONFIG}, which a model in OpenCLIP layout needs");
        let message = fixture.convert("module.pt").unwrap_err();
        assert!(message.starts_with(&expected), "{message}");
    }
}

#[test]
fn shards_are_one_model() {
    let (summary, checkpoint) = Fixture::new("end-token").convert("").unwrap();
    assert_eq!(summary.card.source.files.len(), 2);
    let index = Fixture::new("end-token");
    equal(&checkpoint, &index.convert("open_clip_model.safetensors.index.json").unwrap().1);
}

/// The state of the optimizer in it is no part of the model.
#[test]
fn a_training_checkpoint_is_its_model() {
    let fixture = Fixture::new("custom-text");
    let (summary, checkpoint) = fixture.convert("epoch_1.pt").unwrap();
    assert_eq!(summary.card.source.files[0].name, "epoch_1.pt");
    let folder = Fixture::new("custom-text");
    equal(&checkpoint, &folder.convert("open_clip_pytorch_model.bin").unwrap().1);
    equal(&checkpoint, &Fixture::new("custom-text").converted());
}
