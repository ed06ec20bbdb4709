//! Repositories of OpenCLIP's.

use std::collections::BTreeSet;
use std::fs;

use clip_testkit::unpack_model;
use clip_weights::Family;
use tempfile::TempDir;

use super::common::Model;
use super::server::{Hub, ID, Repository};

const CONFIG: &str = "open_clip_config.json";
const WEIGHTS: &str = "open_clip_model.safetensors";

fn repository() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    unpack_model("open-clip/bare", folder.path());
    fs::write(folder.path().join("README.md"), "---\nlicense: mit\n---\n").unwrap();
    folder
}

fn asked(hub: &Hub) -> BTreeSet<String> {
    hub.log.lock().unwrap().iter().map(|(file, _)| file.clone()).collect()
}

#[test]
fn a_model_is_downloaded_and_converted() {
    let hub = Hub::new(repository().path(), Repository::default());
    let summary = hub.convert().unwrap();
    assert_eq!(summary.family, Family::OpenClip);
    assert_eq!((&*summary.card.name, &*summary.card.source.origin), ("tiny-clip", ID));
    assert_eq!(summary.card.license.as_deref(), Some("mit"));
    assert_eq!(asked(&hub), [CONFIG, WEIGHTS, "README.md"].map(str::to_owned).into());
    // From the cache, without a network.
    assert_eq!(hub.convert_as(hub.offline(), &mut ()).unwrap().family, Family::OpenClip);
}

/// SigLIP's tokenizer lies beside its weights.
#[test]
fn a_tokenizer_is_downloaded_where_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    unpack_model("siglip/open-clip", folder.path());
    let hub = Hub::new(folder.path(), Repository::default());
    let tokenizer = hub.convert().unwrap().card.tokenizer;
    assert_eq!((tokenizer.end_token, tokenizer.pad_token), (1, 0));
    assert!(asked(&hub).contains("tokenizer.json"));
}

/// As in a folder: a `config.json` counts where it is transformers'.
#[test]
fn transformers_files_win() {
    let folder = repository();
    fs::write(folder.path().join("config.json"), r#"{"architecture": "vit"}"#).unwrap();
    let hub = Hub::new(folder.path(), Repository::default());
    assert_eq!(hub.convert().unwrap().family, Family::OpenClip);

    let both = Model::tiny().write();
    for name in [CONFIG, WEIGHTS] {
        both.file(name, fs::read(folder.path().join(name)).unwrap());
    }
    let hub = Hub::new(both.path(), Repository::default());
    assert_eq!(hub.convert().unwrap().family, Family::HuggingFace);
    assert!(!asked(&hub).contains(CONFIG) && !asked(&hub).contains(WEIGHTS));
}

#[test]
fn a_pickle_will_do() {
    let folder = tempfile::tempdir().unwrap();
    unpack_model("open-clip/custom-text", folder.path());
    let hub = Hub::new(folder.path(), Repository::default());
    assert_eq!(hub.convert().unwrap().family, Family::OpenClip);
    assert!(asked(&hub).contains("open_clip_pytorch_model.bin"));
}

#[test]
fn shards_are_downloaded() {
    let folder = tempfile::tempdir().unwrap();
    unpack_model("open-clip/end-token", folder.path());
    let hub = Hub::new(folder.path(), Repository::default());
    assert_eq!(hub.convert().unwrap().card.source.files.len(), 2);
    assert_eq!(hub.convert_as(hub.offline(), &mut ()).unwrap().card.source.files.len(), 2);
}

#[test]
fn a_repository_without_weights_is_refused() {
    let folder = repository();
    fs::remove_file(folder.path().join(WEIGHTS)).unwrap();
    let hub = Hub::new(folder.path(), Repository::default());
    assert_eq!(
        hub.refusal(),
        format!(
            "HUB has no weights under {ID} (looked for {WEIGHTS}, {WEIGHTS}.index.json, open_clip_pytorch_model.bin, open_clip_pytorch_model.bin.index.json, open_clip_pytorch_model.pt, model.safetensors, model.safetensors.index.json, pytorch_model.bin, pytorch_model.bin.index.json): name a revision that has them, as owner/name@revision, or download the repository yourself and give its folder"
        )
    );
}
