//! `/`: the page for people. One answer holds all of it: document, style and script.

use std::io::Write;
use std::sync::LazyLock;

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use rust_embed::Embed;
use sha2::{Digest, Sha256};

use crate::state::Server;

#[derive(Embed)]
#[folder = "assets"]
struct Assets;

/// The modules of the script: each after those that it imports.
const MODULES: [&str; 11] = [
    "dom.js",
    "api.js",
    "address.js",
    "uploads.js",
    "query.js",
    "filters.js",
    "grid.js",
    "viewer.js",
    "duplicates.js",
    "indexing.js",
    "main.js",
];

/// The page, made once.
static PAGE: LazyLock<Page> = LazyLock::new(Page::new);

struct Page {
    html: Bytes,
    gzip: Bytes,
    etag: String,
    /// Nothing comes from elsewhere, and no script runs but the page's own.
    policy: String,
}

pub(crate) fn routes() -> Router<Server> {
    Router::new().route("/", get(page))
}

async fn page(headers: HeaderMap) -> Response {
    let page = &*PAGE;
    let has = |name, text: &str| {
        let value = headers.get(name).and_then(|value| value.to_str().ok());
        value.is_some_and(|value| value.contains(text))
    };
    let common = [
        (header::ETAG, &*page.etag),
        (header::CACHE_CONTROL, "no-cache"),
        (header::VARY, "accept-encoding"),
        (header::CONTENT_SECURITY_POLICY, &page.policy),
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    ];
    if has(header::IF_NONE_MATCH, &page.etag) {
        return (StatusCode::NOT_MODIFIED, common).into_response();
    }
    match has(header::ACCEPT_ENCODING, "gzip") {
        true => (common, [(header::CONTENT_ENCODING, "gzip")], page.gzip.clone()).into_response(),
        false => (common, page.html.clone()).into_response(),
    }
}

impl Page {
    fn new() -> Self {
        let (style, script) = (asset("page.css"), script());
        let html = asset("page.html").replace("/*style*/", &style).replace("/*script*/", &script);
        let policy = format!(
            "default-src 'none'; connect-src 'self'; img-src 'self' blob: data:; \
             style-src '{}' 'unsafe-inline'; script-src '{}'; base-uri 'none'; form-action 'none'; \
             frame-ancestors 'none'",
            hash(&style),
            hash(&script)
        );
        let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
        let gzip = gzip.write_all(html.as_bytes()).and_then(|()| gzip.finish());
        Self {
            etag: format!("\"{}\"", &blake3::hash(html.as_bytes()).to_hex()[..16]),
            // A vector takes all that is written to it.
            gzip: gzip.unwrap_or_default().into(),
            html: html.into(),
            policy,
        }
    }
}

/// The modules as one script: a request less for each. They import only each other, one line an import, and
/// no two have a top-level name in common.
fn script() -> String {
    let mut script = String::from("\n");
    for module in MODULES {
        for line in asset(module).lines().filter(|line| !line.starts_with("import ")) {
            script += line.strip_prefix("export ").unwrap_or(line);
            script.push('\n');
        }
    }
    script
}

fn asset(name: &str) -> String {
    let file = Assets::get(name).map(|file| file.data);
    String::from_utf8_lossy(&file.unwrap_or_default()).into_owned()
}

/// What a policy calls an inline style or script by.
fn hash(text: &str) -> String {
    format!("sha256-{}", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_is_in_the_page() {
        let mut names: Vec<String> = Assets::iter().map(Into::into).collect();
        let mut used: Vec<&str> =
            MODULES.iter().copied().chain(["page.css", "page.html"]).collect();
        names.sort_unstable();
        used.sort_unstable();
        assert_eq!(names, used);
        let html = String::from_utf8(PAGE.html.to_vec()).unwrap();
        for left in ["/*style*/", "/*script*/", "\nimport ", "\nexport "] {
            assert!(!html.contains(left), "{left}");
        }
        assert!(PAGE.gzip.len() <= 60 << 10, "{} bytes", PAGE.gzip.len());
    }

    #[test]
    fn modules_import_what_comes_before_them() {
        for (at, module) in MODULES.iter().enumerate() {
            for line in asset(module).lines().filter(|line| line.starts_with("import ")) {
                let from = line.split('"').nth(1).and_then(|path| path.strip_prefix("./"));
                let from = from.unwrap_or_else(|| panic!("{module}: {line}"));
                assert!(MODULES[..at].contains(&from), "{module} imports {from}");
            }
        }
    }
}
