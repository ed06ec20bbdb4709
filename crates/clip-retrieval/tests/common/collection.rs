//! A collection of its own for each test, on the server that the environment names.

use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use clip_retrieval::{Address, Cluster};

/// Names the server, as in `milvus://127.0.0.1:19530`.
const SERVER: &str = "CLIP_MILVUS_URL";

/// The address of a collection that is there for one test.
pub(crate) struct Collection {
    name: String,
    server: String,
}

impl Collection {
    /// One that is not there yet; none, and a line that says so, where no server is named.
    pub(crate) fn new(test: &str) -> Option<Self> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let Ok(server) = std::env::var(SERVER) else {
            skip(test);
            return None;
        };
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("clip_test_{}_{number}", process::id());
        Some(Self { name, server: server.trim_end_matches('/').to_owned() })
    }

    /// Its address, with options such as `index=flat`.
    pub(crate) fn address(&self, options: &str) -> Address {
        let address: Address = format!("{}/{}?{options}", self.server, self.name).parse().unwrap();
        address.with_environment()
    }
}

impl Drop for Collection {
    fn drop(&mut self) {
        // A test of what is not there leaves nothing behind.
        if let Ok(cluster) = Cluster::open(&self.address("")) {
            cluster.destroy().unwrap();
        }
    }
}

#[expect(clippy::print_stderr, reason = "whoever reads the tests should know what did not run")]
fn skip(test: &str) {
    eprintln!("skipped: set {SERVER} to the address of a Milvus server to run {test}");
}
