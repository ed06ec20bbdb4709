//! Files at any address.

use std::fs::{self, File};

use clip_checkpoint::Checkpoint;
use clip_weights::Family;

use crate::common::Model;
use crate::server::{Log, sha256};
use crate::site::{Content, FILE, Site};
use crate::{http, state_dict};

const TAG: &str = "\"first\"";

fn tagged(start: usize) -> (usize, Option<String>) {
    (start, Some(TAG.to_owned()))
}

/// Converts what the site has, and compares every number.
#[track_caller]
fn check(site: &Site, url: &str) {
    let summary = site.convert(url).unwrap();
    assert_eq!(summary.family, Family::OpenAi);
    let checkpoint = Checkpoint::open(&site.output()).unwrap();
    state_dict::check(&checkpoint, &clip_testkit::unpacked("openai/state-dict.safetensors"));
    fs::remove_file(site.output()).unwrap();
    let card = checkpoint.card();
    assert_eq!((&*card.name, &*card.source.origin), ("ViT-T", url));
    assert_eq!(card.source.files[0].name, FILE);
    assert_eq!(site.kept_names(), [FILE]);
}

#[test]
fn a_file_is_downloaded_once() {
    let site = Site::new(Content::default());
    let url = site.url();
    check(&site, &url);
    check(&site, &url);
    assert_eq!(site.asked(), [(0, None)]);
    // Another address may have another file.
    let other = site.url_with("other");
    assert_eq!(&*site.convert(&other).unwrap().card.source.origin, other);
    assert_eq!((site.asked().len(), site.kept().len()), (2, 2));
}

#[test]
fn a_file_may_be_elsewhere() {
    let site = Site::new(Content { moved: true, cuts: vec![1000], ..Content::default() });
    check(&site, &site.url());
    assert_eq!(site.asked(), [(0, None), tagged(1000)]);
}

#[test]
fn a_connection_that_breaks_is_taken_up_again() {
    let site = Site::new(Content { cuts: vec![1000, 2000], ..Content::default() });
    check(&site, &site.url());
    assert_eq!(site.asked(), [(0, None), tagged(1000), tagged(3000)]);
}

#[test]
fn a_later_run_goes_on_where_the_first_stopped() {
    let site = Site::new(Content { cuts: vec![1000, 0], ..Content::default() });
    let message = site.refusal(&site.url());
    assert!(message.starts_with("the download of SITE/models/"), "{message}");
    assert!(message.contains(" broke off ("), "{message}");
    assert!(message.ends_with("run the command again, it goes on where it stopped"), "{message}");
    assert_eq!(site.kept_names(), [format!("{FILE}.etag"), format!("{FILE}.part")]);
    assert_eq!(fs::metadata(&site.kept()[1].1).unwrap().len(), 1000);
    check(&site, &site.url());
    assert_eq!(site.asked(), [(0, None), tagged(1000), tagged(1000)]);
}

/// Parts are asked for where the server says of which file they are, and begun again where it sends
/// the whole.
#[test]
fn what_cannot_be_taken_up_is_begun_again() {
    for tag in [None, Some("W/\"weak\"")] {
        let site = Site::new(Content { tag, cuts: vec![1000], ..Content::default() });
        check(&site, &site.url());
        assert_eq!(site.asked(), [(0, None), (0, None)]);
    }
    let site = Site::new(Content { parts: false, cuts: vec![1000], ..Content::default() });
    check(&site, &site.url());
    assert_eq!(site.asked(), [(0, None), tagged(1000)]);
}

#[test]
fn a_file_that_changed_is_downloaded_whole() {
    let other = vec![7; 5000];
    let site = Site::new(Content { bytes: other, cuts: vec![1000, 0], ..Content::default() });
    let url = site.url_with("latest");
    site.refusal(&url);
    *site.content.lock().unwrap() = Content { tag: Some("\"second\""), ..Content::default() };
    check(&site, &url);
}

#[test]
fn a_partial_file_that_is_complete_or_too_long_is_no_obstacle() {
    for more in [0, 5] {
        let site = Site::new(Content { cuts: vec![1000, 0], ..Content::default() });
        site.refusal(&site.url());
        let mut bytes = site.content.lock().unwrap().bytes.clone();
        let length = bytes.len() + more;
        bytes.resize(length, 0);
        fs::write(&site.kept()[1].1, bytes).unwrap();
        check(&site, &site.url());
        let after = &site.asked()[2..];
        assert_eq!(after[0], tagged(length));
        assert_eq!(after.len(), if more == 0 { 1 } else { 2 });
    }
}

/// The hash in the address is of another file: never under its name, not even for a moment.
#[test]
fn a_download_with_another_hash_is_deleted() {
    let site = Site::new(Content::default());
    let (right, hash) = (site.url(), sha256(b"other bytes"));
    let wrong = site.url_with(&hash.to_uppercase());
    let message = |hash: &str| {
        format!(
            "the SHA-256 of what SITE/models/{hash}/{FILE} gave is not the one in its address, so the download was deleted: run the command again"
        )
    };
    assert_eq!(site.refusal(&wrong), message(&hash.to_uppercase()));
    assert_eq!(site.kept_names(), [""; 0]);

    // Bytes that changed on the disk are as bad.
    check(&site, &right);
    let mut bytes = site.content.lock().unwrap().bytes.clone();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&site.kept()[0].1, &bytes).unwrap();
    let hash = sha256(&site.content.lock().unwrap().bytes);
    assert_eq!(site.refusal(&right), message(&hash));
    assert_eq!(site.kept_names(), [""; 0]);
    check(&site, &right);
}

#[test]
fn what_a_server_answers_instead_is_said() {
    let site = Site::new(Content::default());
    let url = site.url_with("a");
    let refusal = |status: u16| {
        site.content.lock().unwrap().status = Some(status);
        site.refusal(&url)
    };
    for status in [404, 410] {
        let expected =
            format!("SITE/models/a/{FILE} leads to no file (status {status}): check the address");
        assert_eq!(refusal(status), expected);
    }
    for status in [401, 403] {
        let expected = format!(
            "SITE/models/a/{FILE} is not open to everyone (status {status}): download the file elsewhere and give its path"
        );
        assert_eq!(refusal(status), expected);
    }
    let answer = |with: &str| {
        format!(
            "SITE/models/a/{FILE} answered, but with {with}: check the address (a model of the hub is given as owner/name), or try again later"
        )
    };
    assert_eq!(refusal(500), answer("status 500"));
    *site.content.lock().unwrap() = Content { kind: "text/html", ..Content::default() };
    assert_eq!(site.refusal(&url), answer("a web page"));
    site.content.lock().unwrap().name = "other.pt";
    assert!(site.refusal(&url).contains("(status 404)"));
}

#[test]
fn without_a_network_the_error_is_one_sentence() {
    let site = Site::new(Content::default());
    let url = format!("{}/{FILE}", http::nobody());
    let message = site.refusal(&url);
    assert!(message.starts_with(&format!("cannot reach {url} (")), "{message}");
    assert!(
        message.ends_with(
            "check the address and the network, or download the file elsewhere and give its path"
        ),
        "{message}"
    );
}

#[test]
fn a_cache_that_cannot_be_written_is_named() {
    let site = Site::new(Content::default());
    fs::write(site.cache.path().join("assets"), "a file").unwrap();
    let message = site.refusal(&site.url());
    assert!(message.starts_with("cannot keep the download in CACHE/assets/"), "{message}");
    assert!(
        message.ends_with("make room, or set HF_HOME to a folder that can be written"),
        "{message}"
    );
}

#[test]
fn two_programs_do_not_write_one_file() {
    let site = Site::new(Content { cuts: vec![1000, 0], ..Content::default() });
    site.refusal(&site.url());
    let other = File::open(&site.kept()[1].1).unwrap();
    other.lock().unwrap();
    let message = site.refusal(&site.url());
    assert!(message.contains("(another program is downloading it)"), "{message}");
    drop(other);
    check(&site, &site.url());
}

/// A layout of several files is no single file.
#[test]
fn what_needs_more_files_is_said() {
    let folder = Model::tiny().write();
    let bytes = fs::read(folder.join("model.safetensors")).unwrap();
    let site = Site::new(Content { name: "model.safetensors", bytes, ..Content::default() });
    assert_eq!(
        site.refusal(&site.url_with("a")),
        "SITE/models/a/model.safetensors is a file in Hugging Face layout, which needs config.json beside it: give the folder, or the model's name on the hub"
    );
}

#[test]
fn secrets_stay_out_of_cards_and_messages() {
    let site = Site::new(Content::default());
    let url = format!("{}?key=secret", site.url_with("a"));
    let summary = site.convert(&url).unwrap();
    assert_eq!(summary.card.source.origin, site.url_with("a"));
    fs::remove_file(site.output()).unwrap();
    site.content.lock().unwrap().status = Some(403);
    assert!(!site.refusal(&format!("{url}2")).contains("secret"));
}

#[test]
fn progress_adds_up() {
    let site = Site::new(Content { cuts: vec![1000], ..Content::default() });
    let mut log = Log::default();
    site.convert_as(&site.url(), &mut log).unwrap();
    assert_eq!(log.tasks(), ["downloading ViT-T.pt", "checking ViT-T.pt", "writing ViT-T"]);
}
