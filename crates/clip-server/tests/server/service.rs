//! What the server says of itself, who may ask, and how it stops.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;

use clip_server::{Access, ApiKey, Settings, Silent, StartError, Tls};
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::json;

use crate::client::{TestServer, embedder, read};

#[test]
fn it_describes_itself() {
    let server = TestServer::new(&["fx-dog.png"]);
    assert_eq!(server.get("/health").ok(), json!({"status": "ok"}));
    let models = server.get("/v1/models").ok();
    assert_eq!(
        (&models["object"], &models["data"][0]["id"]),
        (&json!("list"), &json!("clip-photo"))
    );
    server.get("/v1/models/clip-photo").ok();
    server.get("/v1/models/other").refused(404, "clip-photo");
    server.get("/nothing").refused(404, "/docs");
    server.get("/v1/search").refused(405, "does not take GET");
    let api = server.get("/openapi.json").ok();
    assert!(api["paths"].as_object().unwrap().len() >= 15);
    let docs = server.get("/docs");
    assert!(docs.header("content-security-policy").unwrap().contains("default-src 'none'"));
    assert!(
        !String::from_utf8(docs.body).unwrap().contains("http"),
        "the page loads nothing from elsewhere"
    );
}

/// Once the model has run, the server is ready: there is nothing to wait for but that.
#[test]
fn metrics_count_what_happened() {
    let server = TestServer::new(&["fx-dog.png"]);
    server.post("/v1/embeddings", &json!({"input": ["a", "b"]})).ok();
    assert_eq!(server.get("/ready").status, 200);
    for _ in 0..2 {
        server.post("/v1/search", &json!({"terms": [{"text": "a dog"}]})).ok();
    }
    let metrics = String::from_utf8(server.get("/metrics").body).unwrap();
    for line in [
        r#"clip_requests_total{method="POST",route="/v1/embeddings",status="200"} 1"#,
        r#"clip_cached_texts_total{result="Hit"} 1"#,
        r#"clip_cached_texts_total{result="Miss"} 1"#,
        r#"clip_batch_inputs_sum{kind="Text"} 3"#,
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    assert!(metrics.trim_end().ends_with("# EOF"));
}

#[test]
fn a_key_is_needed_where_there_is_one() {
    let key = |settings: &mut Settings| {
        settings.access = Access::Key(ApiKey::new("open-sesame").unwrap())
    };
    let server = TestServer::with(&["fx-dog.png"], key);
    let get = |path: &str, headers: &[(&str, &str)]| server.send("GET", path, headers, b"");
    for path in ["/v1/models", "/v1/library", "/metrics", "/v1/items/x/file", "/nothing"] {
        get(path, &[]).refused(401, "needs a key");
        get(path, &[("authorization", "Bearer open-sesame2")]).refused(401, "not the key");
        assert_ne!(get(path, &[("authorization", "Bearer open-sesame")]).status, 401);
    }
    for path in ["/health", "/ready", "/docs", "/openapi.json"] {
        assert_ne!(get(path, &[]).status, 401, "{path}");
    }
    // A browser's images bring a cookie.
    let session = server.post("/v1/session", &json!({"key": "open-sesame"}));
    let cookie = session.header("set-cookie").unwrap();
    assert!(cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict"));
    assert!(!cookie.contains("open-sesame"));
    get("/v1/models", &[("cookie", cookie.split(';').next().unwrap())]).ok();
    server.post("/v1/session", &json!({"key": "guess"})).refused(401, "not the key");
}

#[test]
fn pages_of_other_sites_are_refused() {
    let server = TestServer::new(&["fx-dog.png"]);
    let get = |headers: &[(&str, &str)]| server.send("GET", "/v1/models", headers, b"");
    get(&[("host", "evil.example")]).refused(403, "localhost");
    get(&[("origin", "https://evil.example")]).refused(403, "other sites");
    let own = format!("http://{}", server.address);
    let answer = get(&[("origin", &own)]);
    answer.ok();
    assert_eq!(answer.header("access-control-allow-origin"), None);
}

#[test]
fn others_reach_it_only_where_somebody_said_so() {
    let mut settings = Settings::default();
    settings.address.set_ip(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let error = clip_server::run(embedder(), None, settings, Arc::new(Silent)).unwrap_err();
    assert!(matches!(error, StartError::NoKey { .. }), "{error}");
}

/// What was accepted before a stop is answered.
#[test]
fn a_stop_loses_nothing() {
    let mut server = TestServer::new(&["fx-dog.png"]);
    let mut stream = server.begin(2000);
    server.cancel();
    let answer = read(&mut stream);
    assert_eq!(answer.ok()["data"].as_array().unwrap().len(), 2000);
    assert!(server.stop().unwrap().is_ok());
    assert!(std::net::TcpStream::connect(server.address).is_err());
}

/// Nothing of what clients send is told to whoever keeps logs.
#[test]
fn logs_hold_nothing_of_requests() {
    let server = TestServer::new(&["fx-dog.png"]);
    server.post("/v1/search", &json!({"terms": [{"text": "secretword"}]})).ok();
    let _ = server.send(
        "GET",
        "/v1/items/secretword?key=secretword",
        &[("authorization", "Bearer secretword")],
        b"",
    );
    let _ = server.get("/secretword");
    let log = server.observer.log.lock().unwrap().join("\n");
    assert!(log.contains("/v1/items/{id}") && !log.contains("secretword"), "{log}");
}

/// The authority in tests/data signed a certificate for localhost.
#[test]
fn connections_are_encrypted_where_there_is_a_certificate() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data");
    let tls = Tls { certificate: data.join("localhost.pem"), key: data.join("localhost.key") };
    let server = TestServer::with(&[], |settings| settings.tls = Some(tls.clone()));
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(data.join("authority.pem")).unwrap()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connection =
        ClientConnection::new(Arc::new(config), "localhost".try_into().unwrap()).unwrap();
    let mut stream = StreamOwned::new(connection, server.connect());
    stream
        .write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    assert!(
        answer.starts_with("HTTP/1.1 200") && answer.ends_with(r#"{"status":"ok"}"#),
        "{answer}"
    );
    // Others hear nothing.
    assert_eq!(server.get("/health").status, 0);

    let swapped = Tls { certificate: tls.key, key: tls.certificate };
    let settings = Settings { tls: Some(swapped), ..Settings::default() };
    let settings = Settings { address: ([127, 0, 0, 1], 0).into(), ..settings };
    let error = clip_server::run(embedder(), None, settings, Arc::new(Silent)).unwrap_err();
    assert!(error.to_string().contains("no certificate"), "{error}");
}

#[test]
fn the_page_is_one_answer() {
    let key = |settings: &mut Settings| {
        settings.access = Access::Key(ApiKey::new("open-sesame").unwrap())
    };
    // Whoever has no key yet is asked for it by the page.
    let server = TestServer::with(&[], key);
    let page = server.get("/");
    assert_eq!((page.status, page.header("content-encoding")), (200, None));
    assert!(String::from_utf8(page.body.clone()).unwrap().contains("<title>Image search</title>"));
    assert!(page.header("content-security-policy").unwrap().contains("script-src 'sha256-"));
    let send = |name, value| server.send("GET", "/", &[(name, value)], b"");
    let gzip = send("accept-encoding", "gzip, br");
    assert_eq!(gzip.header("content-encoding"), Some("gzip"));
    assert!(gzip.body.len() < page.body.len() / 2);
    assert_eq!(send("if-none-match", page.header("etag").unwrap()).status, 304);
}
