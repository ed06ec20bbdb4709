//! How many requests a second a server answers, beside the rate of its model alone.
//!
//! `load [MODEL] [--clients N] [--seconds N] [--rounds N] KIND..` with kinds `text`, `image`, `image-jpeg`, `search`.
//! The server runs in this process and is asked over sockets, each client on one connection, without a pause. In
//! turn with it the model encodes alone, in batches of 32, what the clients send, prepared before.
#![expect(clippy::print_stdout, reason = "a program that reports")]

use std::error::Error;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clip::{Device, Embedder, Picture};
use clip_search::{Collection, Location};
use clip_server::{Observer, Settings};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Words of the texts that are sent: 5 to 14 in each.
const WORDS: [&str; 12] = [
    "a", "picture", "of", "the", "red", "dog", "on", "beach", "with", "children", "playing", "ball",
];

type Result<T> = std::result::Result<T, Box<dyn Error>>;

struct Options {
    model: Option<PathBuf>,
    clients: usize,
    seconds: u64,
    rounds: usize,
    kinds: Vec<String>,
}

fn options() -> Result<Options> {
    let mut options =
        Options { model: None, clients: 64, seconds: 10, rounds: 3, kinds: Vec::new() };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let mut number = || args.next().unwrap_or_default().parse::<usize>();
        match arg.as_str() {
            "--clients" => options.clients = number()?,
            "--seconds" => options.seconds = number()? as u64,
            "--rounds" => options.rounds = number()?,
            kind @ ("text" | "image" | "image-jpeg" | "search") => {
                options.kinds.push(kind.to_owned())
            }
            path => options.model = Some(path.into()),
        }
    }
    Ok(options)
}

fn open(model: Option<&Path>) -> Result<Embedder> {
    Ok(match model {
        Some(path) => Embedder::open(path, &Device::flex())?,
        None => Embedder::embedded(&Device::flex())?,
    })
}

/// Ends the server, and says where it listens.
#[derive(Default)]
struct Control {
    address: Mutex<Option<mpsc::Sender<SocketAddr>>>,
    is_cancelled: AtomicBool,
}

impl Observer for Control {
    fn listening(&self, address: SocketAddr) {
        if let Some(sender) = self.address.lock().ok().and_then(|mut sender| sender.take()) {
            let _ = sender.send(address);
        }
    }

    fn is_cancelled(&self) -> bool {
        self.is_cancelled.load(Ordering::Relaxed)
    }
}

fn text(number: usize) -> String {
    let words = (0..5 + number % 10).map(|at| WORDS[(number * 7 + at * (1 + number % 5)) % 12]);
    words.collect::<Vec<_>>().join(" ")
}

/// An image of noise and stripes, as a file: `png` of the model's own size, or `jpg` of 1,200 x 900.
fn image(number: usize, kind: &str, side: u32) -> Result<Vec<u8>> {
    let (size, format) = match kind {
        "image" => ((side, side), image::ImageFormat::Bmp),
        _ => ((1200, 900), image::ImageFormat::Jpeg),
    };
    let pixels = image::RgbImage::from_fn(size.0, size.1, |x, y| {
        let wave =
            |k: usize| ((x as usize * (k + number) / 9 + y as usize * (3 + k) / 7) % 256) as u8;
        image::Rgb([wave(1), wave(4), wave(9)])
    });
    let mut file = std::io::Cursor::new(Vec::new());
    pixels.write_to(&mut file, format)?;
    Ok(file.into_inner())
}

/// The request of one input.
fn request(kind: &str, number: usize, side: u32) -> Result<Vec<u8>> {
    let (path, body) = match kind {
        "text" => (
            "/v1/embeddings",
            serde_json::json!({"input": text(number), "encoding_format": "base64"}),
        ),
        "search" => (
            "/v1/search",
            serde_json::json!({"terms": [{"text": text(number % 100)}], "limit": 20}),
        ),
        _ => {
            let uri =
                format!("data:image/x;base64,{}", STANDARD.encode(image(number, kind, side)?));
            (
                "/v1/embeddings",
                serde_json::json!({"input": [{"image": uri}], "encoding_format": "base64"}),
            )
        }
    };
    let body = body.to_string();
    Ok(format!(
        "POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes())
}

/// Sends a request, and says the status.
fn ask(stream: &mut BufReader<TcpStream>, request: &[u8]) -> std::io::Result<u16> {
    stream.get_mut().write_all(request)?;
    let (mut line, mut status, mut length) = (String::new(), 0, 0);
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let lower = line.trim().to_ascii_lowercase();
        if lower.is_empty() {
            break;
        }
        if let Some(value) = lower.strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        } else if lower.starts_with("http/1.1") {
            status = lower.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        }
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body)?;
    Ok(status)
}

/// Requests answered a second, their times in order, and how many were refused.
fn load(
    address: SocketAddr,
    requests: &[Vec<u8>],
    clients: usize,
    time: Duration,
) -> (f64, Vec<f64>, usize) {
    let (end, times) = (Instant::now() + time, Mutex::new((Vec::new(), 0)));
    let start = Instant::now();
    thread::scope(|scope| {
        for client in 0..clients {
            let times = &times;
            scope.spawn(move || {
                let Ok(stream) = TcpStream::connect(address) else { return };
                let _ = stream.set_nodelay(true);
                let mut stream = BufReader::new(stream);
                let (mut own, mut refused, mut at) = (Vec::new(), 0, client);
                while Instant::now() < end {
                    let start = Instant::now();
                    match ask(&mut stream, &requests[at % requests.len()]) {
                        Ok(200) => own.push(start.elapsed().as_secs_f64() * 1e3),
                        Ok(_) => refused += 1,
                        Err(_) => return,
                    }
                    at += clients;
                }
                if let Ok(mut times) = times.lock() {
                    times.0.extend(own);
                    times.1 += refused;
                }
            });
        }
    });
    let elapsed = start.elapsed().as_secs_f64();
    let (mut times, refused) = times.into_inner().unwrap_or_default();
    times.sort_by(f64::total_cmp);
    (times.len() as f64 / elapsed, times, refused)
}

/// Inputs that the model encodes a second alone, in batches of 32, and the milliseconds of a core that each takes.
fn alone(embedder: &Embedder, kind: &str, time: Duration) -> Result<(f64, f64)> {
    let (start, mut done) = (Instant::now(), 0);
    let texts = (0..320).map(|at| embedder.tokenize(&text(at)));
    let texts = texts.collect::<clip::Result<Vec<_>>>()?;
    let side = embedder.card().config.vision.image_size as u32;
    let images = (0..32).map(|at| {
        let image = Picture::decode(&image(at, kind, side)?, "an image", &embedder.reading())?;
        Ok(embedder.prepare(&image))
    });
    let images =
        if kind.starts_with("image") { images.collect::<Result<Vec<_>>>()? } else { Vec::new() };
    let (prepared, before) = (start.elapsed(), computed());
    while start.elapsed() < time + prepared {
        done += match kind {
            "text" => embedder.encode_tokens(&texts)?.len(),
            _ => embedder.encode_prepared(&images)?.len(),
        };
    }
    let cost = (computed() - before) / done as f64 * 1e3;
    Ok((done as f64 / (start.elapsed() - prepared).as_secs_f64(), cost))
}

/// Seconds that this process has computed for; a hundredth is the least that the system counts.
fn computed() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    Some(
        status
            .lines()
            .find(|line| line.starts_with("VmHWM"))?
            .split_whitespace()
            .skip(1)
            .collect::<Vec<_>>()
            .join(" "),
    )
}

fn main() -> Result<()> {
    let options = options()?;
    let embedder = open(options.model.as_deref())?;
    let (dimension, side) =
        (embedder.card().config.embed_dim, embedder.card().config.vision.image_size as u32);
    let folder = tempfile::tempdir()?;
    let location = Location::Folder(folder.path().join("library"));
    let collection = Collection::open_or_create(&location, embedder.checkpoint())?;
    if options.kinds.iter().any(|kind| kind == "search") {
        fill(&collection, dimension, 100_000)?;
    }
    let mut settings = Settings::default();
    settings.address.set_port(0);
    let (sender, receiver) = mpsc::channel();
    let control = Arc::new(Control { address: Mutex::new(Some(sender)), ..Control::default() });
    let own = Arc::clone(&control);
    let model = embedder.card().name.clone();
    let server = thread::spawn(move || clip_server::run(embedder, Some(collection), settings, own));
    let address = receiver.recv()?;
    let reference = open(options.model.as_deref())?;
    let time = Duration::from_secs(options.seconds);
    for kind in &options.kinds {
        let different = if kind.starts_with("image") { 32 } else { 640 };
        let requests =
            (0..different).map(|at| request(kind, at, side)).collect::<Result<Vec<_>>>()?;
        load(address, &requests, options.clients, Duration::from_secs(2));
        for round in 0..options.rounds {
            let alone = match kind.as_str() {
                "search" => None,
                kind => Some(alone(&reference, kind, time)?),
            };
            let before = computed();
            let (rate, times, refused) = load(address, &requests, options.clients, time);
            let cost = (computed() - before) / times.len().max(1) as f64 * 1e3;
            let (single, of_one, _) = load(address, &requests, 1, Duration::from_secs(2));
            let at = |times: &[f64], share: f64| {
                let at = (times.len() as f64 * share) as usize;
                times.get(at.min(times.len().saturating_sub(1))).copied().unwrap_or(f64::NAN)
            };
            let share = alone.map(|(alone, cost)| {
                format!(
                    "alone {alone:.1}/s ({cost:.2} CPU ms each), {:.1} %; ",
                    rate / alone * 100.0
                )
            });
            println!(
                "{model} {kind} round {round}: {}{} clients {rate:.1}/s ({cost:.2} CPU ms each), p50 {:.2} ms, p99 {:.2} ms, refused {refused}; one client {single:.1}/s, p50 {:.2} ms; peak {}",
                share.unwrap_or_default(),
                options.clients,
                at(&times, 0.5),
                at(&times, 0.99),
                at(&of_one, 0.5),
                memory().unwrap_or_default(),
            );
        }
    }
    control.is_cancelled.store(true, Ordering::Relaxed);
    server.join().map_err(|_| "the server failed")??;
    Ok(())
}

/// So many items with vectors of no meaning.
fn fill(collection: &Collection, dimension: usize, count: usize) -> Result<()> {
    let mut writer = collection.store().writer()?;
    let mut state = 1_u32;
    for at in 0..count {
        let mut vector: Vec<f32> = (0..dimension)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect();
        let norm = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
        vector.iter_mut().for_each(|value| *value /= norm);
        let item = clip_retrieval::Item::picture(format!("/photos/{}/{at}.jpg", at / 1000), None);
        writer.upsert(&item, &vector)?;
    }
    writer.commit()?;
    Ok(())
}
