//! `clip-cli mcp`: a client on its standard input and output, and what immich's variables mean to `serve`.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::sandbox::{Sandbox, finish, program};

/// Sends messages one after the other, reads an answer to each that has an id, and ends the input. Whatever
/// else comes on standard output is no JSON, and fails.
fn talk(sandbox: &Sandbox, messages: &[Value]) -> (Vec<Value>, String) {
    let mut command = sandbox.command(program());
    command.arg("mcp").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut answers = Vec::new();
    for message in messages {
        writeln!(input, "{message}").unwrap();
        if message.get("id").is_some() {
            let mut line = String::new();
            output.read_line(&mut line).unwrap();
            let answer: Value = serde_json::from_str(&line).unwrap_or_else(|_| panic!("{line:?}"));
            assert_eq!(answer["id"], message["id"], "{answer}");
            answers.push(answer);
        }
    }
    drop(input);
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    let ended = child.wait_with_output().unwrap();
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success(), "{stderr}");
    (answers, stderr)
}

fn call(tool: &str, arguments: Value) -> Value {
    let params = json!({"name": tool, "arguments": arguments});
    json!({"jsonrpc": "2.0", "id": tool, "method": "tools/call", "params": params})
}

#[test]
fn an_assistant_searches_over_standard_input_and_output() {
    let sandbox = Sandbox::new();
    let dog = sandbox.copy("fx-dog.png", "images/dog.png");
    sandbox.copy("fx-car.png", "images/car.png");
    sandbox.run(&["index", "images"]).check(0, &[]);
    let hello = json!({
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    });
    let (answers, stderr) = talk(
        &sandbox,
        &[
            json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello}),
            json!({"jsonrpc": "2.0", "method": "notifications/initialized"}),
            json!({"jsonrpc": "2.0", "id": 2, "method": "tools/list"}),
            call("search", json!({"query": "a picture of a dog"})),
            call("show", json!({"items": [dog.canonicalize().unwrap()]})),
            call("similar", json!({"item": "/nowhere"})),
        ],
    );
    assert_eq!(answers[0]["result"]["protocolVersion"], "2025-11-25");
    assert_eq!(answers[1]["result"]["tools"].as_array().unwrap().len(), 4);
    let results = answers[2]["result"]["structuredContent"]["results"].as_array().unwrap();
    assert!(results[0]["path"].as_str().unwrap().ends_with("dog.png"), "{results:?}");
    assert_eq!(answers[3]["result"]["content"][1]["type"], "image");
    assert_eq!(answers[4]["result"]["isError"], true);
    assert_eq!(stderr, "");
}

#[test]
fn requests_of_the_stateless_revision_need_no_handshake() {
    let sandbox = Sandbox::new();
    let mut search = call("search", json!({"query": "a dog"}));
    search["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
    });
    let (answers, _) = talk(&sandbox, &[search]);
    let text = answers[0]["result"]["content"][0]["text"].as_str().unwrap_or_default();
    assert!(text.contains("empty") && text.contains("index images into it"), "{}", answers[0]);
}

#[test]
fn somebody_who_only_looks_whether_it_starts_is_no_error() {
    let (answers, stderr) = talk(&Sandbox::new(), &[]);
    assert_eq!((answers.len(), stderr.as_str()), (0, ""));
}

#[test]
fn variables_of_immich_name_the_model_of_serve() {
    let sandbox = Sandbox::new();
    let serve = |list: &[(&str, &str)]| {
        let mut command = sandbox.command(program());
        command.args(["serve", "--port", "0"]).envs(list.iter().copied());
        finish(&mut command)
    };
    let [visual, textual] =
        ["MACHINE_LEARNING_PRELOAD__CLIP__VISUAL", "MACHINE_LEARNING_PRELOAD__CLIP__TEXTUAL"];
    let missing = serve(&[(visual, "ViT-B-32__openai"), (textual, "ViT-B-32__openai")]);
    missing.check(2, &["ViT-B-32__openai", "clip-cli models pull clip-vit-base-patch32"]);
    let add = serve(&[(visual, "ViT-B-16-SigLIP2__webli")]);
    add.check(2, &["clip-cli models add google/siglip2-base-patch16-224"]);
    serve(&[(visual, "ViT-B-32__openai"), (textual, "ViT-B-16__openai")]).check(2, &["one model"]);
    serve(&[(visual, "nllb-clip-base-siglip__v1")]).check(2, &["nllb-clip-base-siglip__v1"]);
    serve(&[("MACHINE_LEARNING_MODEL_TTL", "soon")]).check(2, &["number of seconds"]);
}
