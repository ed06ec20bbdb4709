//! Prototypes: classes of a classifier as a source of images that nobody has.
//!
//! The row of a class in the classifier of a pretrained stem says where photographs of it lie. From
//! that and from how real photographs vary, features of virtual ones are drawn (`virtual_features.rs`);
//! their texts are the words and the hypernyms of the class (here). The same rows give the hidden layer
//! of the projection a start (`initial_head.rs`).

mod initial_head;
mod virtual_features;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use clip_checkpoint::{ConvStem, ConvStemCheckpoint};
use clip_data::{Kind, singular};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::features::pick;
use crate::texts::Texts;
use crate::{Error, Result};

pub(crate) use initial_head::InitialHead;
pub(crate) use virtual_features::VirtualFeatures;

/// A word of a class is as likely as this to the power of those before it.
const WORD_DECAY: f64 = 0.25;

/// How prototypes are made and drawn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PrototypeConfig {
    /// The classes, as JSON: a list of `{"words": [..], "hyper": [..]}`, the most usual word first, in the
    /// order of the classifier.
    pub classes: PathBuf,
    /// The stem with its classifier, as `convert-weights` writes it from the published file.
    pub classifier: PathBuf,
    /// Virtual images drawn for a step.
    pub batch_size: usize,
    /// How often a hypernym stands in for the class's own words.
    pub hypernym_probability: f64,
    /// A hypernym of `n` classes has the weight `n` to the power of minus this.
    pub hypernym_exponent: f64,
    /// Factor on the weight of hypernyms that name no image of the data.
    pub unseen_hypernym_weight: f64,
    /// Images whose variation virtual ones share; none for all kinds.
    pub kinds: Vec<Kind>,
    /// Names with fewer images than this say nothing about variation.
    pub min_images: usize,
    /// Largest part of the way to the mean of all classes by which a virtual image is drawn to it.
    pub shrink: f64,
    /// Largest part of another class that is mixed in.
    pub mix: f64,
    /// Least and largest factor on a real image's difference from the mean of its name.
    pub residual_scale: [f64; 2],
    /// Where the projection has a hidden layer, its units start as the classes, and this is the length
    /// of what each adds to the direction of its texts; 0 leaves the layer as it is drawn.
    pub initial_output: f64,
}

impl Default for PrototypeConfig {
    fn default() -> Self {
        Self {
            classes: PathBuf::new(),
            classifier: PathBuf::new(),
            batch_size: 128,
            hypernym_probability: 0.5,
            hypernym_exponent: 0.25,
            unseen_hypernym_weight: 0.05,
            kinds: vec![Kind::Photo],
            min_images: 20,
            shrink: 0.5,
            mix: 0.3,
            residual_scale: [0.75, 1.25],
            initial_output: 0.0,
        }
    }
}

impl PrototypeConfig {
    pub(crate) fn validate(&self) -> std::result::Result<(), String> {
        for (name, path) in [("classes", &self.classes), ("classifier", &self.classifier)] {
            if path.as_os_str().is_empty() {
                return Err(format!("`prototypes.{name}` is missing: name the file"));
            }
        }
        let parts = [
            ("hypernym_probability", self.hypernym_probability),
            ("unseen_hypernym_weight", self.unseen_hypernym_weight),
            ("shrink", self.shrink),
            ("mix", self.mix),
        ];
        if let Some((name, value)) = parts.iter().find(|(_, part)| !(0.0..=1.0).contains(part)) {
            return Err(format!("`prototypes.{name}` is {value}: write a number between 0 and 1"));
        }
        let [least, most] = self.residual_scale;
        if !(0.0 <= least && least <= most && most.is_finite()) {
            return Err("`prototypes.residual_scale` has two factors, the lesser first".to_owned());
        }
        let numbers = [
            ("hypernym_exponent", self.hypernym_exponent),
            ("initial_output", self.initial_output),
        ];
        if let Some((name, value)) = numbers.iter().find(|(_, n)| !(*n >= 0.0 && n.is_finite())) {
            return Err(format!("`prototypes.{name}` is {value}: write a number from 0 on"));
        }
        Ok(())
    }
}

/// The classes with their texts and their rows of the classifier.
#[derive(Debug)]
pub(crate) struct Prototypes {
    config: PrototypeConfig,
    classes: Vec<Class>,
    /// `[channels, classes]`
    weight: Vec<f32>,
    bias: Vec<f32>,
}

/// The texts of a class, by number.
#[derive(Debug)]
pub(crate) struct Class {
    words: Vec<u32>,
    hypernyms: Vec<u32>,
    /// Weight of each hypernym, and their sums.
    weights: Vec<f64>,
    cumulative: Vec<f64>,
}

/// One class of the table.
#[derive(Debug, Deserialize)]
struct Entry {
    words: Vec<String>,
    #[serde(default)]
    hyper: Vec<String>,
}

impl Prototypes {
    /// Reads table and classifier, and numbers the texts after those of the images.
    pub(crate) fn open(
        config: &PrototypeConfig,
        stem: Option<&ConvStem>,
        texts: &mut Texts,
    ) -> Result<Self> {
        let refused =
            |path: &Path, reason: String| Error::Prototypes { path: path.to_owned(), reason };
        let classifier = ConvStemCheckpoint::open(&config.classifier)?;
        let of_classifier = |reason: String| refused(&config.classifier, reason);
        let Some(count) = classifier.card().classes else {
            let reason = "it has no classifier: convert the published file again";
            return Err(of_classifier(reason.to_owned()));
        };
        if stem != Some(&classifier.card().conv_stem) {
            let reason = "its stem is not that of the model, whose features the rows are for";
            return Err(of_classifier(reason.to_owned()));
        }
        let of_classes = |reason: String| refused(&config.classes, reason);
        let json = std::fs::read_to_string(&config.classes)
            .map_err(|error| of_classes(error.to_string()))?;
        let entries: Vec<Entry> =
            serde_json::from_str(&json).map_err(|error| of_classes(error.to_string()))?;
        if entries.len() != count {
            return Err(of_classes(format!(
                "it has {} classes and the classifier {count}",
                entries.len()
            )));
        }
        if let Some(class) = entries.iter().position(|entry| entry.words.is_empty()) {
            return Err(of_classes(format!("class {class} has no words")));
        }
        Ok(Self {
            classes: Class::all(&entries, config, texts),
            weight: classifier.read("classifier.weight")?,
            bias: classifier.read("classifier.bias")?,
            config: config.clone(),
        })
    }

    pub(crate) fn config(&self) -> &PrototypeConfig {
        &self.config
    }

    pub(crate) fn len(&self) -> usize {
        self.classes.len()
    }

    /// A text for a virtual image of a class.
    pub(crate) fn text<R: Rng>(&self, class: usize, random: &mut R) -> u32 {
        let Class { words, hypernyms, cumulative, .. } = &self.classes[class];
        let is_hypernym = random.random::<f64>() < self.config.hypernym_probability;
        if is_hypernym && cumulative.last().is_some_and(|total| *total > 0.0) {
            return hypernyms[pick(cumulative, random)];
        }
        let further = (1.0 - random.random::<f64>()).ln() / WORD_DECAY.ln();
        words[(further as usize).min(words.len() - 1)]
    }

    /// The probability of each text of [`Self::text`].
    pub(crate) fn shares(&self, class: usize) -> impl Iterator<Item = (u32, f64)> {
        let Class { words, hypernyms, weights, .. } = &self.classes[class];
        let total: f64 = weights.iter().sum();
        let of_hypernyms = if total > 0.0 { self.config.hypernym_probability } else { 0.0 };
        let hypernyms = hypernyms.iter().zip(weights).filter(move |_| total > 0.0);
        let hypernyms =
            hypernyms.map(move |(number, weight)| (*number, of_hypernyms * weight / total));
        let last = words.len() - 1;
        let words = words.iter().enumerate().map(move |(place, number)| {
            let from_here_on = WORD_DECAY.powi(place as i32);
            let share = if place == last { 1.0 } else { 1.0 - WORD_DECAY };
            (*number, (1.0 - of_hypernyms) * from_here_on * share)
        });
        words.chain(hypernyms)
    }

    /// Whether a text is right for images of a class.
    pub(crate) fn names(&self, class: usize, text: u32) -> bool {
        let Class { words, hypernyms, .. } = &self.classes[class];
        words.contains(&text) || hypernyms.contains(&text)
    }
}

/// The number of a word. WordNet has some in the plural alone: where that names no image, and the
/// singular does, it is the singular.
fn named(texts: &mut Texts, word: &str) -> u32 {
    let of_images = |text: &str| texts.number(text).filter(|number| texts.names_an_image(*number));
    let known = of_images(word).or_else(|| of_images(&singular(word)));
    known.unwrap_or_else(|| texts.add(word))
}

impl Class {
    fn all(entries: &[Entry], config: &PrototypeConfig, texts: &mut Texts) -> Vec<Self> {
        let numbers = |texts: &mut Texts, list: &[String]| {
            let mut numbers: Vec<u32> = Vec::with_capacity(list.len());
            for text in list {
                let number = named(texts, text);
                if !numbers.contains(&number) {
                    numbers.push(number);
                }
            }
            numbers
        };
        let mut counts: HashMap<u32, u32> = HashMap::new();
        let both: Vec<(Vec<u32>, Vec<u32>)> = entries
            .iter()
            .map(|entry| {
                let words = numbers(texts, &entry.words);
                let hypernyms = numbers(texts, &entry.hyper);
                hypernyms.iter().for_each(|number| *counts.entry(*number).or_default() += 1);
                (words, hypernyms)
            })
            .collect();
        let class = |(words, mut hypernyms): (Vec<u32>, Vec<u32>)| {
            hypernyms.retain(|number| !words.contains(number));
            let weight = |number: &u32| {
                let seen = texts.names_an_image(*number);
                let factor = if seen { 1.0 } else { config.unseen_hypernym_weight };
                factor * f64::from(counts[number]).powf(-config.hypernym_exponent)
            };
            let weights: Vec<f64> = hypernyms.iter().map(weight).collect();
            let mut sum = 0.0;
            let cumulative = weights.iter().map(|weight| {
                sum += weight;
                sum
            });
            Self { cumulative: cumulative.collect(), words, hypernyms, weights }
        };
        both.into_iter().map(class).collect()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_pcg::Pcg64Mcg;

    use super::*;

    #[test]
    fn first_words_and_rare_hypernyms_come_most() {
        let entry = |words: &[&str], hyper: &[&str]| Entry {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
            hyper: hyper.iter().map(|word| (*word).to_owned()).collect(),
        };
        let entries = [
            entry(&["pug", "pug-dog"], &["Dogs", "animal", "Pug", "canid"]),
            entry(&["cat"], &["animal"]),
        ];
        let config = PrototypeConfig {
            hypernym_probability: 0.5,
            hypernym_exponent: 1.0,
            unseen_hypernym_weight: 0.5,
            ..PrototypeConfig::default()
        };
        let mut texts = Texts::of_names(["dog", "animal"]);
        let classes = Class::all(&entries, &config, &mut texts);
        let prototypes = Prototypes { config, classes, weight: Vec::new(), bias: Vec::new() };
        let mut random = Pcg64Mcg::seed_from_u64(2);
        let mut counts: HashMap<&str, f64> = HashMap::new();
        for _ in 0..20_000 {
            let text = prototypes.text(0, &mut random);
            *counts.entry(&texts.list()[text as usize]).or_default() += 1.0 / 20_000.0;
            assert!(prototypes.names(0, text));
        }
        // Weights 1 (seen, of one class), 1/2 (of two) and 1/2 (seen on no image); words 3/4 and 1/4.
        for (text, expected) in
            [("dog", 0.25), ("animal", 0.125), ("canid", 0.125), ("pug", 0.375), ("pug-dog", 0.125)]
        {
            assert!((counts[text] - expected).abs() < 0.015, "{text}: {}", counts[text]);
        }
        let shares: HashMap<&str, f64> = (prototypes.shares(0))
            .map(|(number, share)| (texts.list()[number as usize].as_str(), share))
            .collect();
        assert!(shares.iter().all(|(text, share)| (counts[text] - share).abs() < 0.015));
        assert!((shares.values().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(!prototypes.names(1, texts.number("dog").unwrap()));
    }
}
