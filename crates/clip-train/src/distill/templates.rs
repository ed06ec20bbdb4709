//! Sentences around a text, in English that fits it.

use serde::{Deserialize, Serialize};

/// Sentences around the texts that are learned.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TemplateConfig {
    /// Sentences with one `{}` each, for the text; one is drawn, and one that stands twice is drawn
    /// twice as often. `{}s` is the plural, and `a {}` becomes `an {}` where the text asks for it.
    pub templates: Vec<String>,
}

impl Default for TemplateConfig {
    fn default() -> Self {
        let templates = [
            "{}",
            "{}",
            "a {}",
            "the {}",
            "{}s",
            "a picture of a {}",
            "a picture of a {}.",
            "a photo of a {}",
            "a photo of a {}.",
            "a photo of {}s",
            "a photo of the {}",
            "a drawing of a {}",
            "a drawing of a {}.",
            "an image of a {}",
        ];
        Self { templates: templates.map(str::to_owned).into() }
    }
}

impl TemplateConfig {
    pub(super) fn validate(&self) -> Result<(), String> {
        if self.templates.is_empty() {
            return Err("`captions.templates` is empty: write \"{}\" for the texts alone".into());
        }
        match self.templates.iter().find(|template| template.matches("{}").count() != 1) {
            Some(bad) => {
                Err(format!("`captions.templates` has \"{bad}\": each has one {{}} for the text"))
            }
            None => Ok(()),
        }
    }
}

/// Puts a text into a template: see [`TemplateConfig::templates`].
pub(super) fn fill(template: &str, text: &str) -> String {
    let text = text.replace('_', " ");
    let (before, after) = template.split_once("{}").unwrap_or((template, ""));
    let (text, after) = match after.strip_prefix('s') {
        Some(rest) if !rest.starts_with(char::is_alphanumeric) => (plural(&text), rest),
        _ => (text, after),
    };
    let is_article = before == "a " || before.ends_with(" a ");
    let article =
        is_article && text.starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']);
    match article {
        true => format!("{}n {text}{after}", before.trim_end()),
        false => format!("{before}{text}{after}"),
    }
}

/// The regular plural of an English noun; one that looks like a plural stays.
fn plural(noun: &str) -> String {
    let ends = |endings: &[&str]| endings.iter().any(|ending| noun.ends_with(ending));
    let before_y = noun.strip_suffix('y');
    match before_y {
        Some(stem) if !stem.ends_with(['a', 'e', 'i', 'o', 'u']) => format!("{stem}ies"),
        _ if ends(&["ss", "us", "is", "x", "z", "ch", "sh"]) => format!("{noun}es"),
        _ if ends(&["s"]) => noun.to_owned(),
        _ => format!("{noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::fill;

    #[test]
    fn sentences_are_english() {
        for (template, text, expected) in [
            ("{}", "Guide_dog", "Guide dog"),
            ("a {}", "owl", "an owl"),
            ("a photo of a {}.", "owl", "a photo of an owl."),
            ("a photo of a {}.", "dog", "a photo of a dog."),
            ("a sofa {}", "owl", "a sofa owl"),
            ("{}s", "dog", "dogs"),
            ("{}s.", "box", "boxes."),
            ("a photo of {}s", "cherry", "a photo of cherries"),
            ("{}s", "toy", "toys"),
            ("{}s", "scissors", "scissors"),
            ("{}s", "bus", "buses"),
            ("{}side", "sea", "seaside"),
        ] {
            assert_eq!(fill(template, text), expected, "{template} of {text}");
        }
    }
}
