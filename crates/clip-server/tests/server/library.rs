//! `/v1/search`, items and duplicates.

use clip_search::thumbnail;
use serde_json::{Value, json};

use crate::client::{Answer, TestServer, data_uri};

const SAMPLES: [&str; 5] =
    ["fx-dog.png", "fx-car.png", "fx-cat.png", "fx-flower.png", "rocket.jpg"];

fn names(answer: &Value) -> Vec<String> {
    let results = answer["results"].as_array().unwrap();
    let name = |result: &Value| {
        let path = result["path"].as_str().unwrap();
        path.rsplit('/').next().unwrap().to_owned()
    };
    results.iter().map(name).collect()
}

fn search(server: &TestServer, body: Value) -> Value {
    server.post("/v1/search", &body).ok()
}

#[test]
fn terms_find_images() {
    let server = TestServer::new(&SAMPLES);
    let all = search(&server, json!({"terms": [{"text": "a picture of a car"}]}));
    assert_eq!((names(&all)[0].as_str(), names(&all).len()), ("fx-car.png", 5));
    let scores: Vec<f64> = all["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["score"].as_f64().unwrap())
        .collect();
    assert!(scores.is_sorted_by(|a, b| a >= b));
    let upload = search(&server, json!({"terms": [{"image": data_uri("fx-dog.png")}], "limit": 1}));
    assert_eq!(names(&upload), ["fx-dog.png"]);
    assert!(upload["results"][0]["score"].as_f64().unwrap() > 0.99999);
    // Paging goes on where the page before ended.
    let page = search(
        &server,
        json!({"terms": [{"text": "a picture of a car"}], "limit": 2, "offset": 2}),
    );
    assert_eq!(names(&page), names(&all)[2..4]);
    // More like this: the item itself is no result.
    let car = &all["results"][0]["id"];
    let like = search(&server, json!({"terms": [{"item": car}]}));
    assert_eq!(names(&like).len(), 4);
    assert!(!names(&like).contains(&"fx-car.png".to_owned()));
    let mixed = json!({"terms": [{"text": "a dog"}, {"text": "a car", "weight": -1}], "limit": 1});
    assert_eq!(names(&search(&server, mixed)), ["fx-dog.png"]);
}

#[test]
fn what_is_good_enough_is_counted_and_sorted_by_date() {
    let server = TestServer::new(&SAMPLES);
    let request = json!({"terms": [{"text": "a picture of a car"}], "relevance": -9, "limit": 2});
    let answer = search(&server, request);
    assert_eq!((&answer["total"], names(&answer).len()), (&json!(5), 2));
    let hit = &answer["results"][0];
    let [score, mean, deviation] =
        [&hit["score"], &answer["background"]["mean"], &answer["background"]["deviation"]]
            .map(|number| number.as_f64().unwrap());
    assert!((hit["relevance"].as_f64().unwrap() - (score - mean) / deviation).abs() < 1e-3);
    let none = json!({"terms": [{"text": "a car"}], "min_score": 0.999});
    assert_eq!(search(&server, none)["total"], 0);
    let dated = json!({"terms": [{"text": "a car"}], "min_score": -1, "sort": "date"});
    let dated = search(&server, dated);
    let taken: Vec<_> =
        dated["results"].as_array().unwrap().iter().map(|hit| hit["taken"].as_str()).collect();
    assert!(taken.is_sorted_by(|a, b| a >= b), "{taken:?}");
    let by_date = json!({"terms": [{"text": "a car"}], "sort": "date"});
    server.post("/v1/search", &by_date).refused(400, "good enough");
}

#[test]
fn without_terms_everything_is_listed() {
    let server = TestServer::new(&SAMPLES);
    let all = search(&server, json!({}));
    assert_eq!((&all["total"], names(&all).len()), (&json!(5), 5));
    let some = search(&server, json!({"filter": {"glob": ["fx-*"]}, "limit": 2, "offset": 3}));
    assert_eq!((&some["total"], names(&some).len()), (&json!(4), 1));
    server
        .post("/v1/search", &json!({"relevance": 4}))
        .refused(400, "means nothing without `terms`");
}

#[test]
fn requests_that_mean_nothing() {
    let server = TestServer::new(&["fx-dog.png"]);
    let dog = || json!({"text": "a dog"});
    for (request, status, says) in [
        (json!({"terms": [{}]}), 400, "one of"),
        (json!({"terms": [{"text": "a", "item": "b"}]}), 400, "one of"),
        (json!({"terms": [{"text": "a", "weight": 0}]}), 400, "not 0"),
        (json!({"terms": [{"text": " "}]}), 400, "empty"),
        (json!({"terms": [{"item": "cGF0aDovYQ"}]}), 404, "no item"),
        (json!({"terms": [{"item": "../../etc"}]}), 404, "no item"),
        (json!({"terms": vec![dog(); 33]}), 400, "at most 32"),
        (json!({"terms": [dog()], "limit": 0}), 400, "`limit`"),
        (json!({"terms": [dog()], "limit": 1001}), 400, "`limit`"),
        (json!({"terms": [dog()], "offset": 1000001}), 400, "`offset`"),
        (json!({"filter": {"after": "yesterday"}}), 400, "no date"),
        (json!({"filter": {"glob": ["["]}}), 400, "["),
        (json!({"terms": [dog(), {"text": "a dog", "weight": -1}]}), 400, "cancel"),
        (json!({"query": "a dog"}), 400, "unknown field `query`"),
    ] {
        server.post("/v1/search", &request).refused(status, says);
    }
}

fn item(server: &TestServer) -> Value {
    search(server, json!({"terms": [{"text": "a rocket"}], "filter": {"glob": ["rocket*"]}}))["results"][0].clone()
}

#[test]
fn items_have_files_and_thumbnails() {
    let server = TestServer::new(&SAMPLES);
    let item = item(&server);
    let path = server.images().join("rocket.jpg");
    let known = server.get(&format!("/v1/items/{}", item["id"].as_str().unwrap())).ok();
    assert_eq!(known["path"], json!(path.to_str()));
    assert_eq!(known["bytes"], std::fs::metadata(&path).unwrap().len());
    server.get("/v1/items/cGF0aDovYQ").refused(404, "no item");
    server.get("/v1/items/..%2F..%2Fetc%2Fpasswd").refused(404, "no item");

    let address = item["thumbnail"].as_str().unwrap();
    let small = server.get(&format!("{address}&side=100"));
    assert_eq!(small.header("content-type"), Some("image/jpeg"));
    assert!(small.header("cache-control").unwrap().contains("immutable"));
    assert_eq!(small.body, thumbnail::jpeg(&path, 128).unwrap());
    let tag = small.header("etag").unwrap();
    let again = |tag: &str| {
        server.send("GET", &format!("{address}&side=128"), &[("if-none-match", tag)], b"")
    };
    assert_eq!((again(tag).status, again("\"other\"").status), (304, 200));
    let bare = server.get(address.split('?').next().unwrap());
    assert!(bare.header("cache-control").unwrap().contains("no-cache"));
    for side in ["0", "1537", "x"] {
        server.get(&format!("{address}&side={side}")).refused(400, "");
    }
}

#[test]
fn files_come_in_ranges() {
    let server = TestServer::new(&SAMPLES);
    let item = item(&server);
    let address = item["file"].as_str().unwrap();
    let bytes = std::fs::read(server.images().join("rocket.jpg")).unwrap();
    let range = |range: &str| -> Answer { server.send("GET", address, &[("range", range)], b"") };
    let whole = server.get(address);
    assert_eq!((whole.status, &whole.body), (200, &bytes));
    assert_eq!(whole.header("content-type"), Some("image/jpeg"));
    assert!(whole.header("content-security-policy").unwrap().contains("sandbox"));
    let part = range("bytes=10-19");
    assert_eq!((part.status, &part.body[..]), (206, &bytes[10..20]));
    assert_eq!(range("bytes=99999999-").status, 416);
    // What is gone is said to be so.
    std::fs::remove_file(server.images().join("rocket.jpg")).unwrap();
    server.get(address).refused(404, "not there any more");
    server.get(item["thumbnail"].as_str().unwrap()).refused(404, "not there any more");
}

#[test]
fn images_are_explained() {
    let server = TestServer::new(&SAMPLES);
    let id = item(&server)["id"].as_str().unwrap().to_owned();
    let address = format!("/v1/items/{id}/explain");
    for term in [json!({"text": "a rocket"}), json!({"item": id})] {
        let answer = server.post(&address, &term).ok();
        let patches = answer["relevance"].as_array().unwrap().len() as u64;
        assert_eq!(patches, answer["grid"].as_u64().unwrap().pow(2));
        // rocket.jpg is wider than high: what is left and right of the square in its center is not seen.
        let region: Vec<f64> = answer["region"]
            .as_array()
            .unwrap()
            .iter()
            .map(|part| part.as_f64().unwrap())
            .collect();
        assert!(region[0] > 0.0 && region[2] < region[3], "{region:?}");
    }
    server.post(&address, &json!({})).refused(400, "one of");
    server.post("/v1/items/cGF0aDovYQ/explain", &json!({"text": "a"})).refused(404, "no item");
}

#[test]
fn duplicates_are_grouped() {
    let server = TestServer::with(&["fx-dog.png", "fx-car.png"], |settings| {
        std::fs::copy(settings.folders[0].join("fx-dog.png"), settings.folders[0].join("copy.png"))
            .unwrap();
    });
    let answer = server.post("/v1/duplicates", &json!({})).ok();
    assert_eq!((&answer["compared"], answer["groups"].as_array().unwrap().len()), (&json!(3), 1));
    assert_eq!(answer["groups"][0]["kind"], "copies");
    let image = answer["groups"][0]["images"][0]["id"].as_str().unwrap();
    server.get(&format!("/v1/items/{image}")).ok();
    server.post("/v1/duplicates", &json!({"min_score": 2})).refused(400, "`min_score`");
}

#[test]
fn the_library_is_described() {
    let server = TestServer::new(&SAMPLES);
    let library = server.get("/v1/library").ok();
    assert_eq!((&library["images"], &library["texts"]), (&json!(5), &json!(0)));
    assert_eq!(library["folders"][0]["path"], json!(server.images().to_str()));
    assert_eq!(library["model"], "clip-photo");
}
