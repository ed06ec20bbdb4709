//! The Hugging Face hub, and files from elsewhere.

use std::fmt;
use std::path::PathBuf;

/// Where models are downloaded from, and kept. The default is the public hub, the folder that all
/// Hugging Face tools share, and no name.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct HubOptions {
    /// Address of the hub; `https://huggingface.co` where it is not given.
    pub endpoint: Option<String>,
    /// Folder that keeps downloads; `~/.cache/huggingface/hub` where it is not given. Files from
    /// other addresses are kept in `assets/clip-weights` beside it.
    pub cache: Option<PathBuf>,
    /// Who asks: needed for gated and private models. A token that `hf auth login` left beside the
    /// cache is used where it is not given.
    pub token: Option<String>,
}

impl HubOptions {
    /// As the variables `HF_ENDPOINT`, `HF_HOME` and `HF_TOKEN` say.
    pub fn from_env() -> Self {
        let set = |name| std::env::var_os(name).filter(|value| !value.is_empty());
        let text = |name| set(name).and_then(|value| value.into_string().ok());
        Self {
            endpoint: text("HF_ENDPOINT"),
            cache: set("HF_HOME").map(|home| PathBuf::from(home).join("hub")),
            token: text("HF_TOKEN"),
        }
    }
}

/// The token stays out of logs.
impl fmt::Debug for HubOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HubOptions")
            .field("endpoint", &self.endpoint)
            .field("cache", &self.cache)
            .field("token", &self.token.as_ref().map(|_| "set"))
            .finish()
    }
}

#[cfg(feature = "hub")]
mod enabled;
#[cfg(feature = "hub")]
pub(crate) use enabled::{download, download_file, verify};

#[cfg(not(feature = "hub"))]
mod disabled;
#[cfg(not(feature = "hub"))]
pub(crate) use disabled::{download, download_file, verify};
