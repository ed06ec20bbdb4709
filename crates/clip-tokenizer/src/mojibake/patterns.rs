//! The patterns of `assets/mojibake.txt`, which are ftfy's.

const FILE: &str = include_str!("../../assets/mojibake.txt");

/// The alternatives of a section as one pattern.
pub(super) fn alternatives(section: &str) -> String {
    let classes = classes();
    let patterns = lines(section).map(|pattern| expand(pattern, &classes));
    patterns.collect::<Vec<_>>().join("|")
}

/// Names and what they stand for; a class may name those before it.
fn classes() -> Vec<(String, String)> {
    let mut classes = Vec::new();
    for (name, class) in lines("classes").filter_map(|line| line.split_once(' ')) {
        let class = expand(class, &classes);
        classes.push((format!("{{{name}}}"), class));
    }
    classes
}

fn expand(pattern: &str, classes: &[(String, String)]) -> String {
    classes.iter().fold(pattern.to_owned(), |text, (name, class)| text.replace(name, class))
}

fn lines(section: &str) -> impl Iterator<Item = &'static str> {
    let head = format!("[{section}]");
    let mut lines = FILE.lines();
    lines.by_ref().find(|line| *line == head);
    let of_section = lines.take_while(|line| !line.is_empty());
    of_section.filter(|line| !line.starts_with('#'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_replaced() {
        let names = regex::Regex::new(r"\{[A-Z][A-Z0-9_]+\}").unwrap();
        for section in ["unlikely", "altered", "lossy", "a-grave"] {
            let pattern = alternatives(section);
            assert!(!pattern.is_empty() && !names.is_match(&pattern), "{section}: {pattern}");
        }
        // An empty alternative would match every text.
        assert!(lines("unlikely").count() == 37 && !alternatives("unlikely").contains("||"));
    }
}
