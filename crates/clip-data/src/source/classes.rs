//! Class names and prompt templates beside shards, as CLIP_benchmark lays them out.

use std::path::Path;

use crate::{Result, text};

const NAMES: &[&str] = &["classnames.txt"];
const TEMPLATES: &[&str] = &["zeroshot_classification_templates.txt", "templates.txt"];

/// What the text files beside the data say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Classes {
    /// Names of the classes by number.
    pub(crate) names: Option<Vec<String>>,
    /// Sentences with one `{}`.
    pub(crate) templates: Option<Vec<String>>,
}

impl Classes {
    /// Looks beside `file` and one folder further up: shards are in `test/`, the names above it.
    pub(crate) fn beside(file: &Path) -> Result<Self> {
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let above = folder.join("..");
        let read = |names: &[&str]| -> Result<Option<Vec<String>>> {
            for folder in [folder, &above] {
                for name in names {
                    let path = folder.join(name);
                    if path.is_file() {
                        return Ok(Some(lines(&text::read(&path)?)));
                    }
                }
            }
            Ok(None)
        };
        let templates = read(TEMPLATES)?.map(|templates| {
            // `{c}` is CLIP_benchmark's name for the class.
            templates.iter().map(|line| line.replace("{c}", "{}")).collect()
        });
        Ok(Self { names: read(NAMES)?, templates })
    }
}

/// One entry a line; an empty line within still counts, as the numbers of classes are positions.
fn lines(text: &str) -> Vec<String> {
    text.trim_end().lines().map(|line| line.trim().to_owned()).collect()
}
