//! From the many names of metadata fields and table columns to a [`Sample`].

use serde_json::Value;

use crate::{Kind, Sample};

/// What a field or column is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    File,
    Key,
    Name,
    /// A name, or the number of a class.
    Label,
    Caption,
    Keywords,
    Kind,
    Source,
    License,
    Class,
}

/// Names without case and punctuation. `title` is OpenCLIP's default caption column.
const ROLES: &[(Role, &[&str])] = &[
    (Role::File, &["file", "path", "filename", "filepath", "image", "imagepath", "picture"]),
    (Role::Key, &["id", "key"]),
    (Role::Name, &["name", "classname"]),
    (Role::Label, &["label"]),
    (Role::Caption, &["caption", "captions", "text", "texts", "title", "sentence", "sentences"]),
    (Role::Keywords, &["keywords", "keyword", "tags"]),
    (Role::Kind, &["kind"]),
    (Role::Source, &["source"]),
    (Role::License, &["licence", "license"]),
    (Role::Class, &["class", "cls", "classid"]),
];

/// The role of a field of that name; unknown fields have none.
pub(crate) fn role(name: &str) -> Option<Role> {
    let plain = plain(name);
    let known = ROLES.iter().find(|(_, names)| names.contains(&plain.as_str()));
    known.map(|(role, _)| *role)
}

/// A name without case and punctuation.
pub(crate) fn plain(name: &str) -> String {
    let plain: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    plain.to_lowercase()
}

/// A text of a list; Karpathy's lists of captions have it beside what was made of it.
fn text_of(value: &Value) -> Option<&str> {
    value.as_str().or_else(|| value.get("raw")?.as_str())
}

/// The number of a class; pandas writes a column with gaps as `3.0`.
fn class(text: &str) -> Option<usize> {
    text.strip_suffix(".0").unwrap_or(text).parse().ok()
}

/// A sample in the making.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) sample: Sample,
    /// The picture, where a table names it.
    pub(crate) file: Option<String>,
}

impl Draft {
    /// Takes a field as text, as tables have it. Keywords are separated by commas or semicolons.
    pub(crate) fn set(&mut self, role: Role, text: &str) {
        let text = text.trim();
        if text.is_empty() {
            return;
        }
        let sample = &mut self.sample;
        match role {
            Role::File => self.file = Some(text.to_owned()),
            Role::Key => sample.key = text.to_owned(),
            Role::Name => sample.name = text.to_owned(),
            // A name beside the label is the better one.
            // No label, as the Hub's test sets have it.
            Role::Label | Role::Class if text == "-1" => {}
            Role::Label | Role::Class => match class(text) {
                Some(class) => sample.class = Some(class),
                None if sample.name.is_empty() => sample.name = text.to_owned(),
                None => {}
            },
            Role::Caption => sample.captions.push(text.to_owned()),
            Role::Keywords => {
                let words = text.split([',', ';']).map(str::trim).filter(|word| !word.is_empty());
                sample.keywords.extend(words.map(str::to_owned));
            }
            Role::Kind => sample.kind = Kind::from_word(text),
            Role::Source => sample.source = Some(text.to_owned()),
            Role::License => sample.license = Some(text.to_owned()),
        }
    }

    /// Takes all known fields of a JSON object.
    pub(crate) fn set_json(&mut self, object: &serde_json::Map<String, Value>) {
        for (name, value) in object {
            let Some(role) = role(name) else { continue };
            match value {
                Value::String(text) => self.set(role, text),
                Value::Number(number) => self.set(role, &number.to_string()),
                Value::Array(values) => self.set_list(role, values.iter().filter_map(text_of)),
                _ => {}
            }
        }
    }

    /// Takes a list of texts. A comma inside a listed keyword belongs to it.
    pub(crate) fn set_list<'a>(&mut self, role: Role, texts: impl Iterator<Item = &'a str>) {
        let texts = texts.map(str::trim).filter(|text| !text.is_empty());
        match role {
            Role::Keywords => self.sample.keywords.extend(texts.map(str::to_owned)),
            Role::Caption => texts.for_each(|text| self.set(role, text)),
            _ => {}
        }
    }

    /// Fills what follows from the rest: the name from the class or the first caption, the key
    /// from `key`. Whether there is any text at all is the answer.
    pub(crate) fn complete(&mut self, key: &str, class_names: Option<&[String]>) -> bool {
        let sample = &mut self.sample;
        if sample.key.is_empty() {
            key.clone_into(&mut sample.key);
        }
        if let (true, Some(class)) = (sample.name.is_empty(), sample.class) {
            let known = class_names.and_then(|names| names.get(class));
            sample.name = known.cloned().unwrap_or_else(|| class.to_string());
        }
        if sample.name.is_empty() {
            let text = sample.captions.first().or(sample.keywords.first());
            sample.name = text.cloned().unwrap_or_default();
        }
        !sample.name.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_matched_loosely() {
        let check = |name, expected| assert_eq!(role(name), expected, "{name}");
        check("file", Some(Role::File));
        check("File Name", Some(Role::File));
        check("\u{feff}image_path", Some(Role::File));
        check("TEXT", Some(Role::Caption));
        check("licence", Some(Role::License));
        check("description", None);
        check("", None);
    }

    #[test]
    fn json_gives_what_it_has() {
        let json = r#"{"id": "noto/1", "name": "dog", "keywords": ["pet, small", "animal"],
            "captions": ["a dog"], "kind": "emoji", "licence": "MIT", "width": 7, "x": null}"#;
        let mut draft = Draft::default();
        draft.set_json(&serde_json::from_str(json).unwrap());
        assert!(draft.complete("000", None));
        let sample = draft.sample;
        assert_eq!((sample.key.as_str(), sample.name.as_str()), ("noto/1", "dog"));
        assert_eq!(sample.keywords, ["pet, small", "animal"]);
        assert_eq!((sample.kind, sample.license.as_deref()), (Kind::Emoji, Some("MIT")));
        assert!(sample.has_concept());
    }

    #[test]
    fn a_name_comes_from_class_or_caption() {
        let name = |role, text: &str, names: Option<&[String]>| {
            let mut draft = Draft::default();
            draft.set(role, text);
            draft.complete("k", names).then_some(draft.sample.name)
        };
        let names = ["cat".to_owned(), "dog".to_owned()];
        assert_eq!(name(Role::Class, "1\n", Some(&names)).as_deref(), Some("dog"));
        assert_eq!(name(Role::Label, "1", Some(&names)).as_deref(), Some("dog"));
        assert_eq!(name(Role::Label, "fox", Some(&names)).as_deref(), Some("fox"));
        assert_eq!(name(Role::Name, "1", Some(&names)).as_deref(), Some("1"));
        assert_eq!(name(Role::Class, "7", Some(&names)).as_deref(), Some("7"));
        assert_eq!(name(Role::Caption, "two dogs", None).as_deref(), Some("two dogs"));
        assert_eq!(name(Role::Source, "noto", None), None);
    }
}
