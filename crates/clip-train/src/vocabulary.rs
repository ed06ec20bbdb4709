//! The vocabulary of a fresh model: CLIP's, or merges that fit the texts of the run.

use std::collections::BTreeMap;

use clip_checkpoint::{Checkpoint, ModelCard};
use clip_data::{CaptionConfig, Sample, fill_template};
use clip_tokenizer::choose_vocabulary;

use crate::features::WeightedSampler;
use crate::source::Source;
use crate::{Files, FreshVocabulary, Result, Start, TrainConfig};

/// Merges of its own for the model of a run, where it is to have such. A run that goes on keeps those that
/// it began with.
pub(crate) fn of_run(
    config: &TrainConfig,
    card: &ModelCard,
    source: &Source,
    files: &Files,
    start: Start,
) -> Result<Option<Vec<u8>>> {
    if config.from.is_some() || config.model.vocabulary == FreshVocabulary::Clip {
        return Ok(None);
    }
    if start == Start::Resume {
        return Ok(Checkpoint::open(&files.last())?.vocabulary().map(<[u8]>::to_vec));
    }
    let texts = texts(config, source);
    let texts = texts.iter().map(|(text, weight)| (text.as_str(), *weight));
    // Two tokens are the start and the end of a text, and 512 are bytes.
    let merges = config.model.vocab_size.saturating_sub(514);
    Ok(Some(choose_vocabulary(card.tokenizer.mode, texts, merges)?.encode()))
}

/// How often each text is drawn in a step. Further texts that a run learns from belong here.
fn texts(config: &TrainConfig, source: &Source) -> BTreeMap<String, f64> {
    let mut texts = BTreeMap::new();
    let mut add = |text: &str, weight: f64| *texts.entry(text.to_owned()).or_default() += weight;
    let templates = Templates::new(&config.captions);
    let dataset = source.dataset();
    for (row, weight) in rows(config, source) {
        for (text, share) in captions(&config.captions, dataset.sample(row)) {
            match text {
                Text::Caption(caption) => add(caption, weight * share),
                Text::Word(word) => templates.fill(word, weight * share, &mut add),
            }
        }
    }
    if let Source::Features(run) = source
        && let Some(prototypes) = &run.source.prototypes
    {
        let weight = prototypes.config().batch_size as f64 / prototypes.len() as f64;
        for (number, share) in (0..prototypes.len()).flat_map(|class| prototypes.shares(class)) {
            templates.fill(&run.source.texts.list()[number as usize], weight * share, &mut add);
        }
    }
    if let Source::Features(run) = source
        && let Some(translations) = &run.source.translations
    {
        for (number, weight) in translations.draws() {
            add(&run.source.texts.list()[number as usize], weight);
        }
    }
    texts
}

/// How often each row is drawn in a step.
fn rows(config: &TrainConfig, source: &Source) -> Vec<(usize, f64)> {
    let all = 0..source.dataset().len();
    match &config.features {
        Some(features) => {
            let sampler = WeightedSampler::new(source.dataset(), all.collect(), features);
            let in_a_step = |(row, share)| (row, share * features.batch_size as f64);
            sampler.shares().map(in_a_step).collect()
        }
        None => {
            let weight = config.sampler.batch_size as f64 / all.len() as f64;
            all.map(|row| (row, weight)).collect()
        }
    }
}

enum Text<'a> {
    /// A sentence of the sample's own.
    Caption(&'a str),
    /// A name or keyword, for a template.
    Word(&'a str),
}

/// The texts that [`CaptionConfig::caption`] draws from, with the probability of each.
fn captions<'a>(config: &CaptionConfig, sample: &'a Sample) -> Vec<(Text<'a>, f64)> {
    let of_captions = match sample.captions.len() {
        0 => 0.0,
        _ if !sample.has_concept() => 1.0,
        _ => config.caption_probability,
    };
    let of_keywords = if sample.keywords.is_empty() { 0.0 } else { config.keyword_probability };
    let decay = |count: usize| (0..count as i32).map(|place| config.keyword_decay.powi(place));
    let total: f64 = decay(sample.keywords.len()).sum();
    let captions = sample
        .captions
        .iter()
        .map(|caption| (Text::Caption(caption), of_captions / sample.captions.len() as f64));
    let keywords = sample.keywords.iter().zip(decay(sample.keywords.len()));
    let keywords = keywords.map(|(keyword, weight)| {
        (Text::Word(keyword), (1.0 - of_captions) * of_keywords * weight / total)
    });
    let name = (Text::Word(&sample.name), (1.0 - of_captions) * (1.0 - of_keywords));
    captions.chain(keywords).chain([name]).collect()
}

/// What is around words in sentences, with the share of each: the word with what is joined to it, such as
/// the ending of a plural, and the other words.
struct Templates {
    joined: BTreeMap<String, f64>,
    others: BTreeMap<String, f64>,
}

impl Templates {
    fn new(config: &CaptionConfig) -> Self {
        let (mut joined, mut others) = (BTreeMap::new(), BTreeMap::new());
        let alone = ["{}".to_owned()];
        let templates = if config.templates.is_empty() { &alone } else { &*config.templates };
        for template in templates {
            let is_joined = |word: &&str| word.contains("{}");
            let (word, rest): (Vec<&str>, Vec<&str>) =
                template.split_whitespace().partition(is_joined);
            let share = 1.0 / templates.len() as f64;
            *joined.entry(word.concat()).or_default() += share;
            *others.entry(rest.join(" ")).or_default() += share;
        }
        Self { joined, others }
    }

    fn fill(&self, word: &str, weight: f64, add: &mut impl FnMut(&str, f64)) {
        for (template, share) in &self.joined {
            add(&fill_template(template, word), weight * share);
        }
        for (text, share) in &self.others {
            add(text, weight * share);
        }
    }
}
