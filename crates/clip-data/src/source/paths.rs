//! From paths and patterns to files.

use std::path::{Path, PathBuf};

use crate::error::io;
use crate::{Error, Result};

/// How a file is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    Tar,
    Tsv,
    Csv,
    JsonLines,
    Parquet,
}

/// One file with samples.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceFile {
    pub(crate) path: PathBuf,
    pub(crate) format: Format,
}

/// In a folder, the first of these that is there.
const TABLES: &[&str] = &["captions.tsv", "captions.csv", "captions.jsonl"];

/// A range may not name more files than this.
const MAX_RANGE: u64 = 1_000_000;

/// The files that `path` means: itself, the matches of a pattern in its name, what a folder holds.
pub(crate) fn find(path: &Path) -> Result<Vec<SourceFile>> {
    let files = match std::fs::metadata(path) {
        Ok(found) if found.is_dir() => return folder(path),
        Ok(_) => vec![path.to_owned()],
        Err(_) if is_pattern(path) => matches(path)?,
        Err(source) => return Err(io(path, source)),
    };
    files.into_iter().map(SourceFile::new).collect()
}

impl SourceFile {
    fn new(path: PathBuf) -> Result<Self> {
        match format(&path) {
            Some(format) => Ok(Self { path, format }),
            None => Err(Error::UnknownFormat { path }),
        }
    }
}

fn format(path: &Path) -> Option<Format> {
    let extension = path.extension()?.to_str()?.to_lowercase();
    Some(match extension.as_str() {
        "tar" => Format::Tar,
        "tsv" => Format::Tsv,
        "csv" => Format::Csv,
        "jsonl" | "ndjson" => Format::JsonLines,
        "parquet" => Format::Parquet,
        _ => return None,
    })
}

/// A table if there is one, else the tar shards, else the Parquet files: img2dataset puts a
/// Parquet file without pictures beside each of its tar shards.
fn folder(path: &Path) -> Result<Vec<SourceFile>> {
    if let Some(table) = TABLES.iter().map(|name| path.join(name)).find(|table| table.is_file()) {
        return Ok(vec![SourceFile::new(table)?]);
    }
    let names = list(path)?;
    for wanted in [Format::Tar, Format::Parquet] {
        let files: Vec<SourceFile> = names
            .iter()
            .map(|name| path.join(name))
            .filter(|file| format(file) == Some(wanted))
            .map(|path| SourceFile { path, format: wanted })
            .collect();
        if !files.is_empty() {
            return Ok(files);
        }
    }
    Err(Error::EmptyFolder { path: path.to_owned() })
}

/// File names in a folder, sorted: `10.tar` after `9.tar`, as CLIP_benchmark does not pad numbers.
fn list(path: &Path) -> Result<Vec<String>> {
    let entries = std::fs::read_dir(path).map_err(|source| io(path, source))?;
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| io(path, source))?;
        if let (Ok(name), false) = (entry.file_name().into_string(), entry.path().is_dir()) {
            names.push(name);
        }
    }
    names.sort_by_cached_key(|name| (natural(name), name.clone()));
    Ok(names)
}

/// The name with every number padded, so that order by letters is order by numbers.
fn natural(name: &str) -> String {
    let mut key = String::new();
    let mut number = String::new();
    for c in name.chars().chain(['\0']) {
        if c.is_ascii_digit() {
            number.push(c);
            continue;
        }
        if !number.is_empty() {
            key.push_str(&format!("{:0>20}", number.trim_start_matches('0')));
            number.clear();
        }
        key.push(c);
    }
    key
}

fn is_pattern(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.contains(['*', '?', '{'])
}

fn matches(path: &Path) -> Result<Vec<PathBuf>> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut found = Vec::new();
    for name in expand(&name, path)? {
        if !name.contains(['*', '?']) {
            // Each file of a range is meant, so a missing one is an error of its own.
            let file = path.with_file_name(&name);
            std::fs::metadata(&file).map_err(|source| io(&file, source))?;
            found.push(file);
            continue;
        }
        let pattern: Vec<char> = name.chars().collect();
        let names = list(folder)?.into_iter();
        let names = names.filter(|name| fits(&pattern, &name.chars().collect::<Vec<_>>()));
        found.extend(names.map(|name| path.with_file_name(name)));
    }
    if found.is_empty() {
        return Err(Error::NoMatch { pattern: path.to_owned() });
    }
    Ok(found)
}

/// `{0000..0010}` and `{a,b}` written out, the first pair of braces first.
fn expand(name: &str, path: &Path) -> Result<Vec<String>> {
    let bad = |reason: String| Error::BadPattern { pattern: path.to_owned(), reason };
    let Some((before, rest)) = name.split_once('{') else { return Ok(vec![name.to_owned()]) };
    let (inside, after) = rest.split_once('}').ok_or_else(|| bad("a `{` has no `}`".into()))?;
    let middles: Vec<String> = match inside.split_once("..") {
        Some((first, last)) => {
            let number = |text: &str| {
                text.parse::<u64>().map_err(|_| bad(format!("`{text}` is not a number")))
            };
            let (from, to) = (number(first)?, number(last)?);
            if to < from || to - from >= MAX_RANGE {
                return Err(bad(format!("`{inside}` is not a range of up to {MAX_RANGE} files")));
            }
            let width = first.len();
            (from..=to).map(|number| format!("{number:0width$}")).collect()
        }
        None => inside.split(',').map(str::to_owned).collect(),
    };
    let ends = expand(after, path)?;
    let with_ends = |middle: String| {
        ends.iter().map(move |end| format!("{before}{middle}{end}")).collect::<Vec<_>>()
    };
    Ok(middles.into_iter().flat_map(with_ends).collect())
}

/// Whether `name` fits a pattern of `*` (any characters) and `?` (one). Goes back only to the last
/// `*`, so it takes at most the product of both lengths.
fn fits(pattern: &[char], name: &[char]) -> bool {
    let (mut at, mut position) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while position < name.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, position));
                at += 1;
            }
            Some(c) if *c == '?' || *c == name[position] => {
                at += 1;
                position += 1;
            }
            _ => match star {
                Some((after, start)) => {
                    star = Some((after, start + 1));
                    at = after + 1;
                    position = start + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_and_question_marks_fit() {
        let check = |pattern: &str, name: &str, expected| {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            assert_eq!(fits(&chars(pattern), &chars(name)), expected, "{pattern} on {name}");
        };
        check("train-*.tar", "train-0001.tar", true);
        check("train-*.tar", "train-.tar", true);
        check("train-*.tar", "train-0001.tar.gz", false);
        check("*-*.tar", "a-b-c.tar", true);
        check("t?.tar", "t1.tar", true);
        check("t?.tar", "t.tar", false);
        check("*", "anything", true);
        check("**a", "bba", true);
        check("*a*a*a", "aaab", false);
    }

    #[test]
    fn braces_are_written_out() {
        let check = |name: &str, expected: &[&str]| {
            assert_eq!(expand(name, Path::new(name)).unwrap(), expected, "{name}");
        };
        check("a{08..11}.tar", &["a08.tar", "a09.tar", "a10.tar", "a11.tar"]);
        check("{a,b}{1..2}", &["a1", "a2", "b1", "b2"]);
        check("plain.tar", &["plain.tar"]);
        for bad in ["a{1..", "{x..y}", "{3..1}", "{0..99999999999}"] {
            assert!(matches!(expand(bad, Path::new(bad)), Err(Error::BadPattern { .. })), "{bad}");
        }
    }

    #[test]
    fn numbers_sort_as_numbers() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["10.tar", "9.tar", "0.tar", "a-2.tar", "a-10.tar", "notes.md"] {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        let names = |path: &Path| -> Vec<String> {
            let files = find(path).unwrap();
            let name = |file: &SourceFile| file.path.file_name().unwrap().to_str().unwrap().into();
            files.iter().map(name).collect()
        };
        assert_eq!(names(folder.path()), ["0.tar", "9.tar", "10.tar", "a-2.tar", "a-10.tar"]);
        assert_eq!(names(&folder.path().join("{9..10}.tar")), ["9.tar", "10.tar"]);
        assert_eq!(names(&folder.path().join("a*.tar")), ["a-2.tar", "a-10.tar"]);
    }

    #[test]
    fn what_is_missing_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let error = |name: &str| find(&folder.path().join(name)).unwrap_err().to_string();
        assert!(error("x.tar").contains("there is no"));
        assert!(error("x*.tar").contains("no file matches"));
        assert!(error("x{1..2}.tar").contains("x1.tar"));
        assert!(error("").contains("captions.tsv"));
        std::fs::write(folder.path().join("x.zip"), "").unwrap();
        assert!(error("x.zip").contains(".parquet"));
    }
}
