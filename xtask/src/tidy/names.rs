//! Foreign tensor names appear in `clip-weights` only.

use std::path::Path;

use anyhow::Result;

use super::sources;

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
        let mut found = |file: &str, text: &str| broken.extend(search(file, text));
        sources::visit(root, &root.join(folder), OWNER, &mut found)?;
    }
    Ok(broken)
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
    use std::fs;

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
