//! Foreign tensor names appear in `clip-weights` only.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Parts of foreign tensor names. Joined here, so that this file does not hold them.
const FOREIGN: [&str; 4] = [
    concat!("vision", "_model."),
    concat!("text", "_model."),
    concat!("pre_lay", "rnorm"),
    concat!("in_proj", "_weight"),
];

/// The crate that may.
const OWNER: &str = "clip-weights";

/// One line for each line of a Rust file that holds a foreign name.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    for folder in ["crates", "xtask", "benches"] {
        visit(root, &root.join(folder), &mut broken)?;
    }
    Ok(broken)
}

fn visit(root: &Path, folder: &Path, broken: &mut Vec<String>) -> Result<()> {
    if !folder.is_dir() || folder.ends_with(OWNER) {
        return Ok(());
    }
    let context = || format!("cannot read {}", folder.display());
    let mut entries = fs::read_dir(folder)
        .and_then(|entries| entries.collect::<std::io::Result<Vec<_>>>())
        .with_context(context)?;
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let (path, kind) = (entry.path(), entry.file_type().with_context(context)?);
        if kind.is_dir() && entry.file_name() != "target" {
            visit(root, &path, broken)?;
        } else if kind.is_file() && path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            let shown = path.strip_prefix(root).unwrap_or(&path);
            broken.extend(search(&shown.display().to_string(), &text));
        }
    }
    Ok(())
}

fn search(file: &str, text: &str) -> Vec<String> {
    let lines = text.lines().enumerate();
    let found = lines.filter_map(|(number, line)| {
        let name = FOREIGN.iter().find(|name| line.contains(**name))?;
        Some(format!(
            "names: {file}:{} holds the foreign name {name}: use ours, or move the line to {OWNER}",
            number + 1
        ))
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_names_are_found_by_line() {
        let text = format!("let a = 1;\nlet b = \"{}x\";\n", FOREIGN[0]);
        let broken = search("crates/clip/src/lib.rs", &text);
        assert_eq!(broken.len(), 1);
        assert!(broken[0].starts_with("names: crates/clip/src/lib.rs:2 holds"), "{broken:?}");
        assert_eq!(search("a.rs", "visual.ln_pre.gamma"), [""; 0]);
    }

    #[test]
    fn the_converter_and_other_files_are_left_alone() {
        let root = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            let path = root.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, FOREIGN[3]).unwrap();
        };
        write("crates/clip-weights/src/table.rs");
        write("crates/clip/README.md");
        write("crates/clip/target/debug/build.rs");
        assert_eq!(check(root.path()).unwrap(), [""; 0]);
        write("crates/clip/tests/deep/names.rs");
        assert_eq!(check(root.path()).unwrap().len(), 1);
    }
}
