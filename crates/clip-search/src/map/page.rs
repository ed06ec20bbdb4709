//! The page: a template and its data.

use std::path::Path;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use serde::Serialize;

use super::Point;
use crate::Result;

const TEMPLATE: &str = include_str!("page.html");
const DATA: &str = "{{data}}";

/// What stays as it is in the path of a URL.
const IN_PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// What the page shows.
#[derive(Debug, Serialize)]
pub(super) struct Map<'a> {
    pub(super) model: &'a str,
    /// Pictures of the library, shown or not.
    pub(super) total: usize,
    pub(super) pictures: Vec<Picture>,
}

#[derive(Debug, Serialize)]
pub(super) struct Picture {
    name: String,
    folder: String,
    url: String,
    x: f64,
    y: f64,
    /// A JPEG file in Base64.
    jpeg: Option<String>,
}

/// A row for each picture.
pub(super) fn pictures(
    paths: &[&Path],
    points: &[Point],
    thumbnails: &[Result<Vec<u8>>],
) -> Vec<Picture> {
    let rows = paths.iter().zip(points).zip(thumbnails);
    rows.map(|((path, point), thumbnail)| {
        // Hundredths of a picture's side are enough.
        let [x, y] = point.map(|value| (value * 100.0).round() / 100.0 + 0.0);
        Picture {
            name: path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            folder: path.parent().map(|path| path.display().to_string()).unwrap_or_default(),
            url: file_url(path),
            x,
            y,
            jpeg: thumbnail.as_ref().ok().map(|jpeg| BASE64_STANDARD.encode(jpeg)),
        }
    })
    .collect()
}

/// The whole page. Nothing in the data can end its element: no `<` is left in it.
pub(super) fn html(map: &Map<'_>) -> String {
    let data = serde_json::to_string(map).expect("texts and numbers").replace('<', "\\u003c");
    TEMPLATE.replacen(DATA, &data, 1)
}

fn file_url(path: &Path) -> String {
    let bytes = path.as_os_str().as_encoded_bytes();
    if cfg!(windows) {
        // \\?\C:\a is /C:/a.
        let path = String::from_utf8_lossy(bytes).replace('\\', "/");
        let path = path.strip_prefix("//?/").unwrap_or(&path);
        let encoded = percent_encode(path.as_bytes(), IN_PATH).to_string();
        return format!("file:///{}", encoded.trim_start_matches('/').replacen("%3A", ":", 1));
    }
    format!("file://{}", percent_encode(bytes, IN_PATH))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(unix)]
    fn paths_become_urls() {
        let check = |path: &str, url: &str| assert_eq!(file_url(Path::new(path)), url);
        check("/a/b.jpg", "file:///a/b.jpg");
        check("/a b/é#1?.jpg", "file:///a%20b/%C3%A9%231%3F.jpg");
        check("/100%.jpg", "file:///100%25.jpg");
    }

    #[test]
    fn names_cannot_leave_the_data() {
        let path = Path::new("/x/</script><b>&\"'.jpg");
        let thumbnails = [Ok(b"A".to_vec())];
        let pictures = pictures(&[path], &[[0.126, -0.001]], &thumbnails);
        let page = html(&Map { model: "m", total: 1, pictures });
        assert!(!page.contains("<b>&") && !page.contains(DATA));
        let start = page.find("{\"model\"").unwrap();
        let data = &page[start..start + page[start..].find("</script>").unwrap()];
        let data: serde_json::Value = serde_json::from_str(data).unwrap();
        assert_eq!(data["pictures"][0]["name"], "script><b>&\"'.jpg");
        assert_eq!(data["pictures"][0]["x"], 0.13);
        assert_eq!(data["pictures"][0]["y"].to_string(), "0.0");
    }

    /// The page must be whole without a network.
    #[test]
    fn the_template_loads_nothing() {
        for word in ["http:", "https:", "<link", "@import", "fetch(", "src=\"//"] {
            assert!(!TEMPLATE.contains(word), "{word}");
        }
        assert_eq!(TEMPLATE.matches(DATA).count(), 1);
    }
}
