//! Revisions.

use crate::server::{Hub, ID, Repository, check_converted_from};

#[test]
fn a_revision_is_taken_as_it_is_asked_for() {
    let check = |revision: &str, address: &'static str| {
        let hub = Hub::tiny(Repository::default());
        let files = hub.repository.lock().unwrap().files.clone();
        hub.repository.lock().unwrap().revisions.insert(address, files.clone());
        hub.repository.lock().unwrap().files.clear();
        let source = format!("{ID}@{revision}");
        let summary = hub.convert_source(&source, hub.options(), &mut ()).unwrap();
        check_converted_from(&hub, &summary, &source, &files);
        // From the cache.
        let summary = hub.convert_source(&source, hub.options(), &mut ()).unwrap();
        check_converted_from(&hub, &summary, &source, &files);
        assert_eq!(hub.weight_requests(), [0]);
    };
    check("v1.0", "v1.0");
    check("0123456789abcdef0123456789abcdef01234567", "0123456789abcdef0123456789abcdef01234567");
    check("refs/pr/66", "refs%2Fpr%2F66");

    let hub = Hub::tiny(Repository::default());
    assert_eq!(
        hub.refusal_of(&format!("{ID}@v2")),
        format!(
            "HUB has no config.json under {ID}@v2: check the spelling, and that the repository is a CLIP for transformers or OpenCLIP"
        )
    );
}
