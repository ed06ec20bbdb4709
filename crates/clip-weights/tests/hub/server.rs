//! A small server that answers as the hub's resolve endpoint does.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use clip_checkpoint::Checkpoint;
use clip_weights::{Error, HubOptions, Options, Progress, Source, Summary, convert};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::common::Model;
use crate::http::{self, Request, head};

pub(crate) const ID: &str = "someone/tiny-clip";

pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// What the server holds and how it behaves.
#[derive(Default)]
pub(crate) struct Repository {
    /// The main branch.
    pub(crate) files: Files,
    /// Other revisions, spelled as in an address.
    pub(crate) revisions: BTreeMap<&'static str, Files>,
    /// Answers every request with this status.
    pub(crate) status: Option<u16>,
    /// Answers with [`Repository::status`] unless this token is shown.
    pub(crate) token: Option<&'static str>,
    /// Closes the connection after so many bytes of a body, as often as there are entries.
    pub(crate) cuts: Vec<usize>,
    /// Large files are on another server, small ones on another address, as on the public hub.
    pub(crate) redirects: bool,
    /// Announces another SHA-256 than the file's.
    pub(crate) lies: bool,
}

impl Repository {
    /// Files at `/OWNER/NAME/resolve/REVISION/FILE`, and at `/cdn/REVISION/FILE` after a redirect.
    fn find<'a>(&'a self, path: &'a str) -> Option<(&'a str, &'a Vec<u8>)> {
        let place = path.strip_prefix(&format!("/{ID}/resolve/"));
        let (revision, name) = place.or_else(|| path.strip_prefix("/cdn/"))?.split_once('/')?;
        let files = match revision {
            "main" => &self.files,
            _ => self.revisions.get(revision)?,
        };
        Some((revision, files.get(name)?))
    }
}

pub(crate) struct Hub {
    pub(crate) endpoint: String,
    pub(crate) repository: Arc<Mutex<Repository>>,
    /// Paths and ranges that were asked for, in order.
    pub(crate) log: Arc<Mutex<Vec<(String, u64)>>>,
    pub(crate) cache: TempDir,
}

impl Hub {
    pub(crate) fn new(folder: &Path, repository: Repository) -> Self {
        let files = fs::read_dir(folder).unwrap().map(|entry| {
            let path = entry.unwrap().path();
            (path.file_name().unwrap().to_str().unwrap().to_owned(), fs::read(&path).unwrap())
        });
        Self::serving(Repository { files: files.collect(), ..repository })
    }

    pub(crate) fn serving(repository: Repository) -> Self {
        let repository = Arc::new(Mutex::new(repository));
        let log = Arc::new(Mutex::new(Vec::new()));
        let (shared, shared_log) = (repository.clone(), log.clone());
        let endpoint = http::serve(move |base, request, stream| {
            answer(base, request, stream, &mut shared.lock().unwrap(), &shared_log)
        });
        Self { endpoint, repository, log, cache: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn tiny(repository: Repository) -> Self {
        Self::new(Model::tiny().write().path(), repository)
    }

    pub(crate) fn options(&self) -> HubOptions {
        HubOptions {
            endpoint: Some(self.endpoint.clone()),
            cache: Some(self.cache.path().join("hub")),
            token: None,
        }
    }

    /// The same cache, without a network.
    pub(crate) fn offline(&self) -> HubOptions {
        HubOptions { endpoint: Some(http::nobody()), ..self.options() }
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.cache.path().join("out.safetensors")
    }

    pub(crate) fn convert(&self) -> Result<Summary, Error> {
        self.convert_as(self.options(), &mut ())
    }

    pub(crate) fn convert_as(
        &self,
        hub: HubOptions,
        progress: &mut dyn Progress,
    ) -> Result<Summary, Error> {
        self.convert_source(ID, hub, progress)
    }

    pub(crate) fn convert_source(
        &self,
        source: &str,
        hub: HubOptions,
        progress: &mut dyn Progress,
    ) -> Result<Summary, Error> {
        let options = Options { output: Some(self.output()), hub, ..Options::default() };
        convert(&Source::parse(source), &options, progress)
    }

    /// The message of a conversion that fails, without the address.
    pub(crate) fn refusal(&self) -> String {
        self.refusal_of(ID)
    }

    pub(crate) fn refusal_of(&self, source: &str) -> String {
        let error = self.convert_source(source, self.options(), &mut ()).unwrap_err();
        assert!(!self.output().exists());
        error.to_string().replace(&self.endpoint, "HUB")
    }

    /// Where the downloads of weights began, the one-byte questions left out.
    pub(crate) fn weight_requests(&self) -> Vec<u64> {
        let log = self.log.lock().unwrap();
        log.iter()
            .filter(|(file, _)| file == "model.safetensors")
            .map(|(_, start)| *start)
            .collect()
    }

    pub(crate) fn partial_file(&self) -> PathBuf {
        let blobs = self.cache.path().join("hub/models--someone--tiny-clip/blobs");
        let weights = &self.repository.lock().unwrap().files["model.safetensors"];
        blobs.join(format!("{}.part", sha256(weights)))
    }
}

/// The newest commit of a revision.
pub(crate) fn commit(revision: &str) -> String {
    sha256(revision.as_bytes())[..40].to_owned()
}

pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn answer(
    endpoint: &str,
    request: &Request,
    stream: &mut TcpStream,
    repository: &mut Repository,
    log: &Mutex<Vec<(String, u64)>>,
) -> io::Result<()> {
    let (path, name) = (&*request.path, request.name());
    let allowed = repository.token.is_some_and(|token| {
        request.header("authorization").is_some_and(|value| value == format!("Bearer {token}"))
    });
    let status = match repository.status {
        Some(status) if !allowed => Some(status),
        _ if repository.find(path).is_none() => Some(404),
        _ => None,
    };
    if let Some(status) = status {
        return head(stream, &format!("{status} No"), &[]);
    }
    let (revision, body) = repository.find(path).unwrap();
    let (commit, body) = (commit(revision), body.clone());
    let is_weights = [".safetensors", ".bin"].iter().any(|ending| name.ends_with(ending));
    let etag = match (is_weights, repository.lies) {
        (true, false) => sha256(&body),
        (true, true) => sha256(b"other bytes"),
        (false, _) => format!("small-{}", &sha256(&body)[..20]),
    };
    let etag = format!("\"{etag}\"");
    let named = [("x-repo-commit", &*commit), ("etag", &etag)];
    if repository.redirects && !path.starts_with("/cdn/") {
        let (status, server) = if is_weights { ("302 Found", endpoint) } else { ("307 Moved", "") };
        let location = format!("{server}/cdn/{revision}/{name}");
        let moved = [("location", &*location), ("x-linked-etag", &etag)];
        return head(stream, status, &[moved, named].concat());
    }
    let (start, end) = request.range().unwrap();
    if start >= body.len() {
        return head(stream, "416 No", &[]);
    }
    let last = end.unwrap_or(body.len() - 1);
    let mut part = &body[start..=last];
    let range = format!("bytes {start}-{last}/{}", body.len());
    let length = part.len().to_string();
    let sized = [("content-range", &*range), ("content-length", &length)];
    head(stream, "206 Partial Content", &[sized, named].concat())?;
    if end.is_none() {
        log.lock().unwrap().push((name.to_owned(), start as u64));
        if is_weights && !repository.cuts.is_empty() {
            part = &part[..repository.cuts.remove(0)];
        }
    }
    stream.write_all(part)
}

pub(crate) fn check_converted(hub: &Hub, summary: &Summary) {
    check_converted_from(hub, summary, ID, &hub.repository.lock().unwrap().files);
}

pub(crate) fn check_converted_from(hub: &Hub, summary: &Summary, origin: &str, files: &Files) {
    let model = Model::tiny();
    let checkpoint = Checkpoint::open(&hub.output()).unwrap();
    let scale = &model.tensors["logit_scale"].1;
    assert_eq!(&checkpoint.read("logit_scale").unwrap(), scale);
    let card = checkpoint.card();
    assert_eq!((&*card.name, &*card.source.origin), ("tiny-clip", origin));
    for file in &summary.card.source.files {
        assert_eq!(file.sha256, sha256(&files[&file.name]));
    }
}

/// Bytes announced and done of each task.
#[derive(Debug, Default)]
pub(crate) struct Log(Vec<(String, u64, u64)>);

impl Log {
    pub(crate) fn tasks(&self) -> Vec<&str> {
        let mut tasks: Vec<_> = self.0.iter().map(|(task, ..)| task.as_str()).collect();
        tasks.dedup();
        tasks
    }
}

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
