//! The texts of a run in other languages: multilingual learning from a teacher, as Reimers and Gurevych
//! 2020 (arXiv:2004.09813) and Multilingual-CLIP (Carlsson et al. 2022) do it, with the tower that learns
//! as its own teacher. A translation shall have the vector of the English text.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::{Path, PathBuf};

use burn::tensor::{Int, Tensor};
use clip_data::TextTable;
use clip_model::Device;
use clip_tokenizer::Tokenizer;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::batch::{GROUP, grouped, tokens};
use crate::texts::{Texts, folded};
use crate::{Error, Result, TranslationInputs};

/// The language of names, in `emojibase-data` and in validations.
pub(crate) const ENGLISH: &str = "en";

/// Which translations take part, and how much they weigh.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TranslationConfig {
    /// Tables (TSV, CSV) with columns `text` (the English one), `translation` and `language`, and files
    /// `LANGUAGE/data.json` of the npm package `emojibase-data`, whose English ones must be among them.
    pub files: Vec<PathBuf>,
    /// Translations drawn for a step.
    pub batch_size: usize,
    /// Weight of their loss, `1 − cos(translation, English text)`, beside the contrastive one.
    pub weight: f64,
}

impl Default for TranslationConfig {
    fn default() -> Self {
        Self { files: Vec::new(), batch_size: 64, weight: 0.1 }
    }
}

impl TranslationConfig {
    pub(crate) fn validate(&self) -> std::result::Result<(), String> {
        if self.files.is_empty() {
            return Err("`translations.files` is missing: name the files".to_owned());
        }
        if self.batch_size == 0 {
            return Err("`translations.batch_size` is 0: write a number from 1 on".to_owned());
        }
        if !(self.weight > 0.0 && self.weight.is_finite()) {
            return Err("`translations.weight` is not a positive number".to_owned());
        }
        Ok(())
    }
}

/// Translations of texts, those of a run among them.
#[derive(Debug)]
pub struct Translations {
    config: TranslationConfig,
    rows: Vec<Translation>,
    /// The numbers of an English text of the run and of its translation.
    pairs: Vec<[u32; 2]>,
    problems: Vec<String>,
}

/// Texts of a step, each with a translation.
#[derive(Debug)]
pub(crate) struct TranslationBatch {
    pairs: Vec<[String; 2]>,
    weight: f64,
}

/// A text in another language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Translation {
    /// The English text, [`folded`].
    pub(crate) text: String,
    pub(crate) translation: String,
    pub(crate) language: String,
}

/// One emoji of `emojibase-data`.
#[derive(Debug, Deserialize)]
struct Emoji {
    label: String,
    hexcode: String,
}

impl Translations {
    /// Reads the files, and numbers the translations of known texts after these. Of several translations
    /// of a text into one language the first counts.
    ///
    /// # Errors
    ///
    /// [`Error::Data`] and [`Error::Translations`] where a file cannot be read, or none has a translation
    /// of any text of the run.
    pub(crate) fn open(config: &TranslationConfig, texts: &mut Texts) -> Result<Self> {
        let is_emojibase = |path: &&PathBuf| path.extension().is_some_and(|ext| ext == "json");
        let (emojis, tables): (Vec<&PathBuf>, Vec<&PathBuf>) =
            config.files.iter().partition(is_emojibase);
        let (mut rows, mut problems) = (emojibase(&emojis)?, Vec::new());
        for path in tables {
            table(path, &mut rows, &mut problems)?;
        }
        let mut seen = HashSet::new();
        rows.retain(|row| {
            let Translation { text, translation, language } = row;
            let is_other = !translation.is_empty() && folded(translation) != *text;
            is_other && seen.insert((text.clone(), language.clone()))
        });
        let known = |row: &Translation| Some((texts.number(&row.text)?, row.translation.clone()));
        let known: Vec<(u32, String)> = rows.iter().filter_map(known).collect();
        if known.is_empty() {
            let example = rows.first().map(|row| format!(" (it has \"{}\")", row.text));
            let reason = format!(
                "it translates none of the texts that are learned{}",
                example.unwrap_or_default()
            );
            return Err(Error::Translations { path: config.files[0].clone(), reason });
        }
        let pairs =
            known.into_iter().map(|(text, translation)| [text, texts.add(&translation)]).collect();
        Ok(Self { config: config.clone(), rows, pairs, problems })
    }

    /// Number of translations that are learned.
    pub fn learned(&self) -> usize {
        self.pairs.len()
    }

    /// Number of languages.
    pub fn languages(&self) -> usize {
        self.rows.iter().map(|row| &row.language).collect::<BTreeSet<_>>().len()
    }

    /// What could not be read of the tables, a sentence each.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// All, of texts that are not learned too.
    pub(crate) fn rows(&self) -> &[Translation] {
        &self.rows
    }

    /// The number of each text, English ones once for each of their translations, and how often it is
    /// drawn in a step.
    pub(crate) fn draws(&self) -> impl Iterator<Item = (u32, f64)> {
        let weight = self.config.batch_size as f64 / self.pairs.len() as f64;
        self.pairs.iter().flatten().map(move |number| (*number, weight))
    }

    /// Texts of the run with a translation each, one translation as likely as another.
    pub(crate) fn draw<R: Rng>(&self, texts: &Texts, random: &mut R) -> TranslationBatch {
        let text = |number: u32| texts.list()[number as usize].clone();
        let pair = |_| self.pairs[random.random_range(0..self.pairs.len())].map(text);
        let pairs = (0..self.config.batch_size).map(pair).collect();
        TranslationBatch { pairs, weight: self.config.weight }
    }
}

impl TranslationBatch {
    /// On a device; groups are half as large as those of other texts, as few translations are long.
    pub(crate) fn inputs(
        &self,
        tokenizer: &Tokenizer,
        device: &Device,
    ) -> Result<TranslationInputs> {
        let translations: Vec<&str> = self.pairs.iter().map(|[_, text]| &**text).collect();
        let (order, groups) = grouped(tokenizer, &translations, GROUP / 2, device)?;
        let pair = |(order, translations): (&[usize], Tensor<2, Int>)| {
            let texts: Vec<&str> = order.iter().map(|pair| &*self.pairs[*pair][0]).collect();
            Ok([tokens(tokenizer, &texts, device)?, translations])
        };
        let pairs = order.chunks(GROUP / 2).zip(groups).map(pair).collect::<Result<_>>()?;
        Ok(TranslationInputs { pairs, weight: self.weight })
    }
}

/// Labels of the same emoji in two languages.
fn emojibase(files: &[&PathBuf]) -> Result<Vec<Translation>> {
    let mut english = HashMap::new();
    let mut others = Vec::new();
    for path in files {
        let refused = |reason: String| Error::Translations { path: path.to_path_buf(), reason };
        let json = std::fs::read_to_string(path).map_err(|error| refused(error.to_string()))?;
        let emojis: Vec<Emoji> =
            serde_json::from_str(&json).map_err(|error| refused(error.to_string()))?;
        let folder = path.parent().and_then(Path::file_name).unwrap_or_default();
        let language = folder.to_string_lossy().into_owned();
        if language.is_empty() {
            let reason =
                "its language is the name of its folder: name it with that, as in `de/data.json`";
            return Err(refused(reason.to_owned()));
        }
        match language == ENGLISH {
            true => english.extend(emojis.into_iter().map(|emoji| (emoji.hexcode, emoji.label))),
            false => others.push((language, emojis)),
        }
    }
    if let (Some(path), true) = (files.first(), english.is_empty()) {
        let reason = "its English texts are missing: add `en/data.json` to `translations.files`";
        return Err(Error::Translations { path: path.to_path_buf(), reason: reason.to_owned() });
    }
    let rows = others.into_iter().flat_map(|(language, emojis)| {
        let row = |emoji: Emoji| {
            let text = folded(english.get(&emoji.hexcode)?);
            let language = language.clone();
            Some(Translation { text, translation: folded(&emoji.label), language })
        };
        emojis.into_iter().filter_map(row).collect::<Vec<_>>()
    });
    Ok(rows.collect())
}

/// The rows of a table; those that cannot be read are said.
fn table(path: &Path, rows: &mut Vec<Translation>, problems: &mut Vec<String>) -> Result<()> {
    const COLUMNS: [&str; 3] = ["text", "translation", "language"];
    let table = TextTable::open(path, |column| COLUMNS.contains(&column))?;
    let column = |name: &'static str| {
        let position = table.header().iter().position(|column| column == name);
        position.ok_or_else(|| table.missing(name, name))
    };
    let [text, translation, language] =
        [column(COLUMNS[0])?, column(COLUMNS[1])?, column(COLUMNS[2])?];
    for row in table {
        match row {
            Ok(row) => rows.push(Translation {
                text: folded(row.get(text)),
                translation: folded(row.get(translation)),
                language: row.get(language).trim().to_owned(),
            }),
            Err(error) => problems.push(error.to_string()),
        }
    }
    Ok(())
}
