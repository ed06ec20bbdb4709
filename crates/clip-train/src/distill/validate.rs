//! How near the texts come to their vectors.

use std::collections::BTreeMap;

use burn::tensor::{Int, Tensor};
use clip_checkpoint::Padding;
use clip_model::{Device, TextEncoder};
use clip_tokenizer::Tokenizer;
use serde::{Deserialize, Serialize};

use super::batch::{Draw, Groups};
use super::{Teacher, Translations, templates};
use crate::Result;

/// Texts that run through the tower in one batch.
const TEXTS: usize = 512;

/// How near the texts come to their vectors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TextValidation {
    /// Of the teacher's texts.
    pub texts: Agreement,
    /// Of their translations, by language.
    pub languages: BTreeMap<String, Agreement>,
}

/// How near some texts come to their vectors.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Agreement {
    /// Share of the texts whose own vector is the nearest of all of the teacher's.
    pub top_1: f64,
    /// Mean cosine of a text with its own vector.
    pub cosine: f64,
}

impl TextValidation {
    /// By this the best checkpoint is chosen: the share of the texts, and where there are translations
    /// the mean of that and of theirs.
    pub fn score(&self) -> f64 {
        match self.translations_top_1() {
            Some(translations) => (self.texts.top_1 + translations) / 2.0,
            None => self.texts.top_1,
        }
    }

    /// Mean over the languages of the share of translations whose own vector is the nearest.
    pub fn translations_top_1(&self) -> Option<f64> {
        let sum: f64 = self.languages.values().map(|language| language.top_1).sum();
        let count = self.languages.len();
        (count > 0).then(|| sum / count as f64)
    }
}

/// What a validation compares with what.
pub(super) struct Comparison<'a> {
    pub(super) teacher: &'a Teacher,
    pub(super) translations: &'a Translations,
    /// The teacher's vectors `[N, E]` on the device.
    pub(super) vectors: &'a Tensor<2>,
    pub(super) tokenizer: &'a Tokenizer,
    pub(super) padding: Padding,
    pub(super) template: &'a str,
    pub(super) device: &'a Device,
}

impl Comparison<'_> {
    /// Measures an encoder that is off the tape.
    pub(super) fn measure(&self, encoder: &TextEncoder) -> Result<TextValidation> {
        let texts = self.teacher.texts().iter().enumerate();
        let texts: Vec<Draw> = texts
            .map(|(target, text)| Draw { text: templates::fill(self.template, text), target })
            .collect();
        let texts = self.agreement(encoder, &texts)?;
        let mut languages = BTreeMap::new();
        for (language, rows) in self.translations.by_language() {
            let draws: Vec<Draw> = rows
                .into_iter()
                .map(|row| Draw { text: row.text.clone(), target: row.target })
                .collect();
            languages.insert(language.to_owned(), self.agreement(encoder, &draws)?);
        }
        Ok(TextValidation { texts, languages })
    }

    fn agreement(&self, encoder: &TextEncoder, draws: &[Draw]) -> Result<Agreement> {
        let (mut nearest, mut cosine) = (0, 0.0);
        for draws in draws.chunks(TEXTS) {
            let texts: Vec<&str> = draws.iter().map(|draw| &*draw.text).collect();
            let groups = Groups::new(&texts, self.tokenizer, self.padding)?;
            let targets: Vec<usize> = groups.order.iter().map(|text| draws[*text].target).collect();
            let found = groups.embed(encoder, self.device);
            let own = self.vectors.clone().select(0, ids(&targets, self.device));
            cosine += f64::from((found.clone() * own).sum().into_scalar::<f32>());
            let first = found.matmul(self.vectors.clone().transpose()).argmax(1);
            let first = first.to_data();
            let first = first.iter::<i64>();
            nearest += first.zip(&targets).filter(|(row, target)| *row == **target as i64).count();
        }
        let count = draws.len().max(1) as f64;
        Ok(Agreement { top_1: nearest as f64 / count, cosine: cosine / count })
    }
}

/// Numbers of rows on a device.
pub(super) fn ids(rows: &[usize], device: &Device) -> Tensor<1, Int> {
    let rows: Vec<i32> = rows.iter().map(|row| *row as i32).collect();
    Tensor::from_ints(rows.as_slice(), device)
}
