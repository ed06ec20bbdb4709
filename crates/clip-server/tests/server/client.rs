//! A real server on a port of its own, and a client that says what it wants in bytes.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clip::{Device, Embedder};
use clip_search::{Collection, Location};
use clip_server::{Observer, RequestLog, Settings};
use serde_json::Value;
use tempfile::TempDir;

/// A server over a library of some samples; it ends when this is dropped.
pub(crate) struct TestServer {
    pub(crate) address: SocketAddr,
    pub(crate) folder: TempDir,
    pub(crate) observer: Arc<Recorder>,
    thread: Option<JoinHandle<Result<(), clip_server::StartError>>>,
}

/// Keeps what the server says.
#[derive(Default)]
pub(crate) struct Recorder {
    is_cancelled: AtomicBool,
    address: Mutex<Option<mpsc::Sender<SocketAddr>>>,
    pub(crate) log: Mutex<Vec<String>>,
}

impl Observer for Recorder {
    fn listening(&self, address: SocketAddr) {
        if let Some(sender) = self.address.lock().unwrap().take() {
            let _ = sender.send(address);
        }
    }

    fn request(&self, request: &RequestLog<'_>) {
        self.log.lock().unwrap().push(format!("{request:?}"));
    }

    fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }
}

/// What a server answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("no JSON: {self}"))
    }

    /// Asserts the status, and what the message of an error says.
    #[track_caller]
    pub(crate) fn refused(&self, status: u16, says: &str) {
        let message = self.json()["error"]["message"].as_str().unwrap_or_default().to_owned();
        assert_eq!(self.status, status, "{self}");
        assert!(message.contains(says), "does not say {says:?}: {self}");
    }

    /// The answer of a request that was to succeed.
    #[track_caller]
    pub(crate) fn ok(&self) -> Value {
        assert!((200..300).contains(&self.status), "{self}");
        self.json()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(own, _)| own.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }
}

impl std::fmt::Display for Answer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}\n{}",
            self.head,
            String::from_utf8_lossy(&self.body[..self.body.len().min(2000)])
        )
    }
}

impl TestServer {
    /// With these samples in a folder that may be indexed, and indexed.
    pub(crate) fn new(samples: &[&str]) -> Self {
        Self::with(samples, |_| {})
    }

    /// As [`Self::new`], set up otherwise.
    pub(crate) fn with(samples: &[&str], change: impl FnOnce(&mut Settings)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let images = folder.path().join("images");
        std::fs::create_dir(&images).unwrap();
        for name in samples {
            std::fs::copy(clip_testkit::samples_dir().join(name), images.join(name)).unwrap();
        }
        let embedder = Embedder::embedded(&Device::flex()).unwrap();
        let location = Location::Folder(folder.path().join("library"));
        let collection = Collection::open_or_create(&location, embedder.checkpoint()).unwrap();
        let mut settings = Settings { folders: vec![images], ..Settings::default() };
        settings.address.set_port(0);
        change(&mut settings);
        let (sender, receiver) = mpsc::channel();
        let observer = Recorder { address: Mutex::new(Some(sender)), ..Recorder::default() };
        let observer = Arc::new(observer);
        let own = Arc::clone(&observer);
        let thread =
            thread::spawn(move || clip_server::run(embedder, Some(collection), settings, own));
        let address = receiver.recv().expect("the server starts");
        let server = Self { address, folder, observer, thread: Some(thread) };
        // The job of the start: its events end when it does.
        let _ = server.get("/v1/index/1/events");
        server
    }

    pub(crate) fn images(&self) -> PathBuf {
        self.folder.path().join("images").canonicalize().unwrap()
    }

    /// What Ctrl-C does.
    pub(crate) fn cancel(&self) {
        self.observer.is_cancelled.store(true, Ordering::Relaxed);
    }

    /// Ends it, and waits for that.
    pub(crate) fn stop(&mut self) -> Option<Result<(), clip_server::StartError>> {
        self.cancel();
        self.thread.take().map(|thread| thread.join().unwrap())
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        stream
    }

    /// Sends bytes, and reads all that comes back until the server closes.
    pub(crate) fn raw(&self, request: &[u8]) -> Answer {
        let mut stream = self.connect();
        // The server may answer and close before it has read everything.
        let _ = stream.write_all(request);
        read(&mut stream)
    }

    pub(crate) fn send(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Answer {
        let mut request = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            request += &format!("host: {}\r\n", self.address);
        }
        for (name, value) in headers {
            request += &format!("{name}: {value}\r\n");
        }
        request += &format!("content-length: {}\r\n\r\n", body.len());
        self.raw(&[request.as_bytes(), body].concat())
    }

    /// A number among what the server counts.
    pub(crate) fn metric(&self, name: &str) -> f64 {
        let metrics = String::from_utf8(self.get("/metrics").body).unwrap();
        let line = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("no {name}: {metrics}")).parse().unwrap()
    }

    /// A connection on which so many texts were sent, and are being worked for.
    pub(crate) fn begin(&self, texts: usize) -> TcpStream {
        // Long enough for the model to be busy while the test asks for other things.
        let text = "a picture of a dog on a beach ".repeat(3);
        let body = serde_json::json!({"input": vec![text; texts]});
        let body = body.to_string();
        let head =
            "POST /v1/embeddings HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json";
        let request = format!("{head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        while self.metric("clip_waiting") < 1.0 {}
        stream
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", path, &[], b"")
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Answer {
        let body = body.to_string();
        self.send("POST", path, &[("content-type", "application/json")], body.as_bytes())
    }

    /// A form; a field with a file name is a file.
    pub(crate) fn form(&self, path: &str, fields: &[(&str, Option<&str>, &[u8])]) -> Answer {
        let mut body = Vec::new();
        for (name, file, content) in fields {
            let file = file.map(|file| format!("; filename=\"{file}\"")).unwrap_or_default();
            body.extend(
                format!("--b\r\ncontent-disposition: form-data; name=\"{name}\"{file}\r\n\r\n")
                    .bytes(),
            );
            body.extend(*content);
            body.extend(b"\r\n");
        }
        body.extend(b"--b--\r\n");
        self.send("POST", path, &[("content-type", "multipart/form-data; boundary=b")], &body)
    }
}

impl Drop for TestServer {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

/// An answer, up to the end of the connection.
pub(crate) fn read(stream: &mut TcpStream) -> Answer {
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or(bytes.len());
    let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
    let body = bytes.get(end + 4..).unwrap_or_default().to_vec();
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    let is_chunked = head.to_ascii_lowercase().contains("transfer-encoding: chunked");
    Answer { status, head, body: if is_chunked { dechunk(&body) } else { body } }
}

fn dechunk(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(line) = rest.windows(2).position(|window| window == b"\r\n") {
        let size = str::from_utf8(&rest[..line])
            .ok()
            .and_then(|size| usize::from_str_radix(size, 16).ok());
        let Some(size @ 1..) = size else { break };
        body.extend(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 2 + size + 2..];
    }
    body
}

/// The bytes of a sample.
pub(crate) fn sample(name: &str) -> Vec<u8> {
    std::fs::read(clip_testkit::samples_dir().join(name)).unwrap()
}

pub(crate) fn base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

pub(crate) fn data_uri(name: &str) -> String {
    format!("data:image/png;base64,{}", base64(&sample(name)))
}

/// The numbers of a vector in JSON.
pub(crate) fn numbers(value: &Value) -> Vec<f32> {
    value.as_array().unwrap().iter().map(|number| number.as_f64().unwrap() as f32).collect()
}

/// The model that the server has.
pub(crate) fn embedder() -> Embedder {
    Embedder::embedded(&Device::flex()).unwrap()
}
