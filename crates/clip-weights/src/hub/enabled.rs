//! Downloads. A model of the hub comes through the crate `hf-hub` and into the cache that all Hugging
//! Face tools share; a single file from elsewhere is the business of [`url`].
//!
//! `hf-hub` goes on with a partial file by a Range request. What it leaves to its caller is here:
//! trying again as long as bytes arrive, a partial file that was complete, the hub's SHA-256, and
//! saying what happened.

mod address;
mod partial;
mod url;

pub(crate) use url::download as download_file;

use std::fs::{self, OpenOptions};
use std::path::{Path, PathBuf};

use hf_hub::api::sync::{Api, ApiBuilder, ApiError, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};

use crate::path::folder;
use crate::{Error, HubOptions, Progress, Result, Source, hf, open_clip, sentence_transformers};

const PUBLIC_HUB: &str = "https://huggingface.co";
const MAIN: &str = "main";
const CONFIG: &str = "config.json";
const README: &str = "README.md";
/// What a model may have beside its weights; which of these it needs is the reader's to say.
const SMALL_FILES: [&str; 4] =
    ["preprocessor_config.json", "processor_config.json", "vocab.json", README];
/// What a tokenizer may be in.
const TOKENIZER_FILES: [&str; 5] = [
    "tokenizer_config.json",
    "special_tokens_map.json",
    "tokenizer.json",
    "spiece.model",
    "tokenizer.model",
];

/// Downloads what is not in the cache yet; returns the folder that holds the model, and where it
/// comes from: `id`, or `id@revision`.
pub(crate) fn download(
    id: &str,
    revision: Option<&str>,
    options: &HubOptions,
    progress: &mut dyn Progress,
) -> Result<(PathBuf, String)> {
    Hub::new(id, revision, options, progress)?.download()
}

/// Compares a downloaded file with the SHA-256 that its server promised, and deletes it where they
/// differ.
pub(crate) fn verify(source: &Source, origin: &str, path: &Path, sha256: &str) -> Result<()> {
    match source {
        Source::Path(_) => Ok(()),
        Source::Hub { .. } => verify_blob(origin, path, sha256),
        Source::Url(url) => url::verify(url, path, sha256),
    }
}

/// The cache names large files by their SHA-256; small ones carry another hash and are not compared.
fn verify_blob(id: &str, path: &Path, sha256: &str) -> Result<()> {
    let Ok(blob) = path.canonicalize() else { return Ok(()) };
    let expected = blob.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !address::is_sha256(expected) || expected.eq_ignore_ascii_case(sha256) {
        return Ok(());
    }
    let io = |source| Error::Io { path: path.to_owned(), source };
    fs::remove_file(path).map_err(io)?;
    fs::remove_file(&blob).map_err(io)?;
    Err(Error::HubHash { id: id.to_owned(), file: crate::path::file_name(path) })
}

/// Where the hub's cache is; `Cache::default` panics where there is no home.
fn cache_folder(options: &HubOptions) -> Result<PathBuf> {
    let home = || std::env::home_dir().map(|home| home.join(".cache/huggingface/hub"));
    let folder = options.cache.clone().or_else(home).ok_or(Error::HubNoCache)?;
    Ok(std::path::absolute(&folder).unwrap_or(folder))
}

/// Whether a configuration of OpenCLIP's wants another tokenizer than OpenCLIP's own.
fn names_a_tokenizer(config: &Path) -> Result<bool> {
    let config = crate::json::read(config)?;
    Ok(config.pointer("/model_cfg/text_cfg/hf_tokenizer_name").is_some())
}

fn shards(index: &Path) -> Result<Vec<String>> {
    let document = crate::json::read(index)?;
    let map = document.get("weight_map").and_then(|map| map.as_object());
    let names = map.into_iter().flat_map(|map| map.values().filter_map(|name| name.as_str()));
    let mut names: Vec<_> = names.map(str::to_owned).collect();
    names.sort();
    names.dedup();
    Ok(names)
}

/// One revision of a repository.
struct Hub<'a> {
    /// What messages and the card call it.
    origin: String,
    endpoint: String,
    cache: Cache,
    api: Api,
    repo: Repo,
    files: ApiRepo,
    progress: &'a mut dyn Progress,
}

impl<'a> Hub<'a> {
    fn new(
        id: &str,
        revision: Option<&str>,
        options: &HubOptions,
        progress: &'a mut dyn Progress,
    ) -> Result<Self> {
        let endpoint = options.endpoint.as_deref().unwrap_or(PUBLIC_HUB);
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let origin = revision.map_or_else(|| id.to_owned(), |revision| format!("{id}@{revision}"));
        let cache = Cache::new(cache_folder(options)?);
        let mut builder = ApiBuilder::from_cache(cache.clone()).with_endpoint(endpoint.clone());
        if options.token.is_some() {
            builder = builder.with_token(options.token.clone());
        }
        let api = builder.build().map_err(|error| Error::HubUnreachable {
            endpoint: endpoint.clone(),
            id: origin.clone(),
            reason: error.to_string(),
        })?;
        let revision = revision.unwrap_or(MAIN).to_owned();
        let repo = Repo::with_revision(id.to_owned(), RepoType::Model, revision);
        let files = api.repo(repo.clone());
        Ok(Self { origin, endpoint, cache, api, repo, files, progress })
    }

    fn download(mut self) -> Result<(PathBuf, String)> {
        let config =
            self.fetch_unless_cached(CONFIG, &[open_clip::FILE, sentence_transformers::FILE])?;
        // The same choice as in a folder.
        let is_hf = config.as_deref().is_some_and(|config| hf::is_configured(folder(config)));
        let open_clip = match is_hf {
            true => None,
            false => self.fetch_unless_cached(open_clip::FILE, &[sentence_transformers::FILE])?,
        };
        let files = match (open_clip, config) {
            (Some(config), _) => self.open_clip(config)?,
            (None, Some(config)) => self.hugging_face(config, "")?,
            (None, None) => match self.fetch(sentence_transformers::FILE)? {
                Some(list) => return self.sentence_transformers(&list),
                None => return Err(self.not_found(CONFIG)),
            },
        };
        let folder = folder(&files[0]).to_owned();
        if files.iter().any(|file| file.parent() != Some(&folder)) {
            return Err(Error::HubChanged { id: self.origin });
        }
        Ok((folder, self.origin))
    }

    /// A model in transformers' layout; `below` is empty, or its folder with a slash at the end.
    fn hugging_face(&mut self, config: PathBuf, below: &str) -> Result<Vec<PathBuf>> {
        let mut files = vec![config];
        self.add_optional(&SMALL_FILES, below, &mut files)?;
        self.add_optional(&TOKENIZER_FILES, below, &mut files)?;
        self.add_weights(&hf::WEIGHTS, below, &mut files)?;
        Ok(files)
    }

    /// The part that is a CLIP, in a folder of its own.
    fn sentence_transformers(mut self, list: &Path) -> Result<(PathBuf, String)> {
        let part = sentence_transformers::part(list)?;
        let names = part.iter().filter_map(|name| name.to_str());
        let below: String = names.map(|name| format!("{name}/")).collect();
        let config = self.require(&format!("{below}{CONFIG}"))?;
        let files = self.hugging_face(config, &below)?;
        // It has the license.
        self.add_optional(&[README], "", &mut Vec::new())?;
        let folder = folder(list).to_owned();
        if files.iter().any(|file| file.parent() != Some(&folder.join(&part))) {
            return Err(Error::HubChanged { id: self.origin });
        }
        Ok((folder, self.origin))
    }

    fn open_clip(&mut self, config: PathBuf) -> Result<Vec<PathBuf>> {
        let has_tokenizer = names_a_tokenizer(&config)?;
        let mut files = vec![config];
        self.add_optional(&[README], "", &mut files)?;
        if has_tokenizer {
            self.add_optional(&TOKENIZER_FILES, "", &mut files)?;
        }
        self.add_weights(&open_clip::WEIGHTS, "", &mut files)?;
        Ok(files)
    }

    /// The first of these files that the repository has, and the shards where it is their index.
    fn add_weights(&mut self, names: &[&str], below: &str, files: &mut Vec<PathBuf>) -> Result<()> {
        let names: Vec<_> = names.iter().map(|name| format!("{below}{name}")).collect();
        let weights = self.first(&names)?;
        if weights.extension().is_some_and(|extension| extension == "json") {
            for shard in shards(&weights)? {
                files.push(self.require(&format!("{below}{shard}"))?);
            }
        }
        files.push(weights);
        Ok(())
    }

    /// As [`Self::fetch`]; without a network, what is in the cache tells of which layout it is.
    fn fetch_unless_cached(&mut self, file: &str, others: &[&str]) -> Result<Option<PathBuf>> {
        match self.fetch(file) {
            Err(Error::HubUnreachable { .. })
                if others.iter().any(|other| self.cached(other).is_some()) =>
            {
                Ok(None)
            }
            found => found,
        }
    }

    /// The first of these files that the repository has; one that is in the cache comes before all,
    /// for without a network the others cannot be asked for.
    fn first(&mut self, names: &[String]) -> Result<PathBuf> {
        if let Some(file) = names.iter().find_map(|name| self.cached(name)) {
            return Ok(file);
        }
        for name in names {
            if let Some(file) = self.fetch(name)? {
                return Ok(file);
            }
        }
        Err(Error::HubNoWeights {
            endpoint: self.endpoint.clone(),
            id: self.origin.clone(),
            names: names.to_vec(),
        })
    }

    fn add_optional(
        &mut self,
        names: &[&str],
        below: &str,
        files: &mut Vec<PathBuf>,
    ) -> Result<()> {
        for name in names {
            match self.fetch(&format!("{below}{name}")) {
                Ok(file) => files.extend(file),
                // Without a network, a model that is in the cache can still be converted.
                Err(Error::HubUnreachable { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn cached(&self, file: &str) -> Option<PathBuf> {
        self.cache.repo(self.repo.clone()).get(file)
    }

    fn require(&mut self, file: &str) -> Result<PathBuf> {
        self.fetch(file)?.ok_or_else(|| self.not_found(file))
    }

    /// The file in the cache, downloaded if need be; `None` where the repository has no such file.
    fn fetch(&mut self, file: &str) -> Result<Option<PathBuf>> {
        if let Some(path) = self.cached(file) {
            return Ok(Some(path));
        }
        let task = match self.repo.revision() {
            MAIN => format!("downloading {file}"),
            revision => format!("downloading {file} of {revision}"),
        };
        let mut before = 0;
        loop {
            let prepared = self.prepare(file);
            let mut meter = Meter { task: &task, done: 0, progress: self.progress };
            let result =
                prepared.and_then(|()| self.files.download_with_progress(file, &mut meter));
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

    /// Makes the partial file of an earlier run one that `hf-hub` can go on with: it asks for what
    /// comes after the last byte, and a complete file has nothing there.
    fn prepare(&self, file: &str) -> std::result::Result<(), ApiError> {
        let metadata = self.api.metadata(&self.files.url(file))?;
        let blob = self.cache.repo(self.repo.clone()).blob_path(metadata.etag());
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

    fn not_found(&self, file: &str) -> Error {
        let (endpoint, id, file) = (self.endpoint.clone(), self.origin.clone(), file.to_owned());
        Error::HubNotFound { endpoint, id, file }
    }

    fn explain(&self, error: ApiError, file: &str) -> Error {
        let (endpoint, id, file) = (self.endpoint.clone(), self.origin.clone(), file.to_owned());
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

/// Passes `hf-hub`'s progress on, and counts.
struct Meter<'a> {
    task: &'a str,
    done: u64,
    progress: &'a mut dyn Progress,
}

impl hf_hub::api::Progress for &mut Meter<'_> {
    fn init(&mut self, size: usize, _: &str) {
        self.done = 0;
        self.progress.start(self.task, size as u64);
    }

    fn update(&mut self, size: usize) {
        self.done += size as u64;
        self.progress.advance(size as u64);
    }

    fn finish(&mut self) {
        self.progress.finish();
    }
}
