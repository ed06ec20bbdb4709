//! The address of a file, taken apart.

use ureq::http::Uri;

use crate::{Error, Result};

/// Longest file name that is kept; systems allow 255 bytes.
const MAX_NAME: usize = 120;

/// The address of a weights file.
#[derive(Debug)]
pub(super) struct Address<'a> {
    /// As it was given.
    pub(super) url: &'a str,
    /// For messages and the card: without user, password and query, which may be secrets.
    pub(super) shown: String,
    /// Name of the file, safe to use on any disk.
    pub(super) file: String,
    /// SHA-256 of the file, where the address holds it. OpenAI's do: `_download` in
    /// <https://github.com/openai/CLIP/blob/main/clip/clip.py> compares that part with the file.
    pub(super) sha256: Option<String>,
}

impl<'a> Address<'a> {
    pub(super) fn parse(url: &'a str) -> Result<Self> {
        let bad = |reason: &str| Error::UrlUnreachable {
            url: url.to_owned(),
            reason: format!("it is no address: {reason}"),
        };
        let uri: Uri = url.parse().map_err(|error| bad(&format!("{error}")))?;
        let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
            return Err(bad("it names no server"));
        };
        let server = authority.as_str().rsplit('@').next().unwrap_or_default();
        let path = uri.path();
        Ok(Self {
            url,
            shown: format!("{scheme}://{server}{path}"),
            file: file_name(path),
            sha256: path.split('/').find(|part| is_sha256(part)).map(str::to_ascii_lowercase),
        })
    }

    /// Whether everything is to come over an encrypted connection.
    pub(super) fn is_encrypted(&self) -> bool {
        self.shown.starts_with("https:")
    }
}

/// Whether a text is a SHA-256 in hexadecimal.
pub(super) fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The last part of the path, with `_` for what may mean something to a file system.
fn file_name(path: &str) -> String {
    let last = path.rsplit('/').next().unwrap_or_default();
    let safe = |c: char| if c.is_ascii_alphanumeric() || "._-+@".contains(c) { c } else { '_' };
    let name: String = last.trim_start_matches('.').chars().take(MAX_NAME).map(safe).collect();
    if name.is_empty() { "weights".to_owned() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is shown, the file's name, and whether there is a hash.
    #[track_caller]
    fn check(url: &str, shown: &str, file: &str, has_hash: bool) {
        let address = Address::parse(url).unwrap();
        assert_eq!((&*address.shown, &*address.file), (shown, file), "{url}");
        assert_eq!(address.sha256.is_some(), has_hash, "{url}");
    }

    #[test]
    fn addresses_are_taken_apart() {
        let hash = "40d365715913c9da98579312b702a82c18be219cc2a73407c4526f58eba950af";
        let openai = format!("https://openaipublic.azureedge.net/clip/models/{hash}/ViT-B-32.pt");
        check(&openai, &openai, "ViT-B-32.pt", true);
        assert_eq!(Address::parse(&openai).unwrap().sha256.as_deref(), Some(hash));
        let upper = format!("http://host/{}/a.pt", hash.to_uppercase());
        assert_eq!(Address::parse(&upper).unwrap().sha256.as_deref(), Some(hash));
        check(
            &format!("http://host/{hash}f/a.pt"),
            &format!("http://host/{hash}f/a.pt"),
            "a.pt",
            false,
        );
        check(&format!("http://host/a.pt?{hash}"), "http://host/a.pt", "a.pt", false);
    }

    #[test]
    fn secrets_are_not_shown() {
        check(
            "https://me:word@host:8080/a.pt?key=secret#x",
            "https://host:8080/a.pt",
            "a.pt",
            false,
        );
    }

    #[test]
    fn file_names_are_safe() {
        for (path, file) in [
            ("", "weights"),
            ("/", "weights"),
            ("/a/", "weights"),
            ("/..", "weights"),
            ("/a/.hidden", "hidden"),
            ("/download?id=5", "download"),
            ("/ViT%20B.pt", "ViT_20B.pt"),
            ("/c:a.pt", "c_a.pt"),
        ] {
            assert_eq!(Address::parse(&format!("http://host{path}")).unwrap().file, file, "{path}");
        }
        assert_eq!(
            Address::parse(&format!("http://host/{}", "a".repeat(500))).unwrap().file.len(),
            MAX_NAME
        );
    }

    #[test]
    fn what_is_no_address_is_said() {
        for url in ["http://", "https://two words/a", "http:///a"] {
            let message = Address::parse(url).unwrap_err().to_string();
            assert!(message.contains("it is no address: "), "{message}");
        }
    }
}
