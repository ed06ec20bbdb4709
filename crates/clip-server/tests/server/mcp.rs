//! The Model Context Protocol over HTTP, in both revisions.

use clip_server::{Access, ApiKey};
use serde_json::{Value, json};

use crate::client::{Answer, TestServer};

const SAMPLES: [&str; 4] = ["fx-dog.png", "fx-car.png", "fx-cat.png", "rocket.jpg"];

/// Sends a message of the revision of 2025-11-25.
fn send(server: &TestServer, method: &str, params: Value) -> Answer {
    let headers = [
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
        ("mcp-protocol-version", "2025-11-25"),
    ];
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    server.send("POST", "/mcp", &headers, body.as_bytes())
}

fn call(server: &TestServer, tool: &str, arguments: Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    send(server, "tools/call", params).ok()["result"].clone()
}

/// What a tool found.
#[track_caller]
fn found(server: &TestServer, tool: &str, arguments: Value) -> Value {
    let result = call(server, tool, arguments);
    assert_ne!(result["isError"], true, "{result}");
    // Clients that know nothing of structured content read the same as text.
    let text = result["content"][0]["text"].as_str().unwrap();
    assert_eq!(serde_json::from_str::<Value>(text).unwrap(), result["structuredContent"]);
    result["structuredContent"].clone()
}

/// Asserts that a tool fails with a sentence that says something.
#[track_caller]
fn fails(server: &TestServer, tool: &str, arguments: Value, says: &str) {
    let result = call(server, tool, arguments);
    assert_eq!(result["isError"], true, "{result}");
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.contains(says), "does not say {says:?}: {text}");
}

fn paths(answer: &Value) -> Vec<&str> {
    let results = answer["results"].as_array().unwrap();
    results.iter().map(|result| result["path"].as_str().unwrap()).collect()
}

#[test]
fn tools_find_and_show_images() {
    let server = TestServer::new(&SAMPLES);
    let hello = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    });
    let hello = send(&server, "initialize", hello).ok();
    assert_eq!(hello["result"]["protocolVersion"], "2025-11-25");
    assert!(hello["result"]["instructions"].as_str().unwrap().contains("search"));
    let list = send(&server, "tools/list", json!({})).ok();
    let tools = list["result"]["tools"].as_array().unwrap();
    let names: Vec<_> = tools.iter().map(|tool| tool["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["search", "similar", "show", "describe_library"]);
    for tool in tools {
        assert_eq!(tool["annotations"]["readOnlyHint"], true);
        for (name, schema) in tool["inputSchema"]["properties"].as_object().into_iter().flatten() {
            let is_described = schema["description"].as_str().is_some_and(|text| text.len() > 20);
            assert!(is_described, "{name} of {tool}");
        }
    }

    let cars = found(&server, "search", json!({"query": "a picture of a car", "limit": 2}));
    assert_eq!(paths(&cars).len(), 2);
    assert!(paths(&cars)[0].ends_with("fx-car.png"));
    let all = found(&server, "search", json!({"orientation": null}));
    assert_eq!((paths(&all).len(), &all["total"]), (4, &json!(4)));
    let next =
        found(&server, "search", json!({"query": "a picture of a car", "offset": 1, "limit": 1}));
    assert_eq!(paths(&next)[0], paths(&cars)[1]);
    let none = found(&server, "search", json!({"query": "a car", "relevance": 99}));
    assert_eq!((paths(&none).len(), &none["total"]), (0, &json!(0)));
    // By the path and by the id: what answers give, later calls take.
    let [path, id] = ["path", "id"].map(|name| cars["results"][0][name].clone());
    for item in [&path, &id] {
        let like = found(&server, "similar", json!({"item": item}));
        assert_eq!(paths(&like).len(), 3);
        assert!(!paths(&like).contains(&path.as_str().unwrap()));
    }
    let library = found(&server, "describe_library", json!({}));
    assert_eq!((&library["images"], &library["folders"][0]["images"]), (&json!(4), &json!(4)));
}

#[test]
fn images_are_shown_within_a_megabyte() {
    let server = TestServer::new(&SAMPLES);
    let all = found(&server, "search", json!({}));
    let rocket = paths(&all).into_iter().find(|path| path.ends_with("rocket.jpg")).unwrap();
    for count in [1, 8] {
        let shown = call(&server, "show", json!({"items": vec![rocket; count]}));
        assert_ne!(shown["isError"], true, "{shown}");
        let blocks = shown["content"].as_array().unwrap();
        let images: Vec<_> = blocks.iter().filter(|block| block["type"] == "image").collect();
        assert_eq!((images.len(), blocks.len()), (count, 2 * count));
        assert!(images.iter().all(|image| image["mimeType"] == "image/jpeg"));
        let bytes: usize = images.iter().map(|image| image["data"].as_str().unwrap().len()).sum();
        assert!((1000..=1_000_000).contains(&bytes), "{bytes}");
        assert!(blocks[0]["text"].as_str().unwrap().contains("rocket.jpg"));
    }
    // One that is not there does not keep the others from being seen.
    let some = call(&server, "show", json!({"items": [rocket, "/nowhere/a.jpg"]}));
    assert_ne!(some["isError"], true);
    let blocks = some["content"].as_array().unwrap();
    assert!(blocks[2]["text"].as_str().unwrap().contains("/nowhere/a.jpg"), "{some}");
    fails(&server, "show", json!({"items": vec![rocket; 9]}), "from 1 to 8");
    fails(&server, "show", json!({"items": []}), "from 1 to 8");
}

#[test]
fn errors_are_sentences_that_a_model_reads() {
    let server = TestServer::new(&["fx-dog.png"]);
    for (tool, arguments, says) in [
        ("search", json!({"limit": 51}), "`limit` is from 1 to 50"),
        ("search", json!({"quary": "a dog"}), "quary"),
        ("search", json!({"without": "a dog"}), "without `query`"),
        ("search", json!({"query": "a dog", "after": "yesterday"}), "yesterday"),
        ("search", json!({"query": "a dog", "sort": "date"}), "good enough"),
        ("similar", json!({}), "item"),
        ("similar", json!({"item": "/etc/passwd"}), "no image /etc/passwd"),
        ("show", json!({"items": ["/etc/passwd"]}), "no image /etc/passwd"),
        ("show", json!({"items": ["???"]}), "no image ???"),
    ] {
        fails(&server, tool, arguments, says);
    }
    let unknown = send(&server, "tools/call", json!({"name": "delete", "arguments": {}})).json();
    assert!(
        unknown["error"]["message"].as_str().unwrap().contains("describe_library"),
        "{unknown}"
    );
    let empty = TestServer::new(&[]);
    fails(&empty, "search", json!({"query": "a dog"}), "index images into it");
}

/// The revision of 2026-07-28 has no handshake: each request says what it speaks.
#[test]
fn requests_may_stand_for_themselves() {
    let server = TestServer::new(&["fx-dog.png"]);
    let meta = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    });
    let send = |method: &str, name: Option<&str>, mut params: Value| {
        params["_meta"] = meta.clone();
        let body =
            json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
        let mut headers = vec![
            ("content-type", "application/json"),
            ("accept", "application/json, text/event-stream"),
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", method),
        ];
        headers.extend(name.map(|name| ("mcp-name", name)));
        server.send("POST", "/mcp", &headers, body.as_bytes()).ok()["result"].clone()
    };
    let discovered = send("server/discover", None, json!({}));
    let versions = discovered["supportedVersions"].as_array().unwrap();
    assert!(["2025-11-25", "2026-07-28"].iter().all(|version| versions.contains(&json!(version))));
    let call = json!({"name": "search", "arguments": {"query": "a dog"}});
    let result = send("tools/call", Some("search"), call);
    assert_eq!(paths(&result["structuredContent"]).len(), 1, "{result}");
}

#[test]
fn who_may_ask_is_checked_as_elsewhere() {
    let server = TestServer::with(&["fx-dog.png"], |settings| {
        settings.access = Access::Key(ApiKey::new("open-sesame").unwrap());
    });
    send(&server, "tools/list", json!({})).refused(401, "needs a key");
    assert_eq!(server.get("/ping").status, 200);
    let open = TestServer::new(&["fx-dog.png"]);
    let foreign = [("host", "evil.example"), ("content-type", "application/json")];
    open.send("POST", "/mcp", &foreign, b"{}").refused(403, "localhost");
}
