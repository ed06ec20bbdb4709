//! Files and cards that are damaged, or of something else, are refused by name.

use std::fs;

use clip_checkpoint::{Checkpoint, Dtype, Error, ModelCard};
use serde_json::Value;

use crate::fixture::{Fixture, Tensors, card, pooled_map};

#[test]
fn damaged_files_are_refused() {
    let cut = |length: fn(usize) -> usize| {
        let fixture = Fixture::new(Dtype::F32);
        let bytes = fs::read(&fixture.path).unwrap();
        fs::write(&fixture.path, &bytes[..length(bytes.len())]).unwrap();
        let message = fixture.open_error();
        let start = "FOLDER/tiny.safetensors is not a whole safetensors file (";
        assert!(message.starts_with(start), "{message}");
        assert!(message.ends_with("cut off; convert or copy it again"), "{message}");
    };
    cut(|length| length / 2);
    cut(|length| length - 1);
    cut(|_| 100);
    cut(|_| 7);
    cut(|_| 0);
}

#[test]
fn files_that_are_not_there_are_named() {
    let fixture = Fixture::new(Dtype::F32);
    let absent = Checkpoint::open(&fixture.folder.path().join("absent")).unwrap_err();
    assert!(absent.to_string().starts_with("cannot open "), "{absent}");
    assert!(absent.to_string().contains("absent: "), "{absent}");
    let folder = Checkpoint::open(fixture.folder.path()).unwrap_err();
    assert!(matches!(folder, Error::Io { action: "open", .. }), "{folder}");
}

#[test]
fn tensors_are_refused_by_name() {
    let check = |change: fn(&mut Tensors), message: &str| {
        let fixture = Fixture::new(Dtype::F32);
        fixture.rewrite(|tensors, _| change(tensors));
        assert_eq!(fixture.open_error(), message);
    };
    check(
        |tensors| drop(tensors.remove("text.ln_final.beta")),
        "1 tensor missing from the checkpoint: text.ln_final.beta; convert the source again",
    );
    check(
        |tensors| tensors.retain(|name, _| !name.contains(".mlp.")),
        "12 tensors missing from the checkpoint: \
         visual.transformer.resblocks.0.mlp.c_fc.weight, \
         visual.transformer.resblocks.0.mlp.c_fc.bias, \
         visual.transformer.resblocks.0.mlp.c_proj.weight, \
         visual.transformer.resblocks.0.mlp.c_proj.bias, \
         visual.transformer.resblocks.1.mlp.c_fc.weight and 7 more; convert the source again",
    );
    check(
        |tensors| tensors.get_mut("visual_projection.weight").unwrap().1 = vec![4, 8],
        "tensor visual_projection.weight has shape [4, 8], the configuration calls for [8, 4]",
    );
    check(
        |tensors| {
            let tensor = tensors["logit_scale"].clone();
            tensors.insert("logit_bias".to_owned(), tensor);
        },
        "1 tensor in the checkpoint that the configuration has no place for: logit_bias; convert the source again",
    );
    check(
        |tensors| tensors.get_mut("logit_scale").unwrap().0 = safetensors::Dtype::I32,
        "tensor logit_scale is stored as I32, this program reads f32, f16 and bf16, and int8 for the matrices of blocks and heads",
    );
}

#[test]
fn cards_are_checked() {
    let check = |change: fn(&mut Value), message: &str| {
        let fixture = Fixture::new(Dtype::F32);
        fixture.rewrite(|_, card| change(card));
        assert_eq!(fixture.open_error(), message);
    };
    check(
        |card| *card = Value::Null,
        "FOLDER/tiny.safetensors is a safetensors file without a model card, which is a source and no checkpoint yet: convert it first",
    );
    check(
        |card| *card = serde_json::json!({"card_version": 99, "unheard_of": true}),
        "the checkpoint has card version 99, this program reads up to 1: update the program",
    );
    check(
        |card| card["config"]["vision"]["heads"] = 3.into(),
        "the configuration describes no model: 3 heads do not divide the vision tower's width of 8",
    );
    check(
        |card| card["preprocess"]["crop_size"] = 8.into(),
        "the configuration describes no model: pictures are cropped to 8 pixels, but the vision tower takes 9",
    );
    check(
        |card| card["preprocess"]["resize"] = "squash".into(),
        "the configuration describes no model: resize mode Squash fills the crop, but pictures are resized to 11 pixels and cropped to 9",
    );
    check(
        |card| card["preprocess"]["resize"] = "longest".into(),
        "the configuration describes no model: resize mode Longest fills the crop, but pictures are resized to 11 pixels and cropped to 9",
    );
    check(
        |card| *card = serde_json::json!({"card_version": 1}),
        "the model card cannot be read: missing field `name` at line 1 column 18; convert the source again",
    );
}

#[test]
fn heads_of_feature_maps_are_checked() {
    let json = serde_json::to_value(pooled_map()).unwrap();
    assert_eq!(json["config"]["vision"]["stem"], "identity");
    let mlp = serde_json::json!({"residual-mlp": {"hidden": 7}});
    assert_eq!(json["config"]["vision"]["projection"], mlp);
    let check = |change: fn(&mut Value), message: &str| {
        let mut json = json.clone();
        change(&mut json["config"]["vision"]);
        let error = ModelCard::from_json(&json.to_string()).unwrap_err().to_string();
        assert_eq!(error, format!("the configuration describes no model: {message}"));
    };
    check(
        |vision| vision["projection"]["residual-mlp"]["hidden"] = 0.into(),
        "the MLP of the vision tower's projection has a width of 0",
    );
    let as_they_are = "tokens that are patches as they are need a convolutional stem, and patches as large as its stride";
    check(|vision| vision["conv_stem"] = Value::Null, as_they_are);
    check(|vision| vision["patch_size"] = 8.into(), as_they_are);
    check(
        |vision| vision["width"] = 8.into(),
        "tokens that are positions of a feature map have its 10 channels, but the vision tower has a width of 8",
    );
}

#[test]
fn modes_of_later_versions_are_refused() {
    let check = |field: &str, known: &str| {
        let mut json = serde_json::to_value(card()).unwrap();
        json["preprocess"][field] = "dreamt".into();
        let error = ModelCard::from_json(&json.to_string()).unwrap_err().to_string();
        assert!(error.contains("unknown variant `dreamt`") && error.contains(known), "{error}");
    };
    check("mode", "`openai`, `hf-pil`, `hf-torchvision`");
    check("resize", "`shortest`, `longest`, `squash`");
}
