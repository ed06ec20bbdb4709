//! Batches of features: real and virtual images with texts.

use std::collections::HashMap;
use std::sync::Arc;

use burn::tensor::{Tensor, TensorData};
use clip_data::{CaptionConfig, Dataset, fill_template};
use clip_model::{Device, float_tensor};
use clip_tokenizer::Tokenizer;
use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use super::{FeatureConfig, Features, WeightedSampler};
use crate::batch::{GROUP, grouped};
use crate::prototypes::{Prototypes, VirtualFeatures};
use crate::texts::Texts;
use crate::translations::{TranslationBatch, Translations};
use crate::{ImageInputs, Inputs, Result};

/// Largest part of another image of its name that is mixed into an image.
const LARGEST_PART: f32 = 0.6;

/// What batches are drawn from, before there are features.
#[derive(Debug)]
pub(crate) struct FeatureSource {
    pub(crate) dataset: Arc<Dataset>,
    pub(crate) texts: Texts,
    pub(crate) prototypes: Option<Prototypes>,
    pub(crate) translations: Option<Translations>,
    /// The texts that name each image.
    labels: Vec<Vec<u32>>,
    /// All names of the dataset.
    names: Vec<u32>,
    captions: CaptionConfig,
    config: FeatureConfig,
}

/// What batches are drawn from. Each batch follows from a seed alone.
#[derive(Debug)]
pub(crate) struct FeatureBatches {
    features: Features,
    sampler: WeightedSampler,
    /// The images of each name that were read.
    of_names: Vec<Vec<usize>>,
    virtual_features: Option<VirtualFeatures>,
}

/// Images with the texts of all of them and some further names. A text stands there once, and is right for
/// every image that it names.
#[derive(Debug)]
pub(crate) struct FeatureBatch {
    /// `[B, W]`
    features: Vec<f32>,
    rows: usize,
    texts: Vec<String>,
    /// `[B, T]`
    matches: Vec<bool>,
    translations: Option<TranslationBatch>,
}

/// Texts of a batch, each there once, and the numbers of what each is about: several where two texts in
/// their sentences are the same.
#[derive(Debug, Default)]
struct Drawn {
    texts: Vec<String>,
    numbers: Vec<Vec<u32>>,
    places: HashMap<String, usize>,
}

/// What an image shows.
enum Shown {
    Row(usize),
    Class(usize),
}

impl FeatureSource {
    /// Numbers the texts of images and classes.
    pub(crate) fn new(
        dataset: Arc<Dataset>,
        config: &crate::TrainConfig,
        card: &clip_checkpoint::ModelCard,
    ) -> Result<Self> {
        let (mut texts, labels) = Texts::of(&dataset);
        let stem = card.config.vision.conv_stem.as_ref();
        let open = |config| Prototypes::open(config, stem, &mut texts);
        let prototypes = config.prototypes.as_ref().map(open).transpose()?;
        let open = |config| Translations::open(config, &mut texts);
        let translations = config.translations.as_ref().map(open).transpose()?;
        config.captions.validate()?;
        let mut names: Vec<u32> =
            dataset.names().iter().filter_map(|name| texts.number(name)).collect();
        names.sort_unstable();
        names.dedup();
        Ok(Self {
            dataset,
            texts,
            prototypes,
            translations,
            labels,
            names,
            captions: config.captions.clone(),
            config: config.features.clone().unwrap_or_default(),
        })
    }

    /// Steps in which as many images are drawn as there are.
    pub(crate) fn steps(&self) -> u64 {
        self.dataset.len().div_ceil(self.config.batch_size) as u64
    }

    /// Views of each image that are asked for.
    pub(crate) fn views(&self) -> usize {
        self.config.views
    }

    /// Readies the drawing of batches.
    pub(crate) fn batches(&self, features: Features, device: &Device) -> Result<FeatureBatches> {
        let skipped = features.skipped();
        let rows: Vec<usize> =
            (0..self.dataset.len()).filter(|row| !skipped.contains_key(row)).collect();
        if rows.is_empty() {
            let problem = skipped.into_values().next().unwrap_or("there are no images").to_owned();
            return Err(crate::Error::AllSkipped { epoch: 1, problem });
        }
        let place = |prototypes| VirtualFeatures::new(prototypes, &features, &self.dataset, device);
        let virtual_features = self.prototypes.as_ref().map(place).transpose()?;
        let mut of_names = vec![Vec::new(); self.dataset.names().len()];
        rows.iter().for_each(|row| of_names[self.dataset.group(*row) as usize].push(*row));
        let sampler = WeightedSampler::new(&self.dataset, rows, &self.config);
        Ok(FeatureBatches { features, sampler, of_names, virtual_features })
    }

    /// A text for what an image shows, and the number of what it is about.
    fn text(&self, shown: &Shown, random: &mut Pcg64Mcg) -> (u32, String) {
        match *shown {
            Shown::Row(row) => {
                let caption = self.captions.caption(self.dataset.sample(row), random);
                let about = caption.word.as_ref().unwrap_or(&caption.text);
                let number = self.texts.number(about).expect("numbered when the run began");
                (number, caption.text)
            }
            Shown::Class(class) => {
                let prototypes = self.prototypes.as_ref().expect("a class of them");
                let number = prototypes.text(class, random);
                (number, self.sentence(number, random))
            }
        }
    }

    /// A text in one of the templates.
    fn sentence(&self, number: u32, random: &mut Pcg64Mcg) -> String {
        let text = &self.texts.list()[number as usize];
        let templates = &self.captions.templates;
        match templates.len() {
            0 => text.clone(),
            count => fill_template(&templates[random.random_range(0..count)], text),
        }
    }

    /// As many names as the settings ask for, or all, each once.
    fn further_names(&self, random: &mut Pcg64Mcg) -> Vec<u32> {
        let count = self.config.name_negatives.min(self.names.len());
        let places = rand::seq::index::sample(random, self.names.len(), count);
        places.iter().map(|place| self.names[place]).collect()
    }

    fn names(&self, shown: &Shown, text: u32) -> bool {
        match *shown {
            Shown::Row(row) => self.labels[row].binary_search(&text).is_ok(),
            Shown::Class(class) => {
                self.prototypes.as_ref().is_some_and(|prototypes| prototypes.names(class, text))
            }
        }
    }
}

impl FeatureBatches {
    pub(crate) fn features(&self) -> &Features {
        &self.features
    }

    pub(crate) fn virtual_features(&self) -> Option<&VirtualFeatures> {
        self.virtual_features.as_ref()
    }

    /// Adds the features of a view of an image to `out`, where chance wants it mixed with another of its
    /// name.
    fn image(&self, source: &FeatureSource, row: usize, out: &mut Vec<f32>, random: &mut Pcg64Mcg) {
        let start = out.len();
        self.features.extend(out, row, random.random_range(0..self.features.views()));
        let probability = source.config.mix_probability;
        if probability > 0.0 && random.random::<f64>() < probability {
            let rows = &self.of_names[source.dataset.group(row) as usize];
            let other = rows[random.random_range(0..rows.len())];
            let other = self.features.row(other, random.random_range(0..self.features.views()));
            let part = random.random::<f32>() * LARGEST_PART;
            let values = out[start..].iter_mut().zip(other);
            values.for_each(|(value, other)| *value += part * (other - *value));
        }
    }

    /// The batch of a seed.
    pub(crate) fn draw(&self, source: &FeatureSource, seed: u64) -> FeatureBatch {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut features = Vec::new();
        let mut shown = Vec::new();
        for _ in 0..source.config.batch_size {
            let row = self.sampler.draw(&mut random);
            self.image(source, row, &mut features, &mut random);
            shown.push(Shown::Row(row));
        }
        if let (Some(prototypes), Some(images)) = (&source.prototypes, &self.virtual_features) {
            for _ in 0..prototypes.config().batch_size {
                let class = random.random_range(0..prototypes.len());
                images.extend(&mut features, prototypes, &self.features, class, &mut random);
                shown.push(Shown::Class(class));
            }
        }
        let mut drawn = Drawn::default();
        for shown in &shown {
            let (number, text) = source.text(shown, &mut random);
            drawn.add(number, text);
        }
        for number in source.further_names(&mut random) {
            if !drawn.is_about(number) {
                drawn.add(number, source.sentence(number, &mut random));
            }
        }
        let Drawn { texts, numbers, .. } = drawn;
        let matches = shown
            .iter()
            .flat_map(|shown| {
                let is_right = |number: &u32| source.names(shown, *number);
                numbers.iter().map(move |numbers| numbers.iter().any(is_right))
            })
            .collect();
        let translations = source.translations.as_ref();
        let translations =
            translations.map(|translations| translations.draw(&source.texts, &mut random));
        FeatureBatch { features, rows: shown.len(), texts, matches, translations }
    }
}

impl Drawn {
    fn add(&mut self, number: u32, text: String) {
        let place = *self.places.entry(text).or_insert_with_key(|text| {
            self.texts.push(text.clone());
            self.numbers.push(Vec::new());
            self.texts.len() - 1
        });
        if !self.numbers[place].contains(&number) {
            self.numbers[place].push(number);
        }
    }

    fn is_about(&self, number: u32) -> bool {
        self.numbers.iter().any(|numbers| numbers.contains(&number))
    }
}

impl FeatureBatch {
    /// Number of images.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// The batch on a device.
    pub(crate) fn inputs(&self, tokenizer: &Tokenizer, device: &Device) -> Result<Inputs> {
        let width = self.features.len() / self.rows;
        let images = float_tensor(self.features.clone(), [self.rows, width], device);
        let (order, texts) = grouped(tokenizer, &self.texts, GROUP, device)?;
        let matches: Vec<bool> = self
            .matches
            .chunks_exact(order.len())
            .flat_map(|row| order.iter().map(|text| row[*text]))
            .collect();
        let matches = TensorData::new(matches, [self.rows, order.len()]);
        let translations = |batch: &TranslationBatch| batch.inputs(tokenizer, device);
        Ok(Inputs {
            images: ImageInputs::Features(images),
            texts,
            matches: Tensor::from_data(matches, device),
            translations: self.translations.as_ref().map(translations).transpose()?,
        })
    }
}

#[cfg(all(test, feature = "flex"))]
mod tests {
    use std::fs;

    use super::*;
    use crate::TrainConfig;

    /// Two images each of `a`, `b`, `c`, `d` and `e`; `a` has the keyword `d`. An image's feature is its
    /// number.
    fn fixture(
        folder: &std::path::Path,
        features: FeatureConfig,
    ) -> (FeatureSource, FeatureBatches) {
        let mut table = String::from("file\tname\tkeywords\n");
        for row in 0..10 {
            fs::write(folder.join(format!("{row}.png")), "").unwrap();
            let name = ["a", "b", "c", "d", "e"][row / 2];
            table += &format!("{row}.png\t{name}\t{}\n", if name == "a" { "d" } else { "" });
        }
        fs::write(folder.join("captions.tsv"), table).unwrap();
        let dataset = Arc::new(Dataset::open(&[folder.to_path_buf()]).unwrap());
        let mut config = TrainConfig { features: Some(features), ..TrainConfig::default() };
        config.captions.templates = vec!["{}".to_owned(), "the {}".to_owned()];
        let source = FeatureSource::new(dataset, &config, &config.model.card()).unwrap();
        let values: Vec<f32> = (0..10).map(|row| row as f32).collect();
        let batches = source.batches(Features::of_view(1, &values), &Device::flex()).unwrap();
        (source, batches)
    }

    #[test]
    fn further_names_are_wrong_for_images_that_they_do_not_name() {
        let folder = tempfile::tempdir().unwrap();
        let config = FeatureConfig { batch_size: 2, name_negatives: 3, ..FeatureConfig::default() };
        let (source, batches) = fixture(folder.path(), config);
        let (mut negatives, mut keywords) = (0, 0);
        for seed in 0..200 {
            let batch = batches.draw(&source, seed);
            let names: Vec<&str> =
                batch.texts.iter().map(|text| text.trim_start_matches("the ")).collect();
            let mut shown: Vec<&str> = Vec::new();
            for (row, matches) in batch.matches.chunks(names.len()).enumerate() {
                let own = ["a", "b", "c", "d", "e"][batch.features[row] as usize / 2];
                shown.push(own);
                for (name, is_right) in names.iter().zip(matches) {
                    assert_eq!(*is_right, *name == own || (own, *name) == ("a", "d"), "{batch:?}");
                }
            }
            negatives += names.iter().filter(|name| !shown.contains(name)).count();
            // A name that an image has is not drawn again.
            let twice = ["a", "b", "c", "d", "e"]
                .into_iter()
                .filter(|name| names.iter().filter(|other| other == &name).count() > 1);
            assert!(twice.clone().all(|name| shown == [name, name] || name == "d"), "{batch:?}");
            keywords += usize::from(shown == ["a", "a"] && names.contains(&"d"));
        }
        // Of 3 of 5 names, 1.8 to 2.4 are of no image of a batch.
        assert!((350..500).contains(&negatives) && keywords > 0, "{negatives} {keywords}");
    }

    #[test]
    fn images_are_mixed_with_those_of_their_name() {
        let folder = tempfile::tempdir().unwrap();
        let values = |mix_probability: f64| {
            let config =
                FeatureConfig { batch_size: 1000, mix_probability, ..FeatureConfig::default() };
            let (source, batches) = fixture(folder.path(), config);
            batches.draw(&source, 1).features
        };
        assert!(values(0.0).iter().all(|value| value.fract() == 0.0));
        let mixed = values(0.5);
        // Half of them, of which half meet themselves.
        let between = mixed.iter().filter(|value| value.fract() != 0.0).count();
        assert!((200..300).contains(&between), "{between}");
        assert!(
            mixed.iter().all(|value| (*value as u32).is_multiple_of(2) || value.fract() == 0.0)
        );
        // None is nearer to the other than six tenths of the way.
        let way = |value: &f32| value.fract().min(1.0 - value.fract());
        assert!(mixed.iter().map(way).fold(0.0, f32::max) > 0.45);
    }
}
