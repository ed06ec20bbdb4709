//! The texts of a teacher in other languages: multilingual learning from a teacher, as Reimers and
//! Gurevych 2020 (arXiv:2004.09813) and Multilingual-CLIP (Carlsson et al. 2022) do it. The vector of a
//! translation is that of the English text.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use clip_data::{TextTable, text};
use serde::Deserialize;

use super::Teacher;
use crate::{Error, Result};

/// Names that are kept of texts that the teacher does not have.
const NAMED: usize = 5;

/// Translations of a teacher's texts.
///
/// They come from tables with columns `text` (as the teacher has it; case, underscores and spaces may
/// differ), `translation` and `language`: CSV or TSV with a header, or JSON lines (`.jsonl`,
/// `.ndjson`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Translations {
    rows: Vec<Translation>,
    unknown: usize,
    unknown_texts: Vec<String>,
    problems: Vec<String>,
}

/// A text in another language.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Translation {
    /// The translation.
    #[serde(rename = "translation")]
    pub text: String,
    /// The language, as the table calls it.
    pub language: String,
    /// Which of the teacher's texts it is a translation of.
    #[serde(skip)]
    pub target: usize,
}

/// A row of a table.
#[derive(Deserialize)]
struct Row {
    text: String,
    #[serde(flatten)]
    translation: Translation,
}

impl Translations {
    /// Reads tables; a row that cannot be read, or whose text the teacher does not have, is left out and
    /// counted.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] where a table cannot be read, [`Error::NoTranslations`] where one has no
    /// translation of any text of the teacher.
    pub fn open(tables: &[PathBuf], teacher: &Teacher) -> Result<Self> {
        let mut known = HashMap::new();
        for (target, text) in teacher.texts().iter().enumerate() {
            known.entry(normalized(text)).or_insert(target);
        }
        let mut translations = Self::default();
        for path in tables {
            let before = translations.rows.len();
            for row in rows(path)? {
                match row {
                    Ok(row) => translations.add(row, &known),
                    Err(problem) => translations.problems.push(problem),
                }
            }
            if translations.rows.len() == before {
                return Err(Error::NoTranslations {
                    path: path.clone(),
                    text: translations.unknown_texts.last().cloned(),
                });
            }
        }
        Ok(translations)
    }

    fn add(&mut self, row: Row, known: &HashMap<String, usize>) {
        let Row { text, translation } = row;
        if translation.text.trim().is_empty() {
            return;
        }
        match known.get(&normalized(&text)) {
            Some(target) => self.rows.push(Translation { target: *target, ..translation }),
            None => {
                self.unknown += 1;
                if self.unknown_texts.len() < NAMED && !self.unknown_texts.contains(&text) {
                    self.unknown_texts.push(text);
                }
            }
        }
    }

    /// The translations of known texts.
    pub fn rows(&self) -> &[Translation] {
        &self.rows
    }

    /// The translations by language.
    pub fn by_language(&self) -> BTreeMap<&str, Vec<&Translation>> {
        let mut languages: BTreeMap<&str, Vec<&Translation>> = BTreeMap::new();
        for row in &self.rows {
            languages.entry(&row.language).or_default().push(row);
        }
        languages
    }

    /// What was left out: one sentence for all texts that the teacher does not have, and one for each
    /// row that could not be read.
    pub fn problems(&self) -> impl Iterator<Item = String> {
        let unknown = (self.unknown > 0).then(|| {
            let (count, names) = (self.unknown, self.unknown_texts.join("\", \""));
            let more = if count > self.unknown_texts.len() { ", .." } else { "" };
            format!(
                "left out {count} of the translations, whose texts have no vector: \"{names}\"{more}"
            )
        });
        unknown.into_iter().chain(self.problems.iter().cloned())
    }
}

/// A text as far as two tables may spell it differently.
fn normalized(text: &str) -> String {
    let words = text.split(|c: char| c == '_' || c.is_whitespace()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The rows of a table, those that cannot be read as a sentence that says why.
fn rows(path: &Path) -> Result<Vec<std::result::Result<Row, String>>> {
    let ending = path.extension().unwrap_or_default().to_string_lossy().to_lowercase();
    match &*ending {
        "jsonl" | "ndjson" => json_lines(path),
        _ => table(path),
    }
}

fn json_lines(path: &Path) -> Result<Vec<std::result::Result<Row, String>>> {
    let row = |line: clip_data::Result<text::Line>| {
        let line = line.map_err(|error| error.to_string())?;
        serde_json::from_str(&line.text)
            .map_err(|error| format!("{}, line {}: {error}", path.display(), line.number))
    };
    let is_blank = |line: &clip_data::Result<text::Line>| {
        line.as_ref().is_ok_and(|line| line.text.trim().is_empty())
    };
    Ok(text::lines(path)?.filter(|line| !is_blank(line)).map(row).collect())
}

fn table(path: &Path) -> Result<Vec<std::result::Result<Row, String>>> {
    const COLUMNS: [&str; 3] = ["text", "translation", "language"];
    let table = TextTable::open(path, |column| COLUMNS.contains(&column))?;
    let column = |name: &'static str| {
        let position = table.header().iter().position(|column| column == name);
        position.ok_or_else(|| table.missing(name, name))
    };
    let [text, translation, language] =
        [column(COLUMNS[0])?, column(COLUMNS[1])?, column(COLUMNS[2])?];
    let row = |row: clip_data::Result<clip_data::TableRow>| {
        let row = row.map_err(|error| error.to_string())?;
        let field = |column| row.get(column).trim().to_owned();
        let translation =
            Translation { text: field(translation), language: field(language), target: 0 };
        Ok(Row { text: field(text), translation })
    };
    Ok(table.map(row).collect())
}
