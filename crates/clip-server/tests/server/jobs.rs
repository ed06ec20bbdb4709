//! `/v1/index`: jobs, and who may have what indexed.

use std::fs;

use serde_json::json;

use crate::client::TestServer;

#[test]
fn a_job_brings_the_library_in_step() {
    let server = TestServer::new(&["fx-dog.png"]);
    let samples = clip_testkit::samples_dir();
    fs::copy(samples.join("fx-car.png"), server.images().join("car.png")).unwrap();
    fs::write(server.images().join("broken.png"), "no image").unwrap();
    let begun = server.post("/v1/index", &json!({}));
    assert_eq!((begun.status, begun.header("location")), (202, Some("/v1/index/2")));
    // The events end with the job.
    let events = server.get("/v1/index/2/events");
    assert_eq!(events.header("content-type"), Some("text/event-stream"));
    let events = String::from_utf8(events.body).unwrap();
    let last = events.trim().rsplit("event: job\ndata: ").next().unwrap();
    let last: serde_json::Value = serde_json::from_str(last).unwrap();
    assert_eq!(last, server.get("/v1/index/2").ok());
    assert_eq!(last["state"], "done");
    assert_eq!(last["changes"]["added"], 1, "{last}");
    assert_eq!(last["skipped"], 1);
    assert!(last["skipped_files"][0]["path"].as_str().unwrap().ends_with("broken.png"));
    let found = server.post("/v1/search", &json!({"terms": [{"text": "a car"}], "limit": 1})).ok();
    assert!(found["results"][0]["path"].as_str().unwrap().ends_with("car.png"));
    assert_eq!(server.get("/v1/index").ok()["jobs"].as_array().unwrap().len(), 2);
    server.get("/v1/index/9").refused(404, "no job");
    assert_eq!(server.send("DELETE", "/v1/index/2", &[], b"").status, 202);
}

#[test]
fn only_folders_of_the_settings_are_indexed() {
    let server = TestServer::new(&["fx-dog.png"]);
    let outside = server.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    let images = server.images();
    for path in [
        outside.to_str().unwrap().to_owned(),
        "/etc".to_owned(),
        "/nothing/there".to_owned(),
        format!("{}/../outside", images.display()),
    ] {
        server.post("/v1/index", &json!({"paths": [path]})).refused(403, "may index");
    }
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(&outside, images.join("link")).unwrap();
        let path = images.join("link");
        server.post("/v1/index", &json!({"paths": [path]})).refused(403, "may index");
    }
    let inside =
        server.post("/v1/index", &json!({"paths": [images.join("fx-dog.png")], "missing": "keep"}));
    assert_eq!(inside.status, 202, "{inside}");
    let server = TestServer::with(&[], |settings| settings.folders.clear());
    server.post("/v1/index", &json!({})).refused(403, "without folders");
}
