//! The machine-learning interface of immich, in requests of the shape of its own client: a form of the fields
//! `entries`, then `image` as a nameless blob, or `text`.

use serde_json::{Value, json};

use crate::client::{Answer, TestServer, data_uri, embedder, numbers, sample};

/// A server whose model immich knows by a name; the vectors are of the model of the tests.
fn server() -> TestServer {
    TestServer::with(&["fx-dog.png"], |settings| {
        settings.aliases = vec!["clip-vit-base-patch32".to_owned()];
    })
}

fn predict(server: &TestServer, entries: &Value, input: Option<(&str, &[u8])>) -> Answer {
    let entries = entries.to_string();
    let mut fields = vec![("entries", None, entries.as_bytes())];
    if let Some((name, content)) = input {
        // What `FormData.append` makes of a `Blob`.
        let file = (name == "image").then_some("blob");
        fields.push((name, file, content));
    }
    server.form("/predict", &fields)
}

fn visual(model: &str) -> Value {
    json!({"clip": {"visual": {"modelName": model}}})
}

fn textual(model: &str) -> Value {
    json!({"clip": {"textual": {"modelName": model, "options": {"language": "en"}}}})
}

/// The vector, which is a string of JSON.
fn vector(answer: &Value) -> Vec<f32> {
    serde_json::from_str(answer["clip"].as_str().expect("a string")).unwrap()
}

/// Of unit vectors.
fn cosine(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn images_and_texts_have_the_vectors_of_the_model() {
    let server = server();
    let dog = sample("fx-dog.png");
    let answer = predict(&server, &visual("ViT-B-32__openai"), Some(("image", &dog))).ok();
    let size = clip::shown_size(&dog, "fx-dog.png").unwrap();
    assert_eq!((&answer["imageWidth"], &answer["imageHeight"]), (&json!(size.0), &json!(size.1)));
    let body = json!({"input": [data_uri("fx-dog.png")], "modality": "image"});
    let expected = numbers(&server.post("/v1/embeddings", &body).ok()["data"][0]["embedding"]);
    assert!(cosine(&vector(&answer), &expected) > 0.9999);

    let answer = predict(&server, &textual("ViT-B-32__openai"), Some(("text", b"a dog"))).ok();
    assert_eq!(answer.as_object().unwrap().len(), 1, "{answer}");
    let expected = embedder().text("a dog").unwrap();
    assert!(cosine(&vector(&answer), expected.as_slice()) > 0.9999);
}

#[test]
fn it_is_there() {
    let server = server();
    let ping = server.get("/ping");
    assert_eq!((ping.status, &ping.body[..]), (200, &b"pong"[..]));
    let greeting = server.send("GET", "/", &[("accept", "*/*")], b"").ok();
    assert_eq!(greeting, json!({"message": "Immich ML"}));
    // A browser gets what people look at.
    let page = server.send("GET", "/", &[("accept", "text/html,*/*;q=0.8")], b"");
    assert!(!page.head.contains("application/json") || page.status == 404, "{page}");
}

/// immich asks its next address after whatever is no success: none of these may be one.
#[test]
fn what_is_not_done_fails() {
    let server = server();
    let dog = sample("fx-dog.png");
    let image = Some(("image", &dog[..]));
    let text = Some(("text", &b"a dog"[..]));
    let known = visual("ViT-B-32__openai");
    let faces = json!({"facial-recognition": {
        "detection": {"modelName": "buffalo_l", "options": {"minScore": 0.7}},
        "recognition": {"modelName": "buffalo_l"},
    }});
    let words = json!({"ocr": {
        "detection": {"modelName": "PP-OCRv5_mobile", "options": {"minScore": 0.5, "maxResolution": 736}},
        "recognition": {"modelName": "PP-OCRv5_mobile", "options": {"minScore": 0.8}},
    }});
    for (entries, input, status, says) in [
        (faces, image, 501, "no models for facial-recognition"),
        (words, image, 501, "no models for ocr"),
        (json!({"clip": "visual"}), image, 422, "`entries` are JSON"),
        (json!({"clip": {}}), image, 422, "one of `visual` and `textual`"),
        (known.clone(), None, 400, "needs the file `image`"),
        (known.clone(), text, 400, "needs the file `image`"),
        (textual("ViT-B-32__openai"), image, 400, "needs the field `text`"),
        (known, Some(("image", &b"no image"[..])), 400, "image"),
        // Ours, but not here; of immich alone.
        (visual("ViT-L-14__openai"), image, 404, "the model clip-vit-large-patch14"),
        (visual("ViT-L-14__openai"), image, 404, "choose ViT-B-32__openai"),
        (visual("nllb-clip-base-siglip__v1"), image, 404, "no model with the weights"),
    ] {
        predict(&server, &entries, input).refused(status, says);
    }
    server.form("/predict", &[("text", None, b"a dog")]).refused(422, "`entries` are JSON");
    server.post("/predict", &json!({})).refused(422, "multipart/form-data");
}
