//! No figure without its processor: each table of a page of benchmarks names the page's instruction set.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// Where the pages lie, one for each kind of processor.
const FOLDER: &str = "docs/benchmarks";

/// One line for each table whose head does not begin with the name of its page.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let context = || format!("cannot read {FOLDER}");
    let Ok(entries) = fs::read_dir(root.join(FOLDER)) else { return Ok(Vec::new()) };
    let mut broken = Vec::new();
    for entry in entries {
        let path = entry.with_context(context)?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            let text = fs::read_to_string(&path).with_context(context)?;
            let kind = path.file_stem().unwrap_or_default().to_string_lossy();
            broken.extend(search(&kind, &text));
        }
    }
    broken.sort();
    Ok(broken)
}

fn search(kind: &str, text: &str) -> Vec<String> {
    let lines = text.lines().zip(text.lines().skip(1));
    let found = lines.filter_map(|(mark, head)| {
        let name = mark.strip_prefix("<!-- bench-peers ")?.strip_suffix(" -->")?;
        let names_it = head.starts_with(&format!("`{kind}`"));
        (!names_it).then(|| {
            format!(
                "pages: {FOLDER}/{kind}.md has a table \"{name}\" whose head does not begin with `{kind}`: \
                 say which instruction set was measured"
            )
        })
    });
    found.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_names_the_instruction_set_of_its_page() {
        let page =
            "# Page\n\n<!-- bench-peers text -->\n`avx2`: 2026\n<!-- /bench-peers text -->\n";
        assert_eq!(search("avx2", page), [""; 0]);
        let broken = search("avx512_bf16", page);
        assert_eq!(broken.len(), 1);
        assert!(
            broken[0].starts_with("pages: docs/benchmarks/avx512_bf16.md has a table \"text\""),
            "{broken:?}"
        );
    }

    #[test]
    fn pages_are_found_below_the_root() {
        let root = tempfile::tempdir().unwrap();
        assert_eq!(check(root.path()).unwrap(), [""; 0]);
        fs::create_dir_all(root.path().join(FOLDER)).unwrap();
        let page = root.path().join(FOLDER).join("avx2.md");
        fs::write(page, "<!-- bench-peers image -->\n2026\n<!-- /bench-peers image -->\n").unwrap();
        assert_eq!(check(root.path()).unwrap().len(), 1);
    }
}
