//! Which command or option helps is said by the program alone: libraries serve other front ends, too.

use std::path::Path;

use anyhow::Result;

use super::sources;

/// How a hint begins. Joined here, so that this file does not hold it.
const HINT: &str = concat!("`clip", "-cli ");

/// The crate that may.
const OWNER: &str = "clip-cli";

/// How an option begins, after what may stand before one in a sentence.
const OPTIONS: [&str; 3] = [" --", "`--", "(--"];

/// An option of cargo: who builds a program has it, whatever the program.
const OF_CARGO: &str = "--features";

/// One line for each line of a library's code that names a command or an option.
pub(crate) fn check(root: &Path) -> Result<Vec<String>> {
    let mut broken = Vec::new();
    let mut found = |file: &str, text: &str| broken.extend(search(file, text));
    sources::visit(root, &root.join("crates"), OWNER, &mut found)?;
    Ok(broken)
}

fn search(file: &str, text: &str) -> Vec<String> {
    let is_code = |line: &str| !line.trim_start().starts_with("//");
    let lines = text.lines().enumerate().filter(|(_, line)| is_code(line));
    let named = lines.filter_map(|(number, line)| {
        let what = if line.contains(HINT) { "a command" } else { "an option" };
        let is_found = line.contains(HINT) || (file.contains("/src/") && names_option(line));
        is_found.then(|| {
            format!(
                "hints: {file}:{} names {what}: give the error fields, and say what helps in crates/{OWNER}/src/hints.rs",
                number + 1
            )
        })
    });
    named.collect()
}

fn names_option(line: &str) -> bool {
    OPTIONS.iter().any(|start| {
        line.match_indices(start).any(|(at, _)| {
            let option = &line[at + 1..];
            let letter = option["--".len()..].chars().next();
            letter.is_some_and(|c| c.is_ascii_lowercase()) && !option.starts_with(OF_CARGO)
        })
    })
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

    #[test]
    fn options_in_code_are_found_but_those_of_cargo_and_of_tests() {
        let text =
            "// Not --this.\n\"try --index\",\n\"with `--features x`\",\na -- b; \"(--name)\"\n";
        let broken = search("crates/clip/src/lib.rs", text);
        assert_eq!(broken.len(), 2, "{broken:?}");
        assert!(broken[0].contains("lib.rs:2 names an option"), "{broken:?}");
        assert!(broken[1].contains("lib.rs:4 names"), "{broken:?}");
        assert_eq!(search("crates/clip/tests/it.rs", text), [""; 0]);
    }
}
