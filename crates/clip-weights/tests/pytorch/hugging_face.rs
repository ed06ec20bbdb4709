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
