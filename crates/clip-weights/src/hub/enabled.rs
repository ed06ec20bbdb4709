//! Downloads, through the crate `hf-hub` and into the cache that all Hugging Face tools share.
//!
//! `hf-hub` goes on with a partial file by a Range request. What it leaves to its caller is here:
//! trying again as long as bytes arrive, a partial file that was complete, the hub's SHA-256, and
//! saying what happened.

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo};

use crate::{Error, HubOptions, Progress, Result};

const PUBLIC_HUB: &str = "https://huggingface.co";
const WEIGHTS: &str = "model.safetensors";
const INDEX: &str = "model.safetensors.index.json";
/// What a model may have beside its weights; which of these it needs is the reader's to say.
const SMALL_FILES: [&str; 5] = [
    "preprocessor_config.json",
    "processor_config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "README.md",
];

/// Downloads what is not in the cache yet; returns the folder that holds the model.
pub(crate) fn download(
    id: &str,
    options: &HubOptions,
    progress: &mut dyn Progress,
) -> Result<PathBuf> {
    let mut hub = Hub::new(id, options, progress)?;
    let mut files = vec![hub.require("config.json")?];
    for name in SMALL_FILES {
        match hub.fetch(name) {
            Ok(file) => files.extend(file),
            // Without a network, a model that is in the cache can still be converted.
            Err(Error::HubUnreachable { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    match hub.fetch(WEIGHTS)? {
        Some(file) => files.push(file),
        None => {
            let Some(index) = hub.fetch(INDEX)? else { return Err(hub.not_found(WEIGHTS)) };
            for shard in shards(&index)? {
                files.push(hub.require(&shard)?);
            }
            files.push(index);
        }
    }
    let folder = files[0].parent().map(Path::to_owned).unwrap_or_default();
    if files.iter().any(|file| file.parent() != Some(&folder)) {
        return Err(Error::HubChanged { id: id.to_owned() });
    }
    Ok(folder)
}

/// Compares a downloaded file with the hub's SHA-256, and deletes it where they differ. The cache
/// names large files by their SHA-256; small ones carry another hash and are not compared.
pub(crate) fn verify(id: &str, path: &Path, sha256: &str) -> Result<()> {
    let Ok(blob) = path.canonicalize() else { return Ok(()) };
    let expected = blob.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let is_hash = expected.len() == 64 && expected.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hash || expected.eq_ignore_ascii_case(sha256) {
        return Ok(());
    }
    let io = |source| Error::Io { path: path.to_owned(), source };
    fs::remove_file(path).map_err(io)?;
    fs::remove_file(&blob).map_err(io)?;
    Err(Error::HubHash { id: id.to_owned(), file: crate::weights::file_name(path) })
}

fn shards(index: &Path) -> Result<Vec<String>> {
    let document = crate::hf::json::read(index)?;
    let map = document.get("weight_map").and_then(|map| map.as_object());
    let names = map.into_iter().flat_map(|map| map.values().filter_map(|name| name.as_str()));
    let mut names: Vec<_> = names.map(str::to_owned).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

struct Hub<'a> {
    id: &'a str,
    endpoint: String,
    cache: Cache,
    api: Api,
    repo: ApiRepo,
    progress: &'a mut dyn Progress,
}

impl<'a> Hub<'a> {
    fn new(id: &'a str, options: &HubOptions, progress: &'a mut dyn Progress) -> Result<Self> {
        let endpoint = options.endpoint.as_deref().unwrap_or(PUBLIC_HUB);
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        // `Cache::default` panics where there is no home.
        let home = || std::env::home_dir().map(|home| home.join(".cache/huggingface/hub"));
        let cache = options.cache.clone().or_else(home).ok_or(Error::HubNoCache)?;
        let cache = Cache::new(std::path::absolute(&cache).unwrap_or(cache));
        let mut builder = ApiBuilder::from_cache(cache.clone()).with_endpoint(endpoint.clone());
        if options.token.is_some() {
            builder = builder.with_token(options.token.clone());
        }
        let api = builder.build().map_err(|error| Error::HubUnreachable {
            endpoint: endpoint.clone(),
            id: id.to_owned(),
            reason: error.to_string(),
        })?;
        let repo = api.repo(Repo::model(id.to_owned()));
        Ok(Self { id, endpoint, cache, api, repo, progress })
    }

    fn require(&mut self, file: &str) -> Result<PathBuf> {
        self.fetch(file)?.ok_or_else(|| self.not_found(file))
    }

    /// The file in the cache, downloaded if need be; `None` where the repository has no such file.
    fn fetch(&mut self, file: &str) -> Result<Option<PathBuf>> {
        if let Some(path) = self.cache.repo(Repo::model(self.id.to_owned())).get(file) {
            return Ok(Some(path));
        }
        let mut before = 0;
        loop {
            let mut meter = Meter { file, done: 0, progress: self.progress };
            let result = prepare(&self.api, &self.cache, &self.repo, self.id, file)
                .and_then(|()| self.repo.download_with_progress(file, &mut meter));
            let done = meter.done;
            match result {
                Ok(path) => return Ok(Some(path)),
                // The connection broke, but not before bytes arrived: go on from there.
                Err(ApiError::IoError(_)) if done > before => before = done,
                Err(error) => {
                    return match self.explain(error, file) {
                        Error::HubNotFound { .. } => Ok(None),
                        error => Err(error),
                    };
                }
            }
        }
    }

    fn not_found(&self, file: &str) -> Error {
        let (endpoint, id, file) = (self.endpoint.clone(), self.id.to_owned(), file.to_owned());
        Error::HubNotFound { endpoint, id, file }
    }

    fn explain(&self, error: ApiError, file: &str) -> Error {
        let (endpoint, id, file) = (self.endpoint.clone(), self.id.to_owned(), file.to_owned());
        match error {
            ApiError::RequestError(error) => match *error {
                ureq::Error::StatusCode(404) => Error::HubNotFound { endpoint, id, file },
                ureq::Error::StatusCode(status @ (401 | 403)) => {
                    Error::HubRefused { endpoint, id, status }
                }
                ureq::Error::StatusCode(status) => {
                    Error::HubAnswer { endpoint, id, file, reason: format!("status {status}") }
                }
                error => Error::HubUnreachable { endpoint, id, reason: error.to_string() },
            },
            ApiError::IoError(error) => Error::HubBroken { id, file, reason: error.to_string() },
            ApiError::LockAcquisition(_) => {
                let reason = "another program is downloading it".to_owned();
                Error::HubBroken { id, file, reason }
            }
            error => Error::HubAnswer { endpoint, id, file, reason: error.to_string() },
        }
    }
}

/// Makes the partial file of an earlier run one that `hf-hub` can go on with: it asks for what
/// comes after the last byte, and a complete file has nothing there.
fn prepare(
    api: &Api,
    cache: &Cache,
    repo: &ApiRepo,
    id: &str,
    file: &str,
) -> std::result::Result<(), ApiError> {
    let metadata = api.metadata(&repo.url(file))?;
    let blob = cache.repo(Repo::model(id.to_owned())).blob_path(metadata.etag());
    let partial = blob.with_extension("part");
    let (size, length) = match fs::metadata(&partial) {
        Ok(partial) => (metadata.size() as u64, partial.len()),
        Err(_) => return Ok(()),
    };
    if length > size {
        fs::remove_file(&partial)?;
    } else if length == size {
        OpenOptions::new().write(true).open(&partial)?.set_len(size.saturating_sub(1))?;
    }
    Ok(())
}

/// Passes `hf-hub`'s progress on, and counts.
struct Meter<'a> {
    file: &'a str,
    done: u64,
    progress: &'a mut dyn Progress,
}

impl hf_hub::api::Progress for &mut Meter<'_> {
    fn init(&mut self, size: usize, _: &str) {
        self.done = 0;
        self.progress.start(&format!("downloading {}", self.file), size as u64);
    }

    fn update(&mut self, size: usize) {
        self.done += size as u64;
        self.progress.advance(size as u64);
    }

    fn finish(&mut self) {
        self.progress.finish();
    }
}
