//! Folders in Hugging Face layout whose weights `torch.save` wrote.

use std::collections::BTreeMap;
use std::path::Path;

use clip_checkpoint::{Checkpoint, tensors};
use clip_weights::{Options, Source, convert};

use super::archive;
use super::common::{Folder, Model, Tensor};

fn converted(folder: &Path) -> Checkpoint {
    let target = tempfile::tempdir().unwrap();
    let output = target.path().join("out.safetensors");
    let options = Options { output: Some(output.clone()), ..Options::default() };
    convert(&Source::Path(folder.to_owned()), &options, &mut ()).unwrap();
    Checkpoint::open(&output).unwrap()
}

fn check(folder: &Folder) {
    let (expected, found) = (converted(Model::tiny().write().path()), converted(folder.path()));
    assert_eq!(expected.card().config, found.card().config);
    for spec in tensors(&expected.card().config) {
        let name = &spec.name;
        assert_eq!(expected.read(name).unwrap(), found.read(name).unwrap(), "{name}");
    }
}

#[test]
fn pickled_weights_are_the_same_as_safetensors() {
    let model = Model::tiny();
    let folder = model.write_configs();
    folder.file("pytorch_model.bin", archive::state_dict(&model.tensors));
    check(&folder);
}

#[test]
fn pickled_shards_are_the_same_as_safetensors() {
    let model = Model::tiny();
    let folder = model.write_configs();
    let mut shards = [BTreeMap::<String, Tensor>::new(), BTreeMap::new()];
    let mut map = serde_json::Map::new();
    for (index, (name, tensor)) in model.tensors.iter().enumerate() {
        shards[index % 2].insert(name.clone(), tensor.clone());
        map.insert(name.clone(), format!("{}.bin", index % 2).into());
    }
    for (number, tensors) in shards.iter().enumerate() {
        folder.file(&format!("{number}.bin"), archive::state_dict(tensors));
    }
    let index = serde_json::json!({ "weight_map": map });
    folder.file("pytorch_model.bin.index.json", index.to_string());
    check(&folder);
}

/// What `torch.compile`, data parallelism and a module of the user's own put before the names.
#[test]
fn prefixes_are_taken_off() {
    let model = Model::tiny();
    for prefix in ["module.", "_orig_mod.", "clip.", "module._orig_mod.clip_model."] {
        let folder = model.write_configs();
        let storages = archive::Storages::of(&model.tensors);
        let bytes = storages.archive(storages.dict(archive::Pickle::new(), prefix));
        folder.file("pytorch_model.bin", bytes);
        check(&folder);
    }
    // In safetensors too, and over shards, neither of which shows both towers.
    let mut prefixed = Model::tiny();
    prefixed.tensors =
        prefixed.tensors.into_iter().map(|(name, tensor)| (format!("a.{name}"), tensor)).collect();
    check(&prefixed.write());
    check(&prefixed.write_sharded());
}

/// sentence-transformers keeps the model in a folder of its own, and lists it.
#[test]
fn a_folder_of_sentence_transformers_is_its_clip() {
    let model = Model::tiny();
    let write = |modules: &str| {
        let folder = model.write();
        for file in ["config.json", "preprocessor_config.json", "model.safetensors"] {
            let bytes = std::fs::read(folder.join(file)).unwrap();
            folder.file(&format!("0_CLIPModel/{file}"), bytes);
            folder.remove(file);
        }
        folder.file("modules.json", modules);
        folder.file("README.md", "---\nlicense: mit\n---\n");
        folder
    };
    let list = |kind: &str, path: &str| {
        let kind = format!("sentence_transformers.models.{kind}");
        serde_json::json!([{"idx": 0, "name": "0", "path": path, "type": kind}]).to_string()
    };
    let folder = write(&list("CLIPModel", "0_CLIPModel"));
    check(&folder);
    let card = converted(folder.path()).card().clone();
    let name = folder.path().file_name().unwrap().to_str().unwrap();
    assert_eq!((&*card.name, card.license.as_deref()), (name, Some("mit")));

    let refused = |modules: &str| {
        let folder = write(modules);
        let source = Source::Path(folder.path().to_owned());
        let error = convert(&source, &Options::default(), &mut ()).unwrap_err().to_string();
        error.replace(&folder.path().display().to_string(), "FOLDER")
    };
    assert_eq!(
        refused(&list("Transformer", "0_Transformer")),
        "modules.json sets type to Transformer; only a CLIPModel, alone or as one of them, can be converted"
    );
    let outside = refused(&list("CLIPModel", "../0_CLIPModel"));
    assert!(outside.contains("(../0_CLIPModel is no folder in it)"), "{outside}");
    let absent = refused(&list("CLIPModel", "1_CLIPModel"));
    assert!(absent.starts_with("there is no file or folder FOLDER/1_CLIPModel"), "{absent}");
}
