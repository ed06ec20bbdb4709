//! Which command helps is said by the program alone: libraries serve other front ends, too.

use std::path::Path;

use anyhow::Result;

use super::sources;

/// How a hint begins. Joined here, so that this file does not hold it.
const HINT: &str = concat!("`clip", "-cli ");

/// The crate that may.
const OWNER: &str = "clip-cli";

/// One line for each line of a library's code that names a command.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    let mut found = |file: &str, text: &str| broken.extend(search(file, text));
    sources::visit(root, &root.join("crates"), OWNER, &mut found)?;
    Ok(broken)
}

fn search(file: &str, text: &str) -> Vec<String> {
    let is_code = |line: &str| !line.trim_start().starts_with("//");
    let lines = text.lines().enumerate();
    let found = lines.filter(|(_, line)| is_code(line) && line.contains(HINT));
    let line = |(number, _): (usize, &str)| {
        format!(
            "hints: {file}:{} names a command: give the error fields, and say what helps in crates/{OWNER}/src/hints.rs",
            number + 1
        )
    };
    found.map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_in_code_are_found_and_in_comments_are_not() {
        let text = format!("/// {HINT}index` does.\nbail!(\"try {HINT}index`\");\n");
        let broken = search("crates/clip/src/lib.rs", &text);
        assert_eq!(broken.len(), 1);
        assert!(broken[0].starts_with("hints: crates/clip/src/lib.rs:2 names"), "{broken:?}");
    }
}
