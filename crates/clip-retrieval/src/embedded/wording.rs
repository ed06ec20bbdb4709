//! A [`Filter`] in SQL.

use rusqlite::types::Value;

use crate::normal::forms;
use crate::path::encode_path;
use crate::{Error, Filter, Orientation, Result};

/// The condition, and the values of its question marks. Sets of files and patterns are not part of it:
/// [`Filter::takes`] is.
pub(super) fn condition(filter: &Filter) -> Result<(String, Vec<Value>)> {
    let (mut parts, mut values) = (vec!["1".to_owned()], Vec::new());
    let mut and = |part: &str, more: &[Value]| {
        parts.push(part.to_owned());
        values.extend_from_slice(more);
    };
    let Filter { modality, under, taken_from, taken_before, min_side, orientation, tags, .. } =
        filter;
    if let Some(modality) = modality {
        and("modality = ?", &[Value::Text(modality.name().to_owned())]);
    }
    if !under.is_empty() {
        let mut bounds = Vec::new();
        for path in under {
            let text =
                encode_path(path).ok_or_else(|| Error::PathNotUnicode { path: path.clone() })?;
            if text.is_empty() {
                // Before every relative path, and of no other meaning.
                bounds.extend([text, String::new(), char::MAX.to_string()]);
                continue;
            }
            let folder = text.trim_end_matches(is_separator);
            // What is below a folder is what sorts between its name with the separator and with the
            // character after that.
            let (first, end) = (SEPARATOR, char::from(SEPARATOR as u8 + 1));
            bounds.extend([text.clone(), format!("{folder}{first}"), format!("{folder}{end}")]);
        }
        let part = vec!["path = ? OR (path >= ? AND path < ?)"; under.len()].join(" OR ");
        let bounds: Vec<Value> = bounds.into_iter().map(Value::Text).collect();
        and(&format!("({part})"), &bounds);
    }
    if let Some(from) = taken_from {
        and("taken >= ?", &[Value::Integer(*from)]);
    }
    if let Some(before) = taken_before {
        and("taken < ?", &[Value::Integer(*before)]);
    }
    if let Some(side) = min_side {
        and("max(width, height) >= ?", &[Value::Integer((*side).into())]);
    }
    match orientation {
        None => {}
        Some(Orientation::Landscape) => and("width > height", &[]),
        Some(Orientation::Portrait) => and("width < height", &[]),
        Some(Orientation::Square) => and("width = height", &[]),
    }
    for tag in tags {
        let forms: Vec<Value> = forms(tag).into_iter().map(Value::Text).collect();
        let marks = vec!["?"; forms.len()].join(", ");
        let part = format!(
            "EXISTS (SELECT 1 FROM tags WHERE tags.key = items.key AND tag IN ({marks}) \
             AND coalesce(added, in_file))"
        );
        and(&part, &forms);
    }
    Ok((parts.join(" AND "), values))
}

const SEPARATOR: char = std::path::MAIN_SEPARATOR;

fn is_separator(c: char) -> bool {
    c.is_ascii() && std::path::is_separator(c)
}
