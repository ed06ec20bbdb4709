//! Downloads, against a server of our own.

#![cfg(feature = "hub")]

#[path = "../pytorch/archive.rs"]
#[expect(dead_code, reason = "one kind of archive is enough here")]
mod archive;
#[path = "../common/mod.rs"]
mod common;
mod http;
mod open_clip;
mod revisions;
mod server;
mod site;
#[path = "../common/state_dict.rs"]
mod state_dict;
mod url;

use std::collections::BTreeSet;
use std::fs;

use clip_weights::{HubOptions, Options, Source, open};
use common::Model;
use server::{Hub, ID, Log, Repository, check_converted};

#[test]
fn a_model_is_downloaded_and_converted() {
    let hub = Hub::tiny(Repository::default());
    check_converted(&hub, &hub.convert().unwrap());
    assert_eq!(hub.weight_requests(), [0]);
    // The second time everything is in the cache.
    check_converted(&hub, &hub.convert().unwrap());
    assert_eq!(hub.weight_requests(), [0]);
}

/// What was opened needs no network any more, though optional files are absent from the cache.
#[test]
fn a_model_is_asked_for_once() {
    let hub = Hub::tiny(Repository::default());
    let options = Options { output: Some(hub.output()), hub: hub.options(), ..Options::default() };
    let opened = open(&Source::parse(ID), &options, &mut ()).unwrap();
    hub.repository.lock().unwrap().status = Some(500);
    let inspection = opened.inspect();
    assert!(inspection.problem.is_none());
    let summary = opened.convert(&mut ()).unwrap();
    assert_eq!((inspection.name, inspection.config), (summary.card.name, summary.card.config));
}

#[test]
fn shards_and_optional_files_are_downloaded() {
    let folder = Model::tiny().write_sharded();
    folder.file("README.md", "---\nlicense: mit\n---\n");
    folder.file("tokenizer_config.json", r#"{"pad_token": "!"}"#);
    let hub = Hub::new(folder.path(), Repository::default());
    let summary = hub.convert().unwrap();
    check_converted(&hub, &summary);
    assert_eq!(summary.card.license.as_deref(), Some("mit"));
    assert_eq!(summary.card.tokenizer.pad_token, 0);
    assert_eq!(summary.card.source.files.len(), 2);
    let asked: BTreeSet<_> = hub.log.lock().unwrap().iter().map(|(file, _)| file.clone()).collect();
    assert_eq!(asked, hub.repository.lock().unwrap().files.keys().cloned().collect());
}

/// As sentence-transformers/clip-ViT-B-32: the model is in a folder, which `modules.json` names.
#[test]
fn a_part_of_a_repository_is_downloaded() {
    let folder = Model::tiny().write_sharded();
    let files = Hub::new(folder.path(), Repository::default());
    let files = std::mem::take(&mut files.repository.lock().unwrap().files);
    let mut files: server::Files =
        files.into_iter().map(|(name, bytes)| (format!("0_CLIPModel/{name}"), bytes)).collect();
    let kind = "sentence_transformers.models.CLIPModel";
    let list = serde_json::json!([{"idx": 0, "name": "0", "path": "0_CLIPModel", "type": kind}]);
    files.insert("modules.json".to_owned(), list.to_string().into_bytes());
    files.insert("README.md".to_owned(), b"---\nlicense: mit\n---\n".to_vec());
    let hub = Hub::serving(Repository { files, ..Repository::default() });
    let summary = hub.convert().unwrap();
    let card = &summary.card;
    assert_eq!((&*card.name, &*card.source.origin), ("tiny-clip", ID));
    assert_eq!((card.license.as_deref(), card.source.files.len()), (Some("mit"), 2));
    // Without a network, from the cache.
    assert!(hub.convert_as(hub.offline(), &mut ()).unwrap().was_there);
}

/// As OpenAI's repositories: nothing but a pickle, which is read as data.
#[test]
fn pickles_are_downloaded_where_there_is_nothing_else() {
    let model = Model::tiny();
    let folder = model.write_configs();
    folder.file("pytorch_model.bin", archive::state_dict(&model.tensors));
    let hub = Hub::new(folder.path(), Repository::default());
    check_converted(&hub, &hub.convert().unwrap());
    let mut log = Log::default();
    let summary = hub.convert_as(hub.offline(), &mut log).unwrap();
    check_converted(&hub, &summary);
    assert!(!log.tasks().iter().any(|task| task.starts_with("downloading")), "{log:?}");

    let other = Hub::new(folder.path(), Repository { lies: true, ..Repository::default() });
    assert!(other.refusal().contains("the SHA-256 of pytorch_model.bin"));
}

/// A token that `hf auth login` left beside the cache is shown.
#[test]
fn a_token_beside_the_cache_is_used() {
    let private = Repository { status: Some(401), token: Some("secret"), ..Repository::default() };
    let hub = Hub::tiny(private);
    assert!(hub.refusal().contains("(status 401)"));
    fs::write(hub.cache.path().join("token"), "secret\n").unwrap();
    check_converted(&hub, &hub.convert().unwrap());
}

#[test]
fn files_may_be_elsewhere() {
    let hub = Hub::tiny(Repository { redirects: true, ..Repository::default() });
    check_converted(&hub, &hub.convert().unwrap());
}

#[test]
fn a_connection_that_breaks_is_taken_up_again() {
    let hub = Hub::tiny(Repository { cuts: vec![1000, 2000], ..Repository::default() });
    check_converted(&hub, &hub.convert().unwrap());
    assert_eq!(hub.weight_requests(), [0, 1000, 3000]);
}

#[test]
fn a_later_run_goes_on_where_the_first_stopped() {
    let hub = Hub::tiny(Repository { cuts: vec![1000, 0], ..Repository::default() });
    let message = hub.refusal();
    let start = format!("the download of model.safetensors of {ID} broke off (");
    assert!(message.starts_with(&start), "{message}");
    assert!(message.ends_with("run the command again, it goes on where it stopped"), "{message}");
    assert_eq!(fs::metadata(hub.partial_file()).unwrap().len(), 1000);
    check_converted(&hub, &hub.convert().unwrap());
    assert_eq!(hub.weight_requests(), [0, 1000, 1000]);
    assert!(!hub.partial_file().exists());
}

#[test]
fn a_partial_file_that_is_complete_or_too_long_is_no_obstacle() {
    let check = |length_of: fn(usize) -> usize, requests: fn(usize) -> u64| {
        let hub = Hub::tiny(Repository::default());
        let mut bytes = hub.repository.lock().unwrap().files["model.safetensors"].clone();
        let length = bytes.len();
        bytes.resize(length_of(length), 0);
        fs::create_dir_all(hub.partial_file().parent().unwrap()).unwrap();
        fs::write(hub.partial_file(), bytes).unwrap();
        check_converted(&hub, &hub.convert().unwrap());
        assert_eq!(hub.weight_requests(), [requests(length)]);
    };
    check(|length| length, |length| length as u64 - 1);
    check(|length| length + 5, |_| 0);
}

#[test]
fn a_download_with_another_hash_is_deleted() {
    let hub = Hub::tiny(Repository { lies: true, ..Repository::default() });
    let expected = format!(
        "the SHA-256 of model.safetensors of {ID} is not the hub's, so the download was deleted: run the command again"
    );
    assert_eq!(hub.refusal(), expected);
    hub.repository.lock().unwrap().lies = false;
    check_converted(&hub, &hub.convert().unwrap());
}

#[test]
fn a_token_opens_gated_models() {
    let hub =
        Hub::tiny(Repository { status: Some(401), token: Some("secret"), ..Repository::default() });
    let message = |status: u16| {
        format!(
            "HUB does not show {ID} to everyone (status {status}): check the spelling, and if the model is gated or private, accept its terms there and set HF_TOKEN"
        )
    };
    assert_eq!(hub.refusal(), message(401));
    hub.repository.lock().unwrap().status = Some(403);
    assert_eq!(hub.refusal(), message(403));
    let options = HubOptions { token: Some("secret".to_owned()), ..hub.options() };
    assert!(!format!("{options:?}").contains("secret"));
    check_converted(&hub, &hub.convert_as(options, &mut ()).unwrap());
}

#[test]
fn what_the_hub_lacks_is_named() {
    let hub = Hub::tiny(Repository::default());
    let message = |file: &str| {
        format!(
            "HUB has no {file} under {ID}: check the spelling, and that the repository is a CLIP for transformers or OpenCLIP"
        )
    };
    hub.repository.lock().unwrap().files.clear();
    assert_eq!(hub.refusal(), message("config.json"));

    let hub = Hub::tiny(Repository { status: Some(500), ..Repository::default() });
    assert_eq!(
        hub.refusal(),
        format!(
            "HUB did not answer as a hub does for config.json of {ID} (status 500): check HF_ENDPOINT and try again later"
        )
    );
}

#[test]
fn without_a_network_the_error_is_one_sentence_and_the_cache_still_works() {
    let hub = Hub::tiny(Repository::default());
    let offline = hub.offline();
    let endpoint = offline.endpoint.clone().unwrap();
    let error = hub.convert_as(offline.clone(), &mut ()).unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot reach {endpoint} (")), "{error}");
    assert!(
        error.ends_with(&format!(
            "check the network, or download {ID} elsewhere and give its folder"
        )),
        "{error}"
    );
    assert!(!error.contains('\n') && !error.contains('{'), "{error}");

    hub.convert().unwrap();
    fs::remove_file(hub.output()).unwrap();
    check_converted(&hub, &hub.convert_as(offline, &mut ()).unwrap());
}

#[test]
fn progress_adds_up() {
    let hub = Hub::tiny(Repository { cuts: vec![1000], ..Repository::default() });
    let mut log = Log::default();
    hub.convert_as(hub.options(), &mut log).unwrap();
    assert_eq!(
        log.tasks(),
        [
            "downloading config.json",
            "downloading preprocessor_config.json",
            "downloading model.safetensors",
            "writing tiny-clip"
        ]
    );
}
