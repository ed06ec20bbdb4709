//! `/v1/embeddings`, `/v1/classify` and `/v1/rank`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clip::Picture;
use serde_json::{Value, json};

use crate::client::{TestServer, base64, data_uri, embedder, numbers, sample};

/// The vector of a sample, as the library has it.
fn image_vector(name: &str) -> Vec<f32> {
    let embedder = embedder();
    let image = Picture::decode(&sample(name), name, &embedder.reading()).unwrap();
    embedder.encode_image(&image).unwrap().into_vec()
}

#[track_caller]
fn check(answer: &Value, expected: &[&[f32]]) {
    let data = answer["data"].as_array().unwrap();
    assert_eq!(data.len(), expected.len());
    for (at, (data, expected)) in data.iter().zip(expected).enumerate() {
        assert_eq!(data["index"], at);
        let cosine: f32 =
            numbers(&data["embedding"]).iter().zip(*expected).map(|(a, b)| a * b).sum();
        assert!(cosine > 0.99999, "{at}: {cosine}");
    }
}

#[test]
fn every_dialect_gives_the_vectors_of_the_library() {
    let server = TestServer::new(&[]);
    let (dog, car) = (image_vector("fx-dog.png"), image_vector("fx-car.png"));
    let words = embedder().text("a dog").unwrap().into_vec();
    let uri = data_uri("fx-dog.png");
    let bare = base64(&sample("fx-car.png"));
    for (name, request, expected) in [
        ("OpenAI, a text", json!({"model": "clip-photo", "input": "a dog"}), vec![&words]),
        ("OpenAI, a list", json!({"input": ["a dog", "a dog"]}), vec![&words, &words]),
        ("infinity", json!({"input": [uri, bare], "modality": "image"}), vec![&dog, &car]),
        (
            "Jina",
            json!({"input": [{"image": bare}, {"text": "a dog"}, {"image": uri}]}),
            vec![&car, &words, &dog],
        ),
        (
            "vLLM",
            json!({"messages": [{"role": "user", "content": [
                {"type": "image_url", "image_url": {"url": uri}},
            ]}]}),
            vec![&dog],
        ),
        (
            "OpenRouter",
            json!({"input": [
                {"content": [{"type": "image_url", "image_url": {"url": uri}}]},
                {"content": [{"type": "text", "text": "a dog"}]},
            ]}),
            vec![&dog, &words],
        ),
    ] {
        let answer = server.post("/v1/embeddings", &request);
        assert_eq!(answer.status, 200, "{name}: {answer}");
        check(&answer.json(), &expected.iter().map(|vector| &vector[..]).collect::<Vec<_>>());
    }
    let form: [(&str, Option<&str>, &[u8]); 3] = [
        ("image", Some("dog.png"), &sample("fx-dog.png")),
        ("text", None, b"a dog"),
        ("input", Some("car.png"), &sample("fx-car.png")),
    ];
    check(&server.form("/v1/embeddings", &form).ok(), &[&dog, &words, &car]);
}

#[test]
fn base64_holds_the_same_numbers() {
    let server = TestServer::new(&[]);
    let ask = |format: &str| {
        let request = json!({"input": "a dog", "encoding_format": format, "dimensions": 256});
        server.post("/v1/embeddings", &request).ok()
    };
    let (float, base64) = (ask("float"), ask("base64"));
    let bytes = STANDARD.decode(base64["data"][0]["embedding"].as_str().unwrap()).unwrap();
    let values = bytes.chunks_exact(4).map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
    assert_eq!(values.collect::<Vec<_>>(), numbers(&float["data"][0]["embedding"]));
    assert_eq!(float["usage"], json!({"prompt_tokens": 4, "total_tokens": 4, "images": 0}));
    assert_eq!((&float["object"], &float["model"]), (&json!("list"), &json!("clip-photo")));
}

#[test]
fn what_cannot_be_encoded_is_refused_by_name() {
    let server = TestServer::new(&[]);
    let long = "dog ".repeat(100);
    for (request, status, says, param) in [
        (json!({"input": "a", "model": "gpt"}), 404, "has the model clip-photo", "model"),
        (json!({"input": "a", "dimensions": 128}), 400, "256 dimensions", "dimensions"),
        (json!({"input": ["a", " "]}), 400, "empty", "input[1]"),
        (json!({"input": ["a", long]}), 400, "tokens", "input[1]"),
        (json!({"input": [[1, 2]]}), 400, "token ids", "input[0]"),
        (json!({"input": ["aGVsbG8="], "modality": "image"}), 400, "not a picture", "input"),
        (json!({"input": "https://a/b.png", "modality": "image"}), 400, "no addresses", "input"),
        (json!({"input": vec!["a"; 2049]}), 413, "2048 texts", ""),
        (json!({"input": "a", "encoding_format": "hex"}), 400, "hex", ""),
        (json!({"input": "a", "pooling": "mean"}), 400, "unknown field `pooling`", ""),
    ] {
        let answer = server.post("/v1/embeddings", &request);
        answer.refused(status, says);
        let found = answer.json()["error"]["param"].as_str().unwrap_or_default().to_owned();
        assert_eq!(found, param, "{answer}");
    }
    server.form("/v1/embeddings", &[("voice", None, b"x")]).refused(400, "`voice` is not known");
    server.form("/v1/embeddings", &[]).refused(400, "neither");
    server.form("/v1/embeddings", &[("image", Some("a.png"), b"")]).refused(400, "empty");
}

#[test]
fn labels_and_ranks() {
    let server = TestServer::new(&[]);
    let images = [data_uri("fx-dog.png"), data_uri("fx-car.png")];
    let request = json!({"images": images, "labels": ["a dog", "a car", "a flower"], "top": 2});
    let answer = server.post("/v1/classify", &request).ok();
    let best = |at: usize| answer["results"][at]["labels"][0]["label"].clone();
    assert_eq!([best(0), best(1)], ["a dog", "a car"]);
    assert_eq!(answer["results"][0]["labels"].as_array().unwrap().len(), 2);
    assert_eq!(answer["is_distribution"], true);
    let request = json!({"images": images, "labels": []});
    server.post("/v1/classify", &request).refused(400, "no labels");
    let request = json!({"images": images, "labels": ["a"], "templates": ["a photo"]});
    server.post("/v1/classify", &request).refused(400, "has no place");

    let documents = json!([{"image": images[1]}, "a dog", {"image": images[0]}]);
    let request = json!({"query": "a picture of a dog", "documents": documents, "top_n": 2});
    let answer = server.post("/v1/rank", &request).ok();
    assert_eq!(answer["results"][0]["index"], 1);
    assert_eq!(answer["results"][1]["index"], 2);
    let scores = [&answer["results"][0], &answer["results"][1]]
        .map(|hit| hit["relevance_score"].as_f64().unwrap());
    assert!(scores[0] >= scores[1]);
    server.post("/v1/rank", &json!({"query": "a", "documents": []})).refused(400, "no documents");
    let both = json!({"query": {"text": "a", "image": "b"}, "documents": ["a"]});
    server.post("/v1/rank", &both).refused(400, "one of");
}

/// Whatever else is asked at the same time, each gets its own.
#[test]
fn many_at_once_get_their_own_vectors() {
    let server = TestServer::new(&[]);
    let embedder = embedder();
    let words = ["a", "a dog", "a picture of a large car on a street", "two cats", "a red flower"];
    std::thread::scope(|scope| {
        for client in 0..12 {
            let (server, embedder) = (&server, &embedder);
            scope.spawn(move || {
                for at in 0..6 {
                    let text = format!("{} {client}", words[(client + at) % words.len()]);
                    let answer = server.post("/v1/embeddings", &json!({"input": text})).ok();
                    check(&answer, &[embedder.text(&text).unwrap().as_slice()]);
                }
            });
        }
    });
}
