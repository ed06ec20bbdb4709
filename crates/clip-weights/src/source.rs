use std::path::{Path, PathBuf};

/// Where a checkpoint comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A folder in Hugging Face layout, or a weights file inside one.
    Path(PathBuf),
    /// A repository on the Hugging Face hub, `owner/name`.
    Hub(String),
}

impl Source {
    /// What a user typed: something on the disk if it is there, otherwise a hub id if it looks like
    /// one (`owner/name` in letters, digits, `.`, `_` and `-`), otherwise a path that is not there.
    pub fn parse(text: &str) -> Self {
        if !Path::new(text).exists() && is_hub_id(text) {
            Self::Hub(text.to_owned())
        } else {
            Self::Path(PathBuf::from(text))
        }
    }
}

/// The hub's rule for names: <https://huggingface.co/docs/huggingface_hub/package_reference/utilities>
/// (`validate_repo_id`), less the names without an owner.
fn is_hub_id(text: &str) -> bool {
    let part = |part: &str| {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        !part.is_empty()
            && part.len() <= 96
            && !part.starts_with(['.', '-'])
            && !part.ends_with(['.', '-'])
            && part.chars().all(plain)
    };
    match text.split_once('/') {
        Some((owner, name)) => part(owner) && part(name) && !name.ends_with(".safetensors"),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_and_paths_are_told_apart() {
        let hub = |text: &str| assert_eq!(Source::parse(text), Source::Hub(text.to_owned()));
        let path = |text: &str| assert_eq!(Source::parse(text), Source::Path(text.into()));
        hub("openai/clip-vit-base-patch32");
        hub("laion/CLIP-ViT-B-32-laion2B-s34B-b79K");
        path("src");
        path("./openai/clip-vit-base-patch32");
        path("/openai/clip-vit-base-patch32");
        path("../weights/clip");
        path("a/b/c");
        path("clip");
        path("folder/model.safetensors");
        path("two words/clip");
        path("");
    }
}
