//! Folders of sentence-transformers: `modules.json` lists the parts of a pipeline, each with a folder,
//! and a CLIP is one of them, in the layout of transformers
//! (<https://github.com/huggingface/sentence-transformers>, `models/CLIPModel.py`).

use std::path::{Component, Path, PathBuf};

use crate::json;
use crate::{Error, Result};

/// What lists the parts.
pub(crate) const FILE: &str = "modules.json";

/// The folder of the CLIP in a folder of sentence-transformers; `None` of any other folder, and where
/// it is the folder itself.
pub(crate) fn model_folder(folder: &Path) -> Result<Option<PathBuf>> {
    let path = folder.join(FILE);
    if !path.is_file() {
        return Ok(None);
    }
    Ok(Some(folder.join(part(&path)?)).filter(|part| part != folder))
}

/// The part that is a CLIP, relative to the folder of the list.
pub(crate) fn part(list: &Path) -> Result<PathBuf> {
    let bad = |reason: &str| Error::Json { path: list.to_owned(), reason: reason.to_owned() };
    let document = json::read(list)?;
    let parts = document.as_array().ok_or_else(|| bad("it is not a list"))?;
    let kind = |part: &serde_json::Value| {
        let kind = part.get("type").and_then(|kind| kind.as_str()).unwrap_or_default();
        kind.rsplit('.').next().unwrap_or_default().to_owned()
    };
    let Some(part) = parts.iter().find(|part| kind(part) == "CLIPModel") else {
        return Err(Error::Unsupported {
            file: FILE.to_owned(),
            field: "type".to_owned(),
            value: parts.iter().map(kind).collect::<Vec<_>>().join(" and "),
            supported: "a CLIPModel, alone or as one of them,".to_owned(),
        });
    };
    let path = PathBuf::from(part.get("path").and_then(|path| path.as_str()).unwrap_or_default());
    // A name that leads elsewhere is not followed.
    match path.components().all(|component| matches!(component, Component::Normal(_))) {
        true => Ok(path),
        false => Err(bad(&format!("{} is no folder in it", path.display()))),
    }
}
