//! The license in the front matter of a model card (`README.md`).

use std::path::Path;

/// `license:` of the YAML block at the top; a list becomes one line.
pub(crate) fn read(folder: &Path) -> Option<String> {
    // A card that cannot be read says nothing about the license, that is all.
    let text = std::fs::read_to_string(folder.join("README.md")).ok()?;
    parse(&text)
}

fn parse(text: &str) -> Option<String> {
    let mut lines = text.trim_start_matches('\u{feff}').lines();
    if lines.next()?.trim_end() != "---" {
        return None;
    }
    let mut lines = lines.take_while(|line| line.trim_end() != "---");
    let value = lines.find_map(|line| line.strip_prefix("license:"))?;
    let clean = |text: &str| text.trim().trim_matches(['"', '\'', '[', ']']).trim().to_owned();
    let license = if value.trim().is_empty() {
        let items = lines.map_while(|line| line.trim_start().strip_prefix("- ").map(clean));
        items.collect::<Vec<_>>().join(", ")
    } else {
        clean(value)
    };
    (!license.is_empty()).then_some(license)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licenses_are_found_in_front_matter_only() {
        let check = |text: &str, license: Option<&str>| {
            assert_eq!(parse(text).as_deref(), license, "{text:?}");
        };
        check("---\ntags:\n- vision\nlicense: mit\n---\n# Card", Some("mit"));
        check("---\r\nlicense: \"apache-2.0\"\r\n---\r\n", Some("apache-2.0"));
        check("---\nlicense:\n- mit\n- apache-2.0\ntags:\n- x\n---", Some("mit, apache-2.0"));
        check("---\nlicense: [mit, apache-2.0]\n---", Some("mit, apache-2.0"));
        check("---\nlicense:\n---", None);
        check("---\ntags: x\n---\nlicense: mit", None);
        check("license: mit", None);
        check("", None);
    }
}
