use serde::{Deserialize, Serialize};

use crate::{Kind, Sample};

/// Which samples of a dataset take part. The default is all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Filter {
    /// Samples whose key begins with one of these stay out.
    pub exclude_prefix: Vec<String>,
    /// If any are given, only samples whose key begins with one of these take part.
    pub only_prefix: Vec<String>,
    /// If any are given, only pictures of these kinds take part.
    pub kinds: Vec<Kind>,
}

impl Filter {
    /// Whether a sample takes part.
    pub fn allows(&self, sample: &Sample) -> bool {
        let begins = |prefix: &String| sample.key.starts_with(prefix.as_str());
        !self.exclude_prefix.iter().any(begins)
            && (self.only_prefix.is_empty() || self.only_prefix.iter().any(begins))
            && (self.kinds.is_empty() || self.kinds.contains(&sample.kind))
    }
}
