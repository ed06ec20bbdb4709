use std::path::{Path, PathBuf};

/// Where a checkpoint comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder in Hugging Face or OpenCLIP layout, a weights file inside one, or one with OpenAI's
    /// names.
    Path(PathBuf),
    /// A repository on the Hugging Face hub.
    Hub {
        /// `owner/name`.
        id: String,
        /// A branch, a tag, a commit, or `refs/pr/N`, the changes of a pull request; the main branch where
        /// it is not given.
        revision: Option<String>,
    },
    /// A weights file at an address, `https://` or `http://`.
    Url(String),
}

impl Source {
    /// What a user typed: an address if it begins like one, otherwise something on the disk if it is
    /// there, otherwise a hub id if it looks like one (`owner/name` or `owner/name@revision` in
    /// letters, digits, `.`, `_` and `-`), otherwise a path that is not there.
    pub fn parse(text: &str) -> Self {
        if is_url(text) {
            return Self::Url(text.to_owned());
        }
        let (id, revision) = match text.split_once('@') {
            Some((id, revision)) => (id, Some(revision)),
            None => (text, None),
        };
        if !Path::new(text).exists() && is_hub_id(id) && revision.is_none_or(is_revision) {
            Self::Hub { id: id.to_owned(), revision: revision.map(str::to_owned) }
        } else {
            Self::Path(PathBuf::from(text))
        }
    }
}

fn is_url(text: &str) -> bool {
    let scheme = text.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    matches!(scheme.as_deref(), Some("https" | "http"))
}

/// The hub's rule for names: <https://huggingface.co/docs/huggingface_hub/package_reference/utilities>
/// (`validate_repo_id`), less the names without an owner.
fn is_hub_id(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && part.len() <= 96
            && !part.starts_with(['.', '-'])
            && !part.ends_with(['.', '-'])
            && part.chars().all(is_plain)
    };
    match text.split_once('/') {
        Some((owner, name)) => {
            let is_file = [".safetensors", ".pt"].iter().any(|ending| name.ends_with(ending));
            part(owner) && part(name) && !is_file
        }
        None => false,
    }
}

/// Git's rule for references (`git help check-ref-format`) on the characters of an id. It ends up
/// in paths, so it must not lead out of a folder.
fn is_revision(text: &str) -> bool {
    let part = |part: &str| {
        !part.is_empty()
            && !part.starts_with(['.', '-'])
            && !part.ends_with('.')
            && !part.contains("..")
            && part.chars().all(is_plain)
    };
    text.len() <= 250 && text.split('/').all(part)
}

fn is_plain(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_revisions_and_paths_are_told_apart() {
        let hub = |text: &str, id: &str, revision: Option<&str>| {
            let source = Source::Hub { id: id.to_owned(), revision: revision.map(str::to_owned) };
            assert_eq!(Source::parse(text), source);
        };
        let path = |text: &str| assert_eq!(Source::parse(text), Source::Path(text.into()));
        let openai = "openai/clip-vit-base-patch32";
        let laion = "laion/CLIP-ViT-B-32-laion2B-s34B-b79K";
        hub(openai, openai, None);
        hub(laion, laion, None);
        hub(&format!("{openai}@refs/pr/66"), openai, Some("refs/pr/66"));
        hub(&format!("{openai}@3d74acf"), openai, Some("3d74acf"));
        hub("a/b@v1.0", "a/b", Some("v1.0"));
        path("src");
        path("./openai/clip-vit-base-patch32");
        path("/openai/clip-vit-base-patch32");
        path("../weights/clip");
        path("a/b/c");
        path("clip");
        path("clip@main");
        path("folder/model.safetensors");
        path("folder/ViT-B-32.pt");
        path("two words/clip");
        path("");
        for revision in ["", "/", "a//b", "a/", "..", "../..", "a/../b", "a b", "a@b", "a?b", "-a"]
        {
            path(&format!("a/b@{revision}"));
        }
    }

    #[test]
    fn addresses_have_a_scheme_of_the_web() {
        for text in ["https://host/a.pt", "http://host:8080/a/b.pt?c", "HTTPS://host/a.pt"] {
            assert_eq!(Source::parse(text), Source::Url(text.to_owned()));
        }
        for text in ["ftp://host/a.pt", "https:/host", "host/a.pt", "//host/a.pt", "httpsx://a"] {
            assert_eq!(Source::parse(text), Source::Path(text.into()));
        }
    }

    #[test]
    fn what_is_on_the_disk_wins() {
        let folder = tempfile::tempdir().unwrap();
        let text = folder.path().join("owner/name@main").to_str().unwrap().to_owned();
        std::fs::create_dir_all(&text).unwrap();
        assert_eq!(Source::parse(&text), Source::Path(text.into()));
    }
}
