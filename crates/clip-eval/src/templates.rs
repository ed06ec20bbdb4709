//! Sentences around the name of a class.

use crate::{Error, Result};

/// The sets that come with the crate: name, file.
const SETS: [(&str, &str); 4] = [
    ("openai-80", include_str!("../data/openai-80.txt")),
    ("openai-7", include_str!("../data/openai-7.txt")),
    ("picture", include_str!("../data/picture.txt")),
    ("generic", include_str!("../data/generic.txt")),
];
/// Where the name goes: as in Python's `format`, and as in CLIP_benchmark's files.
const PLACEHOLDERS: [&str; 2] = ["{}", "{c}"];

/// A set of sentences with a place for a name.
///
/// ```
/// use clip_eval::Templates;
///
/// let prompts: Vec<String> = Templates::named("generic")?.fill("dog").collect();
/// assert_eq!(prompts, ["a picture of a dog", "a photo of a dog", "a drawing of a dog"]);
/// # Ok::<(), clip_eval::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Templates(Vec<String>);

impl Templates {
    /// The names of the sets that come with the crate: `openai-80`, the ensemble that OpenAI
    /// scored ImageNet with; `openai-7`, seven of them that do as well; `picture`, a single
    /// sentence; and `generic`, one each for a picture, a photo and a drawing.
    pub fn names() -> impl Iterator<Item = &'static str> {
        SETS.iter().map(|(name, _)| *name)
    }

    /// A set that comes with the crate.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownTemplates`] where there is none of that name.
    pub fn named(name: &str) -> Result<Self> {
        let Some((name, text)) = SETS.iter().find(|(known, _)| *known == name) else {
            let known = Self::names().collect::<Vec<_>>().join(", ");
            return Err(Error::UnknownTemplates { name: name.to_owned(), known });
        };
        Self::parse(name, text)
    }

    /// One template a line, as CLIP_benchmark's `zeroshot_classification_templates.txt`; empty lines
    /// are skipped. `{}` or `{c}` stands for the name. Errors call
    /// the text `file`.
    ///
    /// # Errors
    ///
    /// [`Error::NoPlaceholder`] for a line without a place for the name, and [`Error::Empty`]
    /// where there are only empty lines.
    pub fn parse(file: &str, text: &str) -> Result<Self> {
        let mut templates = Vec::new();
        // Editors on Windows begin a file with a mark.
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        for (number, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() {
                continue;
            }
            if !PLACEHOLDERS.iter().any(|place| line.contains(place)) {
                let (file, text) = (file.to_owned(), line.to_owned());
                return Err(Error::NoPlaceholder { file, line: number + 1, text });
            }
            templates.push(line.replace(PLACEHOLDERS[1], PLACEHOLDERS[0]));
        }
        if templates.is_empty() {
            return Err(Error::Empty { subject: format!("templates in {file}") });
        }
        Ok(Self(templates))
    }

    /// How many, at least one.
    #[expect(clippy::len_without_is_empty, reason = "a set is never empty")]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// The sentences, with `{}` for the name.
    pub fn as_slice(&self) -> &[String] {
        &self.0
    }

    /// The sentences about `name`, in the order of the templates.
    pub fn fill<'a>(&'a self, name: &'a str) -> impl ExactSizeIterator<Item = String> + 'a {
        self.0.iter().map(move |template| template.replace(PLACEHOLDERS[0], name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let outcome = Templates::parse("mine.txt", text);
        let text = outcome.map_or_else(|e| e.to_string(), |t| t.as_slice().join("|"));
        assert_eq!(text, expected);
    }

    #[test]
    fn one_template_a_line() {
        check("a {}\nthe {c}", "a {}|the {}");
        check("\u{feff}a {}\r\n\r\n  the {c}.  \r\n", "a {}|the {}.");
        check("{} or {c}\n", "{} or {}");
        check(" \n\n", "there are no templates in mine.txt: give at least one");
        let expected = "mine.txt:3: `a photo` has no place for the name of a class: write {} there";
        check("a {}\n\na photo\n", expected);
    }

    #[test]
    fn every_set_has_its_size_and_no_line_twice() {
        let expected = [("openai-80", 80), ("openai-7", 7), ("picture", 1), ("generic", 3)];
        assert!(Templates::names().eq(expected.map(|(name, _)| name)));
        for (name, count) in expected {
            let templates = Templates::named(name).unwrap();
            assert_eq!(templates.len(), count, "{name}");
            assert!(templates.as_slice().iter().all(|text| text.matches("{}").count() == 1));
            let different: std::collections::HashSet<_> = templates.as_slice().iter().collect();
            assert_eq!(different.len(), count, "{name}");
        }
    }

    #[test]
    fn the_seven_are_among_the_eighty() {
        let all = Templates::named("openai-80").unwrap();
        let few = Templates::named("openai-7").unwrap();
        assert!(few.as_slice().iter().all(|text| all.as_slice().contains(text)));
        assert_eq!(all.fill("tench").next().unwrap(), "a bad photo of a tench.");
        assert_eq!(few.fill("tench").last().unwrap(), "a photo of the small tench.");
    }

    #[test]
    fn names_that_are_not_there() {
        let error = Templates::named("openai").unwrap_err().to_string();
        assert!(error.ends_with("choose one of openai-80, openai-7, picture, generic, or a file"));
    }
}
