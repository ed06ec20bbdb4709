//! Revisions, and the pull request of the conversion bot.

use std::collections::BTreeMap;
use std::fs;

use clip_weights::HubOptions;
use serde_json::json;

use crate::common::Model;
use crate::server::{Files, Hub, ID, Log, Repository, check_converted_from, commit};

#[test]
fn a_revision_is_taken_as_it_is_asked_for() {
    let check = |revision: &str, address: &'static str| {
        let hub = Hub::tiny(Repository::default());
        let files = hub.repository.lock().unwrap().files.clone();
        hub.repository.lock().unwrap().revisions.insert(address, files.clone());
        hub.repository.lock().unwrap().files.clear();
        let source = format!("{ID}@{revision}");
        let summary = hub.convert_source(&source, hub.options(), &mut ()).unwrap();
        check_converted_from(&hub, &summary, &source, &files);
        // From the cache.
        let summary = hub.convert_source(&source, hub.options(), &mut ()).unwrap();
        check_converted_from(&hub, &summary, &source, &files);
        assert_eq!(hub.weight_requests(), [0]);
    };
    check("v1.0", "v1.0");
    check("0123456789abcdef0123456789abcdef01234567", "0123456789abcdef0123456789abcdef01234567");
    check("refs/pr/66", "refs%2Fpr%2F66");

    let hub = Hub::tiny(Repository::default());
    assert_eq!(
        hub.refusal_of(&format!("{ID}@v2")),
        format!(
            "HUB has no config.json under {ID}@v2: check the spelling, and that the repository is a CLIP for transformers or OpenCLIP with safetensors"
        )
    );
}

/// A repository as OpenAI's: nothing but a pickle on main. Pull requests of every kind are open, and
/// the right one is on the second page.
fn pickled() -> Repository {
    let folder = Model::tiny().write();
    let read = |name: &str| (name.to_owned(), fs::read(folder.join(name)).unwrap());
    let converted = ["config.json", "preprocessor_config.json", "model.safetensors"].map(read);
    let mut main = Files::from(converted.clone());
    main.remove("model.safetensors");
    main.insert("pytorch_model.bin".to_owned(), b"a pickle".to_vec());

    let discussion = |num: u64, title: &str, author: &str, status: &str, is_pull_request: bool| {
        json!({
            "num": num, "title": title, "author": {"name": author}, "status": status,
            "isPullRequest": is_pull_request,
        })
    };
    let (title, bot) = ("Adding `safetensors` variant of this model", "SFconvertbot");
    let first = [
        discussion(71, title, "stranger", "open", true),
        discussion(70, title, bot, "merged", true),
        discussion(69, title, bot, "open", false),
        discussion(68, "Better weights", bot, "open", true),
        discussion(15, title, bot, "open", true),
        json!({"num": 14, "title": title, "author": null}),
    ];
    let commits = |ids: &[&str]| json!(ids.iter().map(|id| json!({"id": id})).collect::<Vec<_>>());
    let (top, base) = (commit("main"), commit("an older state of main"));
    Repository {
        files: main,
        revisions: BTreeMap::from([("refs%2Fpr%2F66", Files::from(converted))]),
        answers: BTreeMap::from([
            ("discussions?p=0", json!({"discussions": first, "count": 7, "start": 0})),
            ("discussions?p=1", {
                let right = discussion(66, title, bot, "open", true);
                json!({"discussions": [right], "count": 7, "start": 6})
            }),
            ("commits/main", commits(&[&top, &base])),
            ("commits/refs%2Fpr%2F66", commits(&["66", &top, &base])),
            // Made before main got its last commit.
            ("commits/refs%2Fpr%2F15", commits(&["15", &base])),
            // Wrong for another reason each.
            ("commits/refs%2Fpr%2F71", commits(&["71", &top, &base])),
            ("commits/refs%2Fpr%2F70", commits(&["70", &top, &base])),
            ("commits/refs%2Fpr%2F69", commits(&["69", &top, &base])),
            ("commits/refs%2Fpr%2F68", commits(&["68", &top, &base])),
        ]),
        ..Repository::default()
    }
}

#[test]
fn safetensors_are_found_in_the_pull_request_of_the_conversion_bot() {
    let hub = Hub::serving(pickled());
    let mut log = Log::default();
    let summary = hub.convert_as(hub.options(), &mut log).unwrap();
    assert!(log.tasks().contains(&"downloading model.safetensors of refs/pr/66"), "{log:?}");
    let origin = format!("{ID}@refs/pr/66");
    let files = hub.repository.lock().unwrap().revisions["refs%2Fpr%2F66"].clone();
    check_converted_from(&hub, &summary, &origin, &files);
    // The origin on the card leads to the same files, without a network too.
    let again = hub.convert_source(&origin, hub.offline(), &mut ()).unwrap();
    assert_eq!(again.card, summary.card);
    assert_eq!(hub.weight_requests(), [0]);
}

#[test]
fn without_such_a_pull_request_the_message_says_what_to_do() {
    let check = |source: &str, change: fn(&mut Repository)| {
        let mut repository = pickled();
        change(&mut repository);
        let expected = format!(
            "HUB has no model.safetensors under {source}, and pytorch_model.bin is not downloaded: name a revision that has it, as owner/name@revision, or download the repository yourself and give its folder"
        );
        assert_eq!(Hub::serving(repository).refusal_of(source), expected);
    };
    check(ID, |repository| {
        let nothing = json!({"discussions": [], "count": 0, "start": 0});
        repository.answers.insert("discussions?p=0", nothing);
    });
    // A page that is announced but empty ends the search.
    check(ID, |repository| {
        repository.answers.insert("discussions?p=1", json!({"discussions": [], "count": 7}));
    });
    // Made from an older state of main.
    check(ID, |repository| {
        let commits = json!([{"id": "6666"}, {"id": "older"}]);
        repository.answers.insert("commits/refs%2Fpr%2F66", commits);
    });
    // Endpoints that do not answer, or not as they should.
    check(ID, |repository| repository.answers.clear());
    check(ID, |repository| drop(repository.answers.insert("discussions?p=0", json!(500))));
    check(ID, |repository| drop(repository.answers.insert("discussions?p=1", json!("a text"))));
    check(ID, |repository| drop(repository.answers.insert("commits/main", json!(404))));
    check(ID, |repository| drop(repository.answers.insert("commits/main", json!([]))));
    // A revision that was asked for is never replaced by another.
    check(&format!("{ID}@main"), |_| ());
}

#[test]
fn the_search_for_a_pull_request_shows_the_token_too() {
    let hub = Hub::serving(Repository { status: Some(401), token: Some("secret"), ..pickled() });
    assert!(hub.refusal().contains("(status 401)"));
    let options = HubOptions { token: Some("secret".to_owned()), ..hub.options() };
    assert_eq!(
        hub.convert_as(options, &mut ()).unwrap().card.source.origin,
        format!("{ID}@refs/pr/66")
    );
    // As `hf auth login` leaves it, beside the cache.
    let hub = Hub::serving(Repository { status: Some(401), token: Some("secret"), ..pickled() });
    fs::write(hub.cache.path().join("token"), "secret\n").unwrap();
    assert_eq!(hub.convert().unwrap().card.source.origin, format!("{ID}@refs/pr/66"));
}
