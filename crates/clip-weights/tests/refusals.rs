//! Sources that are damaged or incomplete are refused by name, and nothing is written.

mod common;

use std::fs;

use clip_weights::{Dtype, Options, Source, convert};
use common::{Folder, Model, SHARDS};
use safetensors::Dtype as Foreign;

fn message(folder: &Folder, file: &str, dtype: Option<Dtype>) -> String {
    let output = folder.join("out.safetensors");
    let options = Options { output: Some(output.clone()), dtype, ..Options::default() };
    let before = fs::read_dir(folder.path()).unwrap().count();
    let path = if file.is_empty() { folder.path().to_owned() } else { folder.join(file) };
    let error = convert(&Source::Path(path), &options, &mut ()).unwrap_err().to_string();
    assert!(!output.exists());
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), before, "files left behind");
    // Paths differ from run to run.
    error.replace(&folder.path().display().to_string(), "FOLDER")
}

#[track_caller]
fn check(folder: &Folder, expected: &str) {
    assert_eq!(message(folder, "", None), expected);
}

#[track_caller]
fn check_model(change: impl FnOnce(&mut Model), expected: &str) {
    let mut model = Model::tiny();
    change(&mut model);
    check(&model.write(), expected);
}

#[test]
fn tensors_are_refused_by_name() {
    check_model(
        |model| drop(model.tensors.remove("text_model.final_layer_norm.bias")),
        "config.json calls for a tensor missing from model.safetensors: text_model.final_layer_norm.bias",
    );
    check_model(
        |model| model.tensors.retain(|name, _| !name.contains("self_attn.k_proj")),
        "config.json calls for 6 tensors missing from model.safetensors: \
         vision_model.encoder.layers.0.self_attn.k_proj.weight, \
         vision_model.encoder.layers.0.self_attn.k_proj.bias, \
         vision_model.encoder.layers.1.self_attn.k_proj.weight, \
         vision_model.encoder.layers.1.self_attn.k_proj.bias, \
         text_model.encoder.layers.0.self_attn.k_proj.weight and 1 more",
    );
    check_model(
        |model| model.add("vision_model.encoder.layers.2.mlp.fc1.bias", &[12]),
        "model.safetensors holds a tensor that config.json has no place for: vision_model.encoder.layers.2.mlp.fc1.bias",
    );
    check_model(
        |model| model.add("text_model.embeddings.position_ids_of_another", &[5]),
        "model.safetensors holds a tensor that config.json has no place for: text_model.embeddings.position_ids_of_another",
    );
    check_model(
        |model| model.add("visual_projection.weight", &[8, 6]),
        "tensor visual_projection.weight has shape [8, 6] in model.safetensors, but config.json calls for [6, 8]: one of the two is of another model",
    );
    check_model(
        |model| model.add("logit_scale", &[2]),
        "tensor logit_scale has shape [2] in model.safetensors, but config.json calls for [1]: one of the two is of another model",
    );
    check_model(
        |model| model.config["text_config"]["vocab_size"] = 21.into(),
        "tensor text_model.embeddings.token_embedding.weight has shape [20, 6] in model.safetensors, but config.json calls for [21, 6]: one of the two is of another model",
    );
}

#[test]
fn values_are_refused_by_name() {
    let poisoned = |name: &str, value: f32| {
        let mut model = Model::tiny();
        model.tensors.get_mut(name).unwrap().1[3] = value;
        model.write()
    };
    check(
        &poisoned("text_projection.weight", f32::NAN),
        "tensor text_projection.weight in model.safetensors holds NaN at position 3: the weights are damaged, download them again",
    );
    check(
        &poisoned("vision_model.encoder.layers.0.self_attn.v_proj.bias", f32::NEG_INFINITY),
        "tensor vision_model.encoder.layers.0.self_attn.v_proj.bias in model.safetensors holds -inf at position 3: the weights are damaged, download them again",
    );
    assert_eq!(
        message(&poisoned("text_projection.weight", 70_000.0), "", Some(Dtype::F16)),
        "tensor text_projection.weight in model.safetensors holds 70000, too large for f16: convert to f32",
    );
    // In 8 bits a matrix has a scale of its own for large values; what is not one is in f16.
    assert_eq!(
        message(&poisoned("text_model.final_layer_norm.bias", 70_000.0), "", Some(Dtype::Int8)),
        "tensor text_model.final_layer_norm.bias in model.safetensors holds 70000, too large for f16: convert to f32",
    );
    assert_eq!(
        message(&poisoned("text_projection.weight", f32::MAX), "", Some(Dtype::Int8)),
        format!(
            "tensor text_projection.weight in model.safetensors holds {}, too large for int8: convert to f32",
            f32::MAX
        ),
    );
    assert_eq!(
        message(&poisoned("text_projection.weight", f32::MAX), "", Some(Dtype::Bf16)),
        format!(
            "tensor text_projection.weight in model.safetensors holds {}, too large for bf16: convert to f32",
            f32::MAX
        ),
    );
    let model = Model::tiny();
    let folder = model.write_configs();
    folder.weights("model.safetensors", &model.tensors, Foreign::F64);
    check(
        &folder,
        "tensor vision_model.embeddings.patch_embedding.weight in model.safetensors is stored as F64; only f32, f16 and bf16 are read",
    );
}

#[test]
fn damaged_files_are_refused() {
    let again = "download or copy it again";
    let replaced = |change: fn(Vec<u8>) -> Vec<u8>| {
        let folder = Model::tiny().write();
        let bytes = fs::read(folder.join("model.safetensors")).unwrap();
        folder.file("model.safetensors", change(bytes));
        message(&folder, "", None)
    };
    let starts = "FOLDER/model.safetensors is not a whole safetensors file (";
    let cut = replaced(|bytes| bytes[..bytes.len() / 2].to_vec());
    assert!(cut.starts_with(&format!("{starts}it has ")), "{cut}");
    assert!(cut.ends_with(again) && cut.contains(" bytes, its header speaks of "), "{cut}");
    let check = |message: String, reason: &str| {
        assert_eq!(message, format!("{starts}{reason}): {again}"));
    };
    check(replaced(|bytes| bytes[..100].to_vec()), "its header is longer than the file");
    check(replaced(|_| Vec::new()), "it has 0 bytes");
    check(replaced(|_| b"<html>not found</html>".to_vec()), "its header is longer than the file");
    assert_eq!(
        replaced(|_| b"version https://git-lfs.github.com/spec/v1\n".to_vec()),
        format!(
            "FOLDER/model.safetensors is not a whole weights file (it is a Git LFS pointer, `git lfs pull` fetches the file): {again}"
        )
    );
    let longer = replaced(|mut bytes| {
        bytes.push(0);
        bytes
    });
    assert!(longer.contains(" bytes, its header speaks of "), "{longer}");
    let garbled = replaced(|mut bytes| {
        bytes[9] = b'!';
        bytes
    });
    assert!(garbled.contains("(its header: "), "{garbled}");
}

#[test]
fn shards_that_do_not_belong_together_are_refused() {
    let sharded = || Model::tiny().write_sharded();
    let [first, second] = SHARDS;
    let folder = sharded();
    folder.remove(second);
    check(
        &folder,
        &format!(
            "FOLDER has no {second}, which a model in Hugging Face layout needs: copy it there from the place the weights came from"
        ),
    );

    let folder = sharded();
    fs::copy(folder.join(first), folder.join(second)).unwrap();
    let duplicate = message(&folder, "", None);
    assert!(
        duplicate.ends_with(&format!(
            " is in {first} and in {second}: the shards are of two models, download them again"
        )),
        "{duplicate}"
    );

    let folder = sharded();
    let mut model = Model::tiny();
    model.tensors.retain(|name, _| name == "text_projection.weight");
    folder.weights(second, &model.tensors, Foreign::F32);
    let lacking = message(&folder, "", None);
    assert!(
        lacking.starts_with("model.safetensors.index.json says that tensor ")
            && lacking.contains(&format!("is in {second}, but it is not")),
        "{lacking}"
    );

    let index = |text: &str, reason: &str| {
        let folder = sharded();
        folder.file("model.safetensors.index.json", text);
        let message = message(&folder, "", None);
        assert!(message.contains(reason), "{message}");
    };
    index("{", "model.safetensors.index.json is not the JSON it should be (EOF");
    index("{}", "(it has no weight_map)");
    index(r#"{"weight_map": {"a": 1}}"#, "(a file name is not a text)");
    index(r#"{"weight_map": {"a": "../a"}}"#, "(../a is not a plain file name)");
}

#[test]
fn missing_files_are_named() {
    let without = |name: &str, expected: &str| {
        let folder = Model::tiny().write();
        folder.remove(name);
        check(
            &folder,
            &format!(
                "FOLDER has no {expected}, which a model in Hugging Face layout needs: copy it there from the place the weights came from"
            ),
        );
    };
    without("config.json", "config.json");
    without("preprocessor_config.json", "preprocessor_config.json");
    without("model.safetensors", "model.safetensors");

    let folder = Model::tiny().write();
    assert_eq!(
        message(&folder, "absent", None),
        "there is no file or folder FOLDER/absent; a model of the hub is written owner/name or owner/name@revision, such as openai/clip-vit-base-patch32"
    );
    folder.file("config.json", "[]");
    check(
        &folder,
        "FOLDER/config.json is not the JSON it should be (it is not an object): download it again",
    );
}

#[test]
fn other_formats_are_refused() {
    let folder = Model::tiny().write();
    let again = "is neither a safetensors file nor an archive of PyTorch's: give the weights file itself, or save the model again with transformers' `save_pretrained`";
    folder.file("ViT-B-32.pt", "");
    assert_eq!(message(&folder, "ViT-B-32.pt", None), format!("FOLDER/ViT-B-32.pt {again}"));
    folder.file("pytorch_model.bin", "");
    folder.remove("model.safetensors");
    check(&folder, &format!("FOLDER/pytorch_model.bin {again}"));
}

#[test]
fn neither_the_output_nor_the_source_can_be_the_other() {
    let folder = Model::tiny().write();
    let source = folder.join("model.safetensors");
    let bytes = fs::read(&source).unwrap();
    let options = Options { output: Some(source.clone()), ..Options::default() };
    let error = convert(&Source::Path(folder.path().into()), &options, &mut ()).unwrap_err();
    assert!(error.to_string().ends_with("is the source itself: choose another"), "{error}");
    assert_eq!(fs::read(&source).unwrap(), bytes);

    let output = Some(folder.join("converted.safetensors"));
    let options = Options { output, ..Options::default() };
    convert(&Source::Path(folder.path().into()), &options, &mut ()).unwrap();
    assert_eq!(
        message(&folder, "converted.safetensors", None),
        "FOLDER/converted.safetensors is converted already: use it as it is"
    );
}

#[test]
fn a_file_must_have_the_hash_that_was_asked_for() {
    let folder = Model::tiny().write();
    let convert_with = |sha256: &str| {
        let output = Some(folder.join("out.safetensors"));
        let sha256 = Some(sha256.to_owned());
        let options = Options { output, sha256, ..Options::default() };
        convert(&Source::Path(folder.path().into()), &options, &mut ())
    };
    let other = "0".repeat(64);
    let message = convert_with(&other).unwrap_err().to_string();
    assert!(!folder.join("out.safetensors").exists());
    let start = format!("the SHA-256 of {} is ", folder.join("model.safetensors").display());
    let found = message.strip_prefix(&start).unwrap_or_else(|| panic!("{message}"));
    let (found, rest) = found.split_once(" and not ").unwrap();
    assert_eq!(
        rest,
        format!("{other}, so it is another file or a damaged one: download or copy it again")
    );
    let summary = convert_with(&found.to_uppercase()).unwrap();
    assert_eq!(summary.card.source.files[0].sha256, found);
}

#[cfg(not(feature = "hub"))]
#[test]
fn what_would_be_downloaded_names_the_feature_that_is_missing() {
    for source in ["openai/clip-vit-base-patch32", "https://example.com/ViT-B-32.pt"] {
        let error = convert(&Source::parse(source), &Options::default(), &mut ()).unwrap_err();
        let message = error.to_string();
        assert!(message.starts_with(&format!("{source} is not on this disk")), "{message}");
        assert!(message.contains("with the feature `hub` of clip-weights"), "{message}");
    }
}
