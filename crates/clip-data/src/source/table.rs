//! A table of picture files and texts: TSV, CSV or JSON lines. Files are relative to its folder.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use clip_preprocess::is_read_extension;

use super::{Index, Place, Skipped};
use crate::fields::{Draft, Role, plain, role};
use crate::text::{self, Line};
use crate::{Error, Problem, Result, TextTable};

const TEXTS: &str = "name, caption, label or text";
const FILES: &str = "file, path, filename or image";

/// Collects rows; rows without a name that name the same picture are its captions.
struct Rows<'a> {
    path: &'a Path,
    class_names: Option<&'a [String]>,
    index: Index,
    captioned: HashMap<String, usize>,
    without_file: Skipped,
    without_text: Skipped,
    unreadable: Skipped,
}

/// Indexes a TSV or CSV with a header.
pub(super) fn index(path: &Path, names: Option<&[String]>) -> Result<Index> {
    let mut table = TextTable::open(path, |name| role(name).is_some())?;
    let roles: Vec<Option<Role>> = table.header().iter().map(|name| role(name)).collect();
    let has = |wanted: &[Role]| roles.iter().flatten().any(|role| wanted.contains(role));
    if !has(&[Role::File]) {
        return Err(table.missing("the picture", FILES));
    }
    if !has(&[Role::Name, Role::Label, Role::Caption, Role::Class, Role::Keywords]) {
        return Err(table.missing("the text", TEXTS));
    }
    if let Some(name) = ambiguous(table.header()) {
        return Err(table.bad_row(1, format!("two columns are called {name}: rename one of them")));
    }

    let mut rows = Rows::new(path, names);
    let mut short = Skipped::default();
    for row in &mut table {
        let row = match row {
            Ok(row) => row,
            Err(Error::BadRow { line, reason, .. }) => {
                rows.unreadable.add(format_args!("line {line} ({reason})"));
                continue;
            }
            Err(error) => return Err(error),
        };
        let mut draft = Draft::default();
        for (role, field) in roles.iter().zip(row.fields()) {
            if let Some(role) = role {
                draft.set(*role, field);
            }
        }
        if rows.add(draft, row.line) && row.fields().len() < roles.len() {
            short.add(format_args!("line {}", row.line));
        }
    }
    let mut index = rows.finish();
    if short.count > 0 {
        let reason = format!(
            "{} with fewer columns than the header, the first is {}: what is missing counts as empty",
            short.count, short.first
        );
        index.problems.push(Problem::new(path.display(), reason));
    }
    Ok(index)
}

/// A name that two columns have of which one alone can be meant. Captions and keywords may come in
/// several columns.
fn ambiguous(header: &[String]) -> Option<&str> {
    let is_single =
        |name: &str| role(name).is_some_and(|role| !matches!(role, Role::Caption | Role::Keywords));
    let mut seen = HashSet::new();
    let mut names = header.iter().map(String::as_str).filter(|name| is_single(name));
    names.find(|name| !seen.insert(plain(name)))
}

/// Indexes a file with one JSON object a line.
pub(super) fn index_json_lines(path: &Path, names: Option<&[String]>) -> Result<Index> {
    let mut rows = Rows::new(path, names);
    for line in text::lines(path)? {
        let Line { number, text } = match line {
            Ok(line) => line,
            Err(Error::NotEncoded { line, encoding, .. }) => {
                rows.unreadable.add(format_args!("line {line} (this is not {encoding})"));
                continue;
            }
            Err(error) => return Err(error),
        };
        if text.trim().is_empty() {
            continue;
        }
        match serde_json::from_str(&text) {
            Ok(object) => {
                let mut draft = Draft::default();
                draft.set_json(&object);
                rows.add(draft, number);
            }
            Err(error) => rows.unreadable.add(format_args!("line {number} ({error})")),
        }
    }
    Ok(rows.finish())
}

impl<'a> Rows<'a> {
    fn new(path: &'a Path, class_names: Option<&'a [String]>) -> Self {
        Self {
            path,
            class_names,
            index: Index::default(),
            captioned: HashMap::new(),
            without_file: Skipped::default(),
            without_text: Skipped::default(),
            unreadable: Skipped::default(),
        }
    }

    /// Takes a row; whether it is one of a picture and a text is the answer.
    fn add(&mut self, mut draft: Draft, line: u64) -> bool {
        // OpenCLIP's tables name files in any way; only what is clearly no picture is left out.
        let Some(file) = draft.file.take().filter(|file| may_be_picture(file)) else {
            self.without_file.add(format_args!("line {line}"));
            return false;
        };
        let only_captions = draft.sample.name.is_empty() && draft.sample.class.is_none();
        if !draft.complete(&file, self.class_names) {
            self.without_text.add(format_args!("line {line}"));
            return false;
        }
        let samples = &mut self.index.samples;
        if only_captions {
            if let Some(&known) = self.captioned.get(&file) {
                samples[known].0.captions.append(&mut draft.sample.captions);
                return true;
            }
            self.captioned.insert(file.clone(), samples.len());
        }
        samples.push((draft.sample, Place::File(self.path.with_file_name(file))));
        true
    }

    fn finish(mut self) -> Index {
        let problems = &mut self.index.problems;
        self.unreadable.report(self.path, "cannot be read", problems);
        self.without_file.report(self.path, "names no picture file", problems);
        self.without_text.report(self.path, "has no text", problems);
        self.index
    }
}

fn may_be_picture(file: &str) -> bool {
    match Path::new(file).extension().and_then(|extension| extension.to_str()) {
        Some(extension) => {
            let extension = extension.to_lowercase();
            is_read_extension(&extension) || !matches!(extension.as_str(), "txt" | "json")
        }
        None => true,
    }
}
