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
use crate::batch::tokens;
use crate::prototypes::{Prototypes, VirtualFeatures};
use crate::texts::Texts;
use crate::{ImageInputs, Inputs, Result, TextInputs, TextVectors};

/// What batches are drawn from, before there are features.
#[derive(Debug)]
pub(crate) struct FeatureSource {
    pub(crate) dataset: Arc<Dataset>,
    pub(crate) texts: Texts,
    pub(crate) prototypes: Option<Prototypes>,
    /// The texts that name each image.
    labels: Vec<Vec<u32>>,
    captions: CaptionConfig,
    config: FeatureConfig,
}

/// What batches are drawn from. Each batch follows from a seed alone.
#[derive(Debug)]
pub(crate) struct FeatureBatches {
    features: Features,
    sampler: WeightedSampler,
    virtual_features: Option<VirtualFeatures>,
}

/// Images with the texts of all of them. A text stands there once, and is right for every image that it
/// names.
#[derive(Debug)]
pub(crate) struct FeatureBatch {
    /// `[B, W]`
    features: Vec<f32>,
    rows: usize,
    /// The texts, and the numbers of what each is about: several where two texts in their sentences are
    /// the same.
    texts: Vec<String>,
    numbers: Vec<Vec<u32>>,
    /// `[B, T]`
    matches: Vec<bool>,
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
        config.captions.validate()?;
        Ok(Self {
            dataset,
            texts,
            prototypes,
            labels,
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
        let sampler = WeightedSampler::new(&self.dataset, rows, &self.config);
        Ok(FeatureBatches { features, sampler, virtual_features })
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
                let word = &self.texts.list()[number as usize];
                let templates = &self.captions.templates;
                let text = match templates.len() {
                    0 => word.clone(),
                    count => fill_template(&templates[random.random_range(0..count)], word),
                };
                (number, text)
            }
        }
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

    /// The batch of a seed. Texts are told apart by what they are about where a vector stands for each,
    /// and by their words where a tower reads them.
    pub(crate) fn draw(&self, source: &FeatureSource, seed: u64, by_number: bool) -> FeatureBatch {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let mut features = Vec::new();
        let mut shown = Vec::new();
        for _ in 0..source.config.batch_size {
            let row = self.sampler.draw(&mut random);
            let view = random.random_range(0..self.features.views());
            self.features.extend(&mut features, row, view);
            shown.push(Shown::Row(row));
        }
        if let (Some(prototypes), Some(images)) = (&source.prototypes, &self.virtual_features) {
            for _ in 0..prototypes.config().batch_size {
                let class = random.random_range(0..prototypes.len());
                images.extend(&mut features, prototypes, &self.features, class, &mut random);
                shown.push(Shown::Class(class));
            }
        }
        let (mut texts, mut numbers) = (Vec::new(), Vec::<Vec<u32>>::new());
        let mut places = HashMap::new();
        for shown in &shown {
            let (number, text) = source.text(shown, &mut random);
            let text = if by_number { source.texts.list()[number as usize].clone() } else { text };
            let place = *places.entry(text).or_insert_with_key(|text: &String| {
                texts.push(text.clone());
                numbers.push(Vec::new());
                texts.len() - 1
            });
            if !numbers[place].contains(&number) {
                numbers[place].push(number);
            }
        }
        let matches = shown
            .iter()
            .flat_map(|shown| {
                let is_right = |number: &u32| source.names(shown, *number);
                numbers.iter().map(move |numbers| numbers.iter().any(is_right))
            })
            .collect();
        FeatureBatch { features, rows: shown.len(), texts, numbers, matches }
    }
}

impl FeatureBatch {
    /// Number of images.
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    /// The number of each text, in a run where a vector stands for each.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        self.numbers.iter().map(|numbers| numbers[0]).collect()
    }

    /// The batch on a device: vectors of the texts where there is a table, else their token ids.
    pub(crate) fn inputs(
        &self,
        vectors: Option<&TextVectors>,
        tokenizer: &Tokenizer,
        device: &Device,
    ) -> Result<Inputs> {
        let width = self.features.len() / self.rows;
        let shape = [self.rows, self.texts.len()];
        Ok(Inputs {
            images: ImageInputs::Features(float_tensor(
                self.features.clone(),
                [self.rows, width],
                device,
            )),
            texts: match vectors {
                Some(vectors) => TextInputs::Vectors(vectors.rows(&self.numbers(), device)),
                None => TextInputs::Ids(tokens(tokenizer, &self.texts, device)?),
            },
            matches: Tensor::from_data(TensorData::new(self.matches.clone(), shape), device),
        })
    }
}
