//! One weights file from any address of the web. `hf-hub` downloads from hubs alone: it wants to know
//! the commit and the SHA-256 before the first byte.
//!
//! Where an interrupted file is taken up again, the server is asked for the rest of *that* file: a
//! range with `If-Range`, <https://www.rfc-editor.org/rfc/rfc9110.html#section-13.1.5>. It sends the
//! whole again where the file has changed, or where it cannot send parts.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest, Sha256};
use ureq::http::{HeaderMap, Response, header};
use ureq::{Agent, Body};

use super::address::Address;
use super::cache_folder;
use super::partial::Partial;
use crate::hex::hex;
use crate::{Error, HubOptions, Progress, Result};

/// How long a server may take to be reached, and to send anything at all.
const CONNECT: Duration = Duration::from_secs(30);
const SILENCE: Duration = Duration::from_secs(60);
/// Bytes that are written at once.
const CHUNK: usize = 1 << 16;

/// Downloads the file if it is not in the cache yet; returns its path, and the address without what
/// may be secret.
pub(crate) fn download(
    url: &str,
    options: &HubOptions,
    progress: &mut dyn Progress,
) -> Result<(PathBuf, String)> {
    let address = Address::parse(url)?;
    let target = folder(&address, options)?.join(&address.file);
    if !target.is_file() {
        Download::new(&address, &target, progress).run()?;
    }
    Ok((target, address.shown))
}

/// Compares a file that was downloaded with the SHA-256 in its address, and deletes it where they
/// differ.
pub(super) fn verify(url: &str, path: &Path, sha256: &str) -> Result<()> {
    let address = Address::parse(url)?;
    if address.sha256.as_deref().is_none_or(|expected| expected == sha256) {
        return Ok(());
    }
    fs::remove_file(path).map_err(|source| Error::Io { path: path.to_owned(), source })?;
    Err(wrong_hash(&address))
}

/// A folder of its own for each address, in the place that is set aside for what other programs
/// keep beside the hub's cache:
/// <https://huggingface.co/docs/huggingface_hub/guides/manage-cache#cache-assets>.
fn folder(address: &Address<'_>, options: &HubOptions) -> Result<PathBuf> {
    let hub = cache_folder(options)?;
    let key = hex(&Sha256::digest(address.url)[..8]);
    Ok(hub.parent().unwrap_or(&hub).join("assets").join(env!("CARGO_PKG_NAME")).join(key))
}

fn wrong_hash(address: &Address<'_>) -> Error {
    Error::UrlHash { url: address.shown.clone() }
}

/// Why a request did not bring the rest of the file.
enum Stop {
    /// The connection broke, perhaps after bytes had arrived.
    Broken(String),
    /// There is no use in trying again.
    Failed(Error),
}

impl From<Error> for Stop {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

struct Download<'a> {
    address: &'a Address<'a>,
    target: &'a Path,
    agent: Agent,
    progress: &'a mut dyn Progress,
}

impl<'a> Download<'a> {
    fn new(address: &'a Address<'a>, target: &'a Path, progress: &'a mut dyn Progress) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .https_only(address.is_encrypted())
            .timeout_connect(Some(CONNECT))
            .timeout_per_read(Some(SILENCE))
            .timeout_per_write(Some(SILENCE));
        Self { address, target, agent: config.build().into(), progress }
    }

    fn run(mut self) -> Result<()> {
        let Some(mut partial) = Partial::open(self.target)? else {
            return Err(self.broken("another program is downloading it".to_owned()));
        };
        // Another program may have been faster.
        if self.target.is_file() {
            return partial.discard();
        }
        let mut best = partial.length();
        loop {
            match self.request(&mut partial) {
                Ok(()) => break,
                Err(Stop::Broken(_)) if partial.length() > best => best = partial.length(),
                Err(Stop::Broken(reason)) => return Err(self.broken(reason)),
                Err(Stop::Failed(error)) => return Err(error),
            }
        }
        if let Some(expected) = &self.address.sha256 {
            let task = format!("checking {}", self.address.file);
            if partial.sha256(&task, self.progress)? != *expected {
                partial.discard()?;
                return Err(wrong_hash(self.address));
            }
        }
        partial.finish()
    }

    /// Asks for what is missing, and adds what comes.
    fn request(&mut self, partial: &mut Partial<'_>) -> std::result::Result<(), Stop> {
        let tag = partial.tag();
        let mut request = self.agent.get(self.address.url);
        if let Some(tag) = &tag {
            let range = format!("bytes={}-", partial.length());
            request = request.header(header::RANGE, range).header(header::IF_RANGE, tag);
        }
        let response = request.call().map_err(|error| self.unreachable(&error))?;
        let headers = response.headers();
        let total = match (response.status().as_u16(), tag) {
            (200, _) => {
                if text(headers, header::CONTENT_TYPE).is_some_and(|kind| kind.contains("html")) {
                    return Err(self.answer("a web page".to_owned()).into());
                }
                partial.begin(strong_tag(headers))?;
                text(headers, header::CONTENT_LENGTH).and_then(|length| length.parse().ok())
            }
            (206, Some(_)) => match content_range(headers) {
                Some((Some(start), total)) if start == partial.length() => total,
                _ => return Err(self.answer("another part of the file".to_owned()).into()),
            },
            // Nothing comes after the last byte of a file that is whole.
            (416, Some(_)) => {
                return match content_range(headers) {
                    Some((None, Some(total))) if total == partial.length() => Ok(()),
                    _ => {
                        partial.begin(None)?;
                        self.request(partial)
                    }
                };
            }
            (status, _) => return Err(self.refused(status).into()),
        };
        self.receive(response, total, partial)
    }

    fn receive(
        &mut self,
        response: Response<Body>,
        total: Option<u64>,
        partial: &mut Partial<'_>,
    ) -> std::result::Result<(), Stop> {
        let task = format!("downloading {}", self.address.file);
        self.progress.start(&task, total.unwrap_or_default());
        self.progress.advance(partial.length());
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; CHUNK];
        loop {
            let read = body.read(&mut buffer).map_err(|error| Stop::Broken(error.to_string()))?;
            if read == 0 {
                break;
            }
            partial.add(&buffer[..read])?;
            self.progress.advance(read as u64);
        }
        if total.is_some_and(|total| total != partial.length()) {
            return Err(Stop::Broken("the connection was closed".to_owned()));
        }
        self.progress.finish();
        Ok(())
    }

    fn url(&self) -> String {
        self.address.shown.clone()
    }

    fn unreachable(&self, error: &ureq::Error) -> Stop {
        let (url, reason) = (self.url(), error.to_string());
        Stop::Failed(Error::UrlUnreachable { url, reason })
    }

    fn refused(&self, status: u16) -> Error {
        let url = self.url();
        match status {
            404 | 410 => Error::UrlNotFound { url, status },
            401 | 403 => Error::UrlRefused { url, status },
            _ => self.answer(format!("status {status}")),
        }
    }

    fn answer(&self, reason: String) -> Error {
        Error::UrlAnswer { url: self.url(), reason }
    }

    fn broken(&self, reason: String) -> Error {
        Error::UrlBroken { url: self.url(), reason }
    }
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// The server's name for exactly these bytes; a weak one is for bytes that are merely as good.
fn strong_tag(headers: &HeaderMap) -> Option<&str> {
    text(headers, header::ETAG).filter(|tag| tag.starts_with('"'))
}

/// Where the part starts, if it is one, and how long the whole is, if that is known.
fn content_range(headers: &HeaderMap) -> Option<(Option<u64>, Option<u64>)> {
    let range = text(headers, header::CONTENT_RANGE)?.strip_prefix("bytes ")?;
    let (part, total) = range.split_once('/')?;
    let start = part.split_once('-').and_then(|(start, _)| start.parse().ok());
    Some((start, total.parse().ok()))
}
