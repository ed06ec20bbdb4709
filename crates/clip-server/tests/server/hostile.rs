//! What clients should not send is refused, and nothing else suffers.

use std::io::Write;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::client::{TestServer, base64, read, sample};

/// A PNG file whose header promises so many pixels.
fn promising(side: u32) -> Vec<u8> {
    let mut file = sample("fx-dog.png");
    file[16..20].copy_from_slice(&side.to_be_bytes());
    file[20..24].copy_from_slice(&side.to_be_bytes());
    let checksum = crc32(&file[12..29]);
    file[29..33].copy_from_slice(&checksum.to_be_bytes());
    file
}

/// That of PNG and zip.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[test]
fn bombs_are_refused_by_their_header() {
    let server = TestServer::new(&["fx-dog.png"]);
    let bomb = base64(&promising(50_000));
    let start = Instant::now();
    let request = json!({"input": [{"image": bomb}]});
    server.post("/v1/embeddings", &request).refused(400, "megapixels");
    server.post("/v1/search", &json!({"terms": [{"image": bomb}]})).refused(400, "megapixels");
    server
        .form("/v1/embeddings", &[("image", Some("a.png"), &promising(50_000))])
        .refused(400, "megapixels");
    assert!(start.elapsed() < Duration::from_secs(20));
}

#[test]
fn bodies_are_bounded() {
    let server = TestServer::with(&["fx-dog.png"], |settings| {
        settings.limits.body_bytes = 100_000;
        settings.limits.buffered_bytes = 250_000;
    });
    let large = json!({"input": "a".repeat(100_001)});
    server.post("/v1/embeddings", &large).refused(413, "larger than");
    let image = vec![0; 100_001];
    server.form("/v1/embeddings", &[("image", Some("a.png"), &image)]).refused(413, "larger than");
    // A length that is never sent takes no memory.
    let head = "POST /v1/embeddings HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99999\r\n\r\n";
    let mut waiting: Vec<_> = (0..20).map(|_| server.connect()).collect();
    waiting.iter_mut().for_each(|stream| stream.write_all(head.as_bytes()).unwrap());
    server.post("/v1/embeddings", &json!({"input": "a dog"})).ok();
    // What is sent does: with three halves of bodies there is no room for a whole one.
    let half = vec![b' '; 80_000];
    waiting.iter_mut().take(3).for_each(|stream| stream.write_all(&half).unwrap());
    let full = || server.post("/v1/embeddings", &json!({"input": "a".repeat(60_000)}));
    let refused =
        (0..200).map(|_| full()).find(|answer| answer.status == 429).expect("the server is full");
    refused.refused(429, "memory");
    assert_eq!(refused.header("retry-after"), Some("1"));
    drop(waiting);
}

#[test]
fn slow_senders_are_cut_off() {
    let server = TestServer::with(&["fx-dog.png"], |settings| {
        settings.limits.header_timeout = Duration::from_millis(300);
        settings.limits.body_timeout = Duration::from_millis(300);
    });
    // A head that never ends.
    let mut stream = server.connect();
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n").unwrap();
    let answer = read(&mut stream);
    assert!(answer.status == 0 || answer.status == 408, "{answer}");
    // Nothing at all.
    assert_eq!(read(&mut server.connect()).status, 0);
    // A body that never ends.
    let mut stream = server.connect();
    let head = "POST /v1/embeddings HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    stream.write_all(head.as_bytes()).unwrap();
    read(&mut stream).refused(408, "did not come in time");
    server.get("/health").ok();
}

#[test]
fn idle_connections_make_room() {
    let server = TestServer::with(&["fx-dog.png"], |settings| settings.limits.connections = 8);
    let idle: Vec<_> = (0..100).map(|_| server.connect()).collect();
    for _ in 0..10 {
        server.post("/v1/embeddings", &json!({"input": "a dog"})).ok();
    }
    drop(idle);
}

#[test]
fn malformed_requests() {
    let server = TestServer::new(&["fx-dog.png"]);
    let post = |kind: &str, body: &[u8]| {
        server.send("POST", "/v1/embeddings", &[("content-type", kind)], body)
    };
    let json = "application/json";
    post(json, b"").refused(400, "not what is expected");
    post(json, b"{").refused(400, "not what is expected");
    post(json, b"[]").refused(400, "not what is expected");
    post(json, b"\xff\xfe").refused(400, "not what is expected");
    post(json, "[".repeat(100_000).as_bytes()).refused(400, "not what is expected");
    let deep = format!("{{\"input\":{}{}}}", "[".repeat(50_000), "]".repeat(50_000));
    post(json, deep.as_bytes()).refused(400, "recursion limit");
    post("text/plain", b"{}").refused(415, "application/json");
    post("", b"{}").refused(415, "application/json");
    post("multipart/form-data", b"x").refused(400, "boundary");
    post("multipart/form-data; boundary=b", b"no form").refused(400, "damaged");
    post("multipart/form-data; boundary=b", b"--b\r\n\r\n").refused(400, "");
    post(
        "multipart/form-data; boundary=b",
        b"--b\r\ncontent-disposition: form-data; name=\"image\"; filename=\"a\"\r\n\r\nabc",
    )
    .refused(400, "");
    assert_eq!(server.raw(b"nonsense\r\n\r\n").status, 400);
    assert_eq!(
        server.raw(format!("GET /{} HTTP/1.1\r\n\r\n", "a".repeat(1_000_000)).as_bytes()).status
            / 100,
        4
    );
    server.get("/health").ok();
}

/// Who hangs up is not worked for, and takes no place from others.
#[test]
fn who_hangs_up_is_dropped() {
    let server = TestServer::with(&["fx-dog.png"], |settings| settings.limits.waiting = 2048);
    let stream = server.begin(2000);
    // While it waits there is no room for as many again.
    let full = json!({"input": vec!["a"; 2000]});
    server.post("/v1/embeddings", &full).refused(429, "waits for the model");
    // A small request does not wait for all of a large one.
    server.post("/v1/embeddings", &json!({"input": "a"})).ok();
    assert!(server.metric("clip_waiting") > 0.0);
    drop(stream);
    while server.metric("clip_waiting") > 0.0 {}
    assert!(server.metric("clip_batch_inputs_sum{kind=\"Text\"}") < 2000.0);
    server.post("/v1/embeddings", &full).ok();
}

#[test]
fn a_deadline_ends_a_wait() {
    let server = TestServer::with(&["fx-dog.png"], |settings| {
        settings.limits.deadline = Duration::from_millis(1);
    });
    let request = json!({"input": vec!["a picture of a dog on a beach"; 2000]});
    let answer = server.post("/v1/embeddings", &request);
    answer.refused(503, "was not free");
    assert_eq!(answer.header("retry-after"), Some("1"));
}
