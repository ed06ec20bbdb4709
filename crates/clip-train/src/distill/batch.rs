//! What a step learns from: texts of one draw, and their token ids in groups of like length.

use burn::tensor::{Int, Tensor, s};
use clip_checkpoint::Padding;
use clip_model::{Device, TextEncoder};
use clip_tokenizer::{TokenBatch, Tokenizer};
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::{DistillConfig, Teacher, Translations, templates};
use crate::batch::encode;
use crate::{Result, seed};

/// Texts of like length that go through the tower together, cut to the longest of them.
const GROUP: usize = 64;

/// Draws the texts of each step.
#[derive(Debug)]
pub(super) struct Sampler {
    seed: u64,
    batch_size: usize,
    templates: Vec<String>,
    translated: usize,
    /// Sums of the frequencies of the teacher's texts up to each one.
    cumulated: Vec<f64>,
}

/// A text and the row of the teacher that is its vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Draw {
    pub(super) text: String,
    pub(super) target: usize,
}

impl Sampler {
    pub(super) fn new(config: &DistillConfig, teacher: &Teacher, translations: usize) -> Self {
        let share = if translations > 0 { config.translations.share } else { 0.0 };
        let mut sum = 0.0;
        let frequencies = teacher.frequencies(config.teacher.weight_exponent);
        let cumulated = frequencies.into_iter().map(|frequency| {
            sum += frequency;
            sum
        });
        Self {
            seed: config.seed,
            batch_size: config.batch_size,
            templates: config.captions.templates.clone(),
            translated: (config.batch_size as f64 * share).round() as usize,
            cumulated: cumulated.collect(),
        }
    }

    /// The texts of a step, which follow from the seed of the run and the step alone.
    pub(super) fn draw(
        &self,
        step: u64,
        teacher: &Teacher,
        translations: &Translations,
    ) -> Vec<Draw> {
        let mut random = Pcg64Mcg::seed_from_u64(seed::of_step(self.seed, step));
        let total = self.cumulated.last().copied().unwrap_or_default();
        let draws = (0..self.batch_size).map(|i| {
            if i < self.translated {
                let rows = translations.rows();
                let row = &rows[random.random_range(0..rows.len())];
                return Draw { text: row.text.clone(), target: row.target };
            }
            let place = random.random::<f64>() * total;
            let target = self.cumulated.partition_point(|sum| *sum <= place);
            let target = target.min(self.cumulated.len() - 1);
            let template = &self.templates[random.random_range(0..self.templates.len())];
            Draw { text: templates::fill(template, &teacher.texts()[target]), target }
        });
        draws.collect()
    }
}

/// Token ids of texts in groups of like length.
#[derive(Debug)]
pub(super) struct Groups {
    /// Which text each row is, group by group.
    pub(super) order: Vec<usize>,
    batches: Vec<TokenBatch>,
}

impl Groups {
    /// Token ids of texts, cut to the context.
    pub(super) fn new<T: AsRef<str>>(
        texts: &[T],
        tokenizer: &Tokenizer,
        padding: Padding,
    ) -> Result<Self> {
        let ids = encode(tokenizer, texts)?;
        let mut order: Vec<usize> = (0..ids.len()).collect();
        // Of one that looks at the padding all texts have one length.
        if padding == Padding::Longest {
            order.sort_by_key(|text| ids[*text].len());
        }
        let group = |group: &[usize]| {
            let ids: Vec<_> = group.iter().map(|text| ids[*text].clone()).collect();
            tokenizer.pad(&ids)
        };
        let batches = order.chunks(GROUP).map(group).collect();
        Ok(Self { order, batches })
    }

    /// Unit vectors of the texts in their [order](Self::order).
    ///
    /// # Shapes
    ///
    /// - output: `[B, E]`
    pub(super) fn embed(&self, encoder: &TextEncoder, device: &Device) -> Tensor<2> {
        let ids: Vec<i32> =
            self.batches.iter().flat_map(|batch| &batch.ids).map(|id| id.cast_signed()).collect();
        let ids = Tensor::<1, Int>::from_ints(ids.as_slice(), device);
        // One lookup for all groups: its gradient has the size of the whole vocabulary.
        let rows = encoder.text.token_embedding.weight.val().select(0, ids.clone());
        let [_, width] = rows.dims();
        let mut start = 0;
        let groups = self.batches.iter().map(|batch| {
            let range = start..start + batch.ids.len();
            start = range.end;
            let rows = rows.clone().slice(s![range.clone(), ..]);
            let rows = rows.reshape([batch.rows, batch.length, width]);
            let ids = ids.clone().slice(s![range]).reshape([batch.rows, batch.length]);
            encoder.text.forward_embedded(rows, ids)
        });
        encoder.project(Tensor::cat(groups.collect(), 0))
    }
}
