//! A server that has one file, as any place on the web may.

use std::io::{self, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use clip_weights::{Error, HubOptions, Options, Progress, Source, Summary, convert};
use tempfile::TempDir;

use crate::http::{self, Request, head};
use crate::server::sha256;

pub(crate) const FILE: &str = "ViT-T.pt";

/// The file, and how the server behaves.
#[derive(Clone)]
pub(crate) struct Content {
    pub(crate) name: &'static str,
    pub(crate) bytes: Vec<u8>,
    pub(crate) kind: &'static str,
    /// The server's name for these bytes.
    pub(crate) tag: Option<&'static str>,
    /// Whether it sends parts.
    pub(crate) parts: bool,
    /// Answers every request with this status.
    pub(crate) status: Option<u16>,
    /// Closes the connection after so many bytes of a body, as often as there are entries.
    pub(crate) cuts: Vec<usize>,
    /// The file is at another address.
    pub(crate) moved: bool,
}

impl Default for Content {
    fn default() -> Self {
        Self {
            name: FILE,
            bytes: clip_testkit::unpacked("openai/torchscript.pt"),
            kind: "application/octet-stream",
            tag: Some("\"first\""),
            parts: true,
            status: None,
            cuts: Vec::new(),
            moved: false,
        }
    }
}

/// First byte and tag that a request asked for.
type Asked = (usize, Option<String>);

pub(crate) struct Site {
    address: String,
    pub(crate) content: Arc<Mutex<Content>>,
    asked: Arc<Mutex<Vec<Asked>>>,
    pub(crate) cache: TempDir,
}

impl Site {
    pub(crate) fn new(content: Content) -> Self {
        let content = Arc::new(Mutex::new(content));
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (shared, log) = (content.clone(), asked.clone());
        let address = http::serve(move |_, request, stream| {
            answer(request, stream, &mut shared.lock().unwrap(), &log)
        });
        Self { address, content, asked, cache: tempfile::tempdir().unwrap() }
    }

    /// An address as OpenAI's, with the SHA-256 of the file.
    pub(crate) fn url(&self) -> String {
        let hash = sha256(&self.content.lock().unwrap().bytes);
        self.url_with(&hash)
    }

    pub(crate) fn url_with(&self, folder: &str) -> String {
        format!("{}/models/{folder}/{}", self.address, self.content.lock().unwrap().name)
    }

    pub(crate) fn options(&self) -> Options {
        let cache = Some(self.cache.path().join("hub"));
        // A token is for the hub alone.
        let token = Some("secret".to_owned());
        let hub = HubOptions { endpoint: None, cache, token };
        Options { output: Some(self.output()), hub, ..Options::default() }
    }

    pub(crate) fn output(&self) -> PathBuf {
        self.cache.path().join("out.safetensors")
    }

    pub(crate) fn convert(&self, url: &str) -> Result<Summary, Error> {
        self.convert_as(url, &mut ())
    }

    pub(crate) fn convert_as(
        &self,
        url: &str,
        progress: &mut dyn Progress,
    ) -> Result<Summary, Error> {
        convert(&Source::parse(url), &self.options(), progress)
    }

    /// The message of a conversion that fails, without the address.
    pub(crate) fn refusal(&self, url: &str) -> String {
        let error = self.convert(url).unwrap_err();
        assert!(!self.output().exists());
        let folder = self.cache.path().display().to_string();
        error.to_string().replace(&self.address, "SITE").replace(&folder, "CACHE")
    }

    /// Where the answers were to begin, and of which file.
    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    /// What is kept of all downloads, by file name.
    pub(crate) fn kept(&self) -> Vec<(String, PathBuf)> {
        let Ok(folders) = self.cache.path().join("assets/clip-weights").read_dir() else {
            return Vec::new();
        };
        let files = folders.flat_map(|folder| folder.unwrap().path().read_dir().unwrap());
        let mut files: Vec<_> = files
            .map(|file| {
                let file = file.unwrap();
                (file.file_name().into_string().unwrap(), file.path())
            })
            .collect();
        files.sort();
        files
    }

    pub(crate) fn kept_names(&self) -> Vec<String> {
        self.kept().into_iter().map(|(name, _)| name).collect()
    }
}

fn answer(
    request: &Request,
    stream: &mut TcpStream,
    content: &mut Content,
    asked: &Mutex<Vec<Asked>>,
) -> io::Result<()> {
    assert_eq!(request.header("authorization"), None);
    if let Some(status) = content.status {
        return head(stream, &format!("{status} No"), &[]);
    }
    if content.moved && !request.path.starts_with("/moved/") {
        return head(stream, "302 Found", &[("location", &format!("/moved{}", request.path))]);
    }
    let name = request.name().split('?').next().unwrap();
    if name != content.name {
        return head(stream, "404 No", &[]);
    }
    let start = request.range().map_or(0, |(start, _)| start);
    let tag = request.header("if-range").map(str::to_owned);
    asked.lock().unwrap().push((start, tag.clone()));
    let is_current = tag.is_some() && tag.as_deref() == content.tag;
    let (total, start) = (content.bytes.len(), if is_current && content.parts { start } else { 0 });
    if start >= total {
        return head(stream, "416 No", &[("content-range", &format!("bytes */{total}"))]);
    }
    let mut body = &content.bytes[start..];
    let (length, range) = (body.len().to_string(), format!("bytes {start}-{}/{total}", total - 1));
    let mut headers = vec![("content-type", content.kind), ("content-length", &length)];
    headers.extend(content.tag.map(|tag| ("etag", tag)));
    let status = if start > 0 { "206 Partial Content" } else { "200 OK" };
    if start > 0 {
        headers.push(("content-range", &range));
    }
    head(stream, status, &headers)?;
    if !content.cuts.is_empty() {
        body = &body[..content.cuts.remove(0)];
    }
    stream.write_all(body)
}
