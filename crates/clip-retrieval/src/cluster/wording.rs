//! A [`Filter`] in the words of Milvus.

use std::path::Path;

use super::row::{NO_TIME, TAGS_LIST, encode};
use super::schema::{ITEMS, field};
use crate::normal::forms;
use crate::{Filter, Orientation, Result};

/// Names in one list of a condition.
pub(super) const LIST: usize = 1000;

/// The partitions that a filter lets pass.
pub(super) fn partitions(filter: &Filter) -> Vec<&'static str> {
    match filter.modality {
        Some(modality) => vec![modality.name()],
        None => ITEMS.to_vec(),
    }
}

/// The condition; empty where there is none. Modalities are partitions, and sets of files and patterns
/// are asked for in other ways.
pub(super) fn condition(filter: &Filter) -> Result<String> {
    let mut parts = Vec::new();
    let Filter { under, taken_from, taken_before, min_side, orientation, tags, .. } = filter;
    if !under.is_empty() {
        let under = under.iter().map(|path| below(path)).collect::<Result<Vec<_>>>()?;
        parts.push(format!("({})", under.join(" or ")));
    }
    if taken_from.is_some() || taken_before.is_some() {
        // What is not known is the least of all times.
        let from = taken_from.unwrap_or(NO_TIME).max(NO_TIME + 1);
        parts.push(format!("{} >= {from}", field::TAKEN));
    }
    if let Some(before) = taken_before {
        parts.push(format!("{} < {}", field::TAKEN, (*before).max(NO_TIME + 1)));
    }
    let (width, height) = (field::WIDTH, field::HEIGHT);
    if let Some(side) = min_side {
        parts.push(format!("({width} >= {side} or {height} >= {side})"));
    }
    match orientation {
        None => {}
        Some(Orientation::Landscape) => parts.push(format!("{width} > {height}")),
        Some(Orientation::Portrait) => parts.push(format!("{width} < {height}")),
        Some(Orientation::Square) => {
            parts.push(format!("{width} == {height} and {width} >= 0"));
        }
    }
    for tag in tags {
        let list = format!("{}[\"{TAGS_LIST}\"]", field::TAGS);
        let forms: Vec<String> = forms(tag)
            .iter()
            .map(|form| format!("json_contains({list}, {})", quoted(form)))
            .collect();
        parts.push(match forms.as_slice() {
            [form] => form.clone(),
            forms => format!("({})", forms.join(" or ")),
        });
    }
    Ok(parts.join(" and "))
}

/// All of some conditions that are there.
pub(super) fn all(parts: &[&str]) -> String {
    let there: Vec<&str> = parts.iter().copied().filter(|part| !part.is_empty()).collect();
    there.join(" and ")
}

/// That a field is one of some texts.
pub(super) fn one_of(name: &str, texts: &[String]) -> String {
    let texts: Vec<String> = texts.iter().map(|text| quoted(text)).collect();
    format!("{name} in [{}]", texts.join(", "))
}

/// That a file is at a path or below it. Patterns (`like`) are no help: up to 2.5 a percent sign in a
/// name cannot be told from one in the pattern.
fn below(path: &Path) -> Result<String> {
    let text = encode(path)?;
    if text.is_empty() {
        return Ok(format!("{} == true", field::IS_FILE));
    }
    let folder = text.trim_end_matches(is_separator);
    // What is below a folder is what sorts between its name with the separator and with the character
    // after that.
    let (first, end) = (SEPARATOR, char::from(SEPARATOR as u8 + 1));
    let [equal, first, end] = [text.clone(), format!("{folder}{first}"), format!("{folder}{end}")]
        .map(|text| quoted(&text));
    let name = field::PATH;
    // A text's path is empty, which none of these are.
    Ok(format!("{name} == {equal} or ({name} >= {first} and {name} < {end})"))
}

const SEPARATOR: char = std::path::MAIN_SEPARATOR;

fn is_separator(c: char) -> bool {
    c.is_ascii() && std::path::is_separator(c)
}

/// A text between quotation marks. Other control characters are what they are: Milvus Lite knows
/// fewer escapes than Milvus.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Modality;

    fn check(filter: Filter, expected: &str) {
        assert_eq!(condition(&filter).unwrap(), expected);
    }

    #[test]
    fn filters_are_put_into_words() {
        check(Filter::of(Modality::Image), "");
        assert_eq!(partitions(&Filter::of(Modality::Text)), ["text"]);
        assert_eq!(partitions(&Filter::default()), ["image", "text"]);
        let under = Filter { under: vec!["a".into(), "".into()], ..Filter::default() };
        let expected = r#"(path == "a" or (path >= "a/" and path < "a0") or is_file == true)"#;
        check(under, &expected.replace(['/'], std::path::MAIN_SEPARATOR_STR));
        let times = Filter { taken_before: Some(5), ..Filter::default() };
        check(times, "taken >= -9223372036854775807 and taken < 5");
        let square = Filter { orientation: Some(Orientation::Square), ..Filter::default() };
        check(square, "width == height and width >= 0");
        let tags = Filter { tags: vec!["a\"b".into()], min_side: Some(9), ..Filter::default() };
        check(tags, r#"(width >= 9 or height >= 9) and json_contains(tags["list"], "a\"b")"#);
        let marked = Filter { tags: vec!["\u{fc}".into()], ..Filter::default() };
        let forms =
            ["u\u{308}", "\u{fc}"].map(|form| format!("json_contains(tags[\"list\"], \"{form}\")"));
        check(marked, &format!("({})", forms.join(" or ")));
    }

    #[test]
    fn texts_are_quoted() {
        assert_eq!(quoted("a\\b\"c\n\u{1}%_é"), "\"a\\\\b\\\"c\\n\u{1}%_é\"");
        assert_eq!(one_of("key", &["a".into(), "b".into()]), r#"key in ["a", "b"]"#);
        assert_eq!(all(&["", "a", "b"]), "a and b");
    }
}
