//! Downloads, against a small server that answers as the hub's resolve endpoint does.

#![cfg(feature = "hub")]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;

use clip_checkpoint::Checkpoint;
use clip_weights::{Error, HubOptions, Options, Progress, Source, Summary, convert};
use common::Model;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

const ID: &str = "someone/tiny-clip";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What the server holds and how it behaves.
#[derive(Default)]
struct Repository {
    files: BTreeMap<String, Vec<u8>>,
    /// Answers every request with this status.
    status: Option<u16>,
    /// Answers with [`Repository::status`] unless this token is shown.
    token: Option<&'static str>,
    /// Closes the connection after so many bytes of a body, as often as there are entries.
    cuts: Vec<usize>,
    /// Large files are on another address, as on the public hub.
    redirects: bool,
    /// Announces another SHA-256 than the file's.
    lies: bool,
}

struct Hub {
    endpoint: String,
    repository: Arc<Mutex<Repository>>,
    /// Paths and ranges that were asked for, in order.
    log: Arc<Mutex<Vec<(String, u64)>>>,
    cache: TempDir,
}

impl Hub {
    fn new(folder: &Path, repository: Repository) -> Self {
        let files = fs::read_dir(folder).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())
        });
        let repository = Repository { files: files.collect(), ..repository };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let repository = Arc::new(Mutex::new(repository));
        let log = Arc::new(Mutex::new(Vec::new()));
        let (shared, shared_log, base) = (repository.clone(), log.clone(), endpoint.clone());
        thread::spawn(move || {
            for stream in listener.incoming() {
                // A client that hangs up early is part of the tests.
                let _ = serve(stream.unwrap(), &base, &shared, &shared_log);
            }
        });
        Self { endpoint, repository, log, cache: tempfile::tempdir().unwrap() }
    }

    fn tiny(repository: Repository) -> Self {
        Self::new(Model::tiny().write().path(), repository)
    }

    fn options(&self) -> HubOptions {
        HubOptions {
            endpoint: Some(self.endpoint.clone()),
            cache: Some(self.cache.path().join("hub")),
            token: None,
        }
    }

    fn output(&self) -> PathBuf {
        self.cache.path().join("out.safetensors")
    }

    fn convert(&self) -> Result<Summary, Error> {
        self.convert_as(self.options(), &mut ())
    }

    fn convert_as(&self, hub: HubOptions, progress: &mut dyn Progress) -> Result<Summary, Error> {
        let options = Options { output: Some(self.output()), hub, ..Options::default() };
        convert(&Source::Hub(ID.to_owned()), &options, progress)
    }

    /// The message of a conversion that fails, without the address.
    fn refusal(&self) -> String {
        let message = self.convert().unwrap_err().to_string();
        assert!(!self.output().exists());
        message.replace(&self.endpoint, "HUB")
    }

    /// Where the downloads of weights began, the one-byte questions left out.
    fn weight_requests(&self) -> Vec<u64> {
        let log = self.log.lock().unwrap();
        log.iter()
            .filter(|(file, _)| file == "model.safetensors")
            .map(|(_, start)| *start)
            .collect()
    }

    fn partial_file(&self) -> PathBuf {
        let blobs = self.cache.path().join("hub/models--someone--tiny-clip/blobs");
        let weights = &self.repository.lock().unwrap().files["model.safetensors"];
        blobs.join(format!("{}.part", sha256(weights)))
    }
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn serve(
    mut stream: TcpStream,
    endpoint: &str,
    repository: &Mutex<Repository>,
    log: &Mutex<Vec<(String, u64)>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap()?;
    let headers: Vec<String> =
        lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let header = |name: &str| {
        headers.iter().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    };
    let mut repository = repository.lock().unwrap();
    let path = request.split(' ').nth(1).unwrap();
    let name = path.rsplit('/').next().unwrap().to_owned();
    let allowed = repository.token.is_some_and(|token| {
        header("authorization").is_some_and(|value| value == format!("Bearer {token}"))
    });
    let status = match repository.status {
        Some(status) if !allowed => Some(status),
        _ if path != format!("/{ID}/resolve/main/{name}") && !path.starts_with("/cdn/") => {
            Some(404)
        }
        _ if !repository.files.contains_key(&name) => Some(404),
        _ => None,
    };
    if let Some(status) = status {
        return write!(
            stream,
            "HTTP/1.1 {status} No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        );
    }
    let body = repository.files[&name].clone();
    let is_weights = name.ends_with(".safetensors");
    let etag = match (is_weights, repository.lies) {
        (true, false) => sha256(&body),
        (true, true) => sha256(b"other bytes"),
        (false, _) => format!("small-{}", &sha256(&body)[..20]),
    };
    let named = format!("x-repo-commit: {COMMIT}\r\netag: \"{etag}\"\r\nconnection: close\r\n");
    if repository.redirects && is_weights && !path.starts_with("/cdn/") {
        return write!(
            stream,
            "HTTP/1.1 302 Found\r\nlocation: {endpoint}/cdn/{name}\r\nx-linked-etag: \"{etag}\"\r\ncontent-length: 0\r\n{named}\r\n"
        );
    }
    let range = header("range").unwrap().strip_prefix("bytes=").unwrap().to_owned();
    let (start, end) = range.split_once('-').unwrap();
    let start: usize = start.parse().unwrap();
    let end = end.parse().map_or(body.len(), |end: usize| end + 1);
    if start >= body.len() {
        return write!(stream, "HTTP/1.1 416 No\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
    write!(
        stream,
        "HTTP/1.1 206 Partial Content\r\ncontent-range: bytes {start}-{}/{}\r\ncontent-length: {}\r\n{named}\r\n",
        end - 1,
        body.len(),
        end - start
    )?;
    let mut part = &body[start..end];
    if range != "0-0" {
        log.lock().unwrap().push((name, start as u64));
        if is_weights && !repository.cuts.is_empty() {
            part = &part[..repository.cuts.remove(0)];
        }
    }
    stream.write_all(part)
}

fn check_converted(hub: &Hub, summary: &Summary) {
    let model = Model::tiny();
    let checkpoint = Checkpoint::open(&hub.output()).unwrap();
    let scale = &model.tensors["logit_scale"].1;
    assert_eq!(&checkpoint.read("logit_scale").unwrap(), scale);
    let card = checkpoint.card();
    assert_eq!((&*card.name, &*card.source.origin), ("tiny-clip", ID));
    let files = &hub.repository.lock().unwrap().files;
    for file in &summary.card.source.files {
        assert_eq!(file.sha256, sha256(&files[&file.name]));
    }
}

#[test]
fn a_model_is_downloaded_and_converted() {
    let hub = Hub::tiny(Repository::default());
    check_converted(&hub, &hub.convert().unwrap());
    assert_eq!(hub.weight_requests(), [0]);
    // The second time everything is in the cache.
    check_converted(&hub, &hub.convert().unwrap());
    assert_eq!(hub.weight_requests(), [0]);
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

#[test]
fn large_files_may_be_elsewhere() {
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
            "HUB has no {file} under {ID}: check the spelling, and that the repository is a CLIP for transformers with safetensors"
        )
    };
    let without = |file: &str| hub.repository.lock().unwrap().files.remove(file).unwrap();
    without("model.safetensors");
    assert_eq!(hub.refusal(), message("model.safetensors"));

    let hub = Hub::tiny(Repository::default());
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
    // A port that nobody listens on: bound and closed again.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let endpoint = format!("http://{closed}");
    let offline = HubOptions { endpoint: Some(endpoint.clone()), ..hub.options() };
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
    /// Bytes announced and done of each task.
    #[derive(Default)]
    struct Log(Vec<(String, u64, u64)>);

    impl Progress for Log {
        fn start(&mut self, task: &str, bytes: u64) {
            self.0.push((task.to_owned(), bytes, 0));
        }

        fn advance(&mut self, bytes: u64) {
            self.0.last_mut().unwrap().2 += bytes;
        }

        fn finish(&mut self) {
            let (task, announced, done) = self.0.last().unwrap();
            assert_eq!(announced, done, "{task}");
        }
    }

    let hub = Hub::tiny(Repository { cuts: vec![1000], ..Repository::default() });
    let mut log = Log::default();
    hub.convert_as(hub.options(), &mut log).unwrap();
    let mut tasks: Vec<_> = log.0.iter().map(|(task, ..)| task.as_str()).collect();
    tasks.dedup();
    assert_eq!(
        tasks,
        [
            "downloading config.json",
            "downloading preprocessor_config.json",
            "downloading model.safetensors",
            "checking model.safetensors",
            "writing tiny-clip"
        ]
    );
}
