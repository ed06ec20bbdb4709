//! Recall of a model on a set of named images, in the course of a run.

use std::collections::{BTreeMap, HashMap};

use burn::tensor::Tensor;
use clip_data::{Dataset, Loader, fill_template};
use clip_eval::{Labeled, Matrix, Ranks, Retrieval};
use clip_model::{Device, float_tensor};
use clip_tokenizer::Tokenizer;
use serde::{Deserialize, Serialize};

use crate::batch::tokens;
use crate::features::Features;
use crate::texts::folded;
use crate::translations::{ENGLISH, Translations};
use crate::{ImageInputs, Learner, Result};

/// Rows that run through a tower or a projection in one batch.
const ROWS: usize = 256;

/// Recall of images by names and of names by images.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Validation {
    /// A sentence with a name finds an image of that name: at 1, 5 and 10.
    pub text_to_image: [f64; 3],
    /// An image finds its name: at 1, 5 and 10.
    pub image_to_text: [f64; 3],
    /// A name alone, in another language, finds an image of that name: at 1, by language. The English
    /// names that have translations are there too.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub languages: BTreeMap<String, f64>,
}

/// Unit vectors of images with the groups of their names.
#[derive(Debug)]
pub(crate) struct EmbeddedImages<'a> {
    vectors: Vec<f32>,
    labels: Vec<usize>,
    dataset: &'a Dataset,
}

impl<'a> EmbeddedImages<'a> {
    /// Through the whole model, which is off the tape.
    pub(crate) fn of_loader(model: &Learner, loader: &'a Loader, device: &Device) -> Self {
        let (mut vectors, mut labels) = (Vec::new(), Vec::new());
        for batch in loader.in_order(0) {
            if batch.is_empty() {
                continue;
            }
            labels.extend(batch.groups.iter().map(|group| *group as usize));
            let size = loader.size();
            let pixels = float_tensor(batch.pixels, [batch.indices.len(), 3, size, size], device);
            vectors.extend(host(model.clip.image.forward(pixels)));
        }
        Self { vectors, labels, dataset: loader.dataset() }
    }

    /// Through the projection, from the features of a frozen tower.
    pub(crate) fn of_features(
        model: &Learner,
        features: &Features,
        dataset: &'a Dataset,
        device: &Device,
    ) -> Self {
        let skipped = features.skipped();
        let rows: Vec<usize> =
            (0..dataset.len()).filter(|row| !skipped.contains_key(row)).collect();
        let mut vectors = Vec::new();
        for rows in rows.chunks(ROWS) {
            let mut values = Vec::with_capacity(rows.len() * features.width());
            rows.iter().for_each(|row| features.extend(&mut values, *row, 0));
            let values = float_tensor(values, [rows.len(), features.width()], device);
            vectors.extend(host(model.embed_images(ImageInputs::Features(values))));
        }
        let labels = rows.iter().map(|row| dataset.group(*row) as usize).collect();
        Self { vectors, labels, dataset }
    }
}

/// Unit vectors of texts by the tower.
pub(crate) fn embed_texts(
    model: &Learner,
    tokenizer: &Tokenizer,
    texts: &[String],
    device: &Device,
) -> Result<Vec<f32>> {
    let mut vectors = Vec::new();
    for texts in texts.chunks(ROWS) {
        let ids = tokens(tokenizer, texts, device)?;
        vectors.extend(host(model.embed_texts(ids)));
    }
    Ok(vectors)
}

impl Validation {
    /// Mean of both recalls at 1: by this the best checkpoint is chosen.
    pub fn score(&self) -> f64 {
        (self.text_to_image[0] + self.image_to_text[0]) / 2.0
    }

    /// Measures images against the names of all of them, each in a sentence, and alone in the languages
    /// that it is translated to; every row of a name is right for it.
    ///
    /// # Errors
    ///
    /// Those of `embed`, and where the set is empty.
    pub(crate) fn measure(
        images: &EmbeddedImages<'_>,
        template: &str,
        translations: Option<&Translations>,
        embed: impl Fn(&[String]) -> Result<Vec<f32>>,
    ) -> Result<Self> {
        let EmbeddedImages { vectors, labels, dataset } = images;
        let mut named = labels.clone();
        named.sort_unstable();
        named.dedup();
        let sentences: Vec<String> =
            named.iter().map(|group| fill_template(template, &dataset.names()[*group])).collect();
        let texts = embed(&sentences)?;
        let width = texts.len() / named.len().max(1);
        let texts = Matrix::new("names", &texts, named.len(), width)?;
        let images = Matrix::new("pictures", vectors, labels.len(), width)?;
        let images = Labeled::new(images, labels)?;
        let found = Retrieval::new(&Labeled::new(texts, &named)?, &images)?;
        let at = |ranks: &Ranks| [1, 5, 10].map(|k| ranks.recall(k));
        let mut languages = BTreeMap::new();
        for (language, (texts, groups)) in in_languages(dataset.names(), &named, translations) {
            let texts = embed(&texts)?;
            let texts = Matrix::new("translations", &texts, groups.len(), width)?;
            let ranks = Ranks::new(&Labeled::new(texts, &groups)?, &images)?;
            languages.insert(language.to_owned(), ranks.recall(1));
        }
        Ok(Self {
            text_to_image: at(&found.text_to_image),
            image_to_text: at(&found.image_to_text),
            languages,
        })
    }
}

/// By language, translations of names with the groups of these; the names themselves too.
fn in_languages<'a>(
    names: &[String],
    named: &[usize],
    translations: Option<&'a Translations>,
) -> BTreeMap<&'a str, (Vec<String>, Vec<usize>)> {
    let groups: HashMap<String, usize> =
        named.iter().map(|group| (folded(&names[*group]), *group)).collect();
    let mut languages: BTreeMap<&str, BTreeMap<usize, String>> = BTreeMap::new();
    for row in translations.map_or(&[][..], Translations::rows) {
        if let Some(group) = groups.get(&row.text) {
            let texts = [(ENGLISH, &row.text), (&*row.language, &row.translation)];
            for (language, text) in texts {
                languages.entry(language).or_default().insert(*group, text.clone());
            }
        }
    }
    let split = |texts: BTreeMap<usize, String>| {
        let (groups, texts) = texts.into_iter().unzip();
        (texts, groups)
    };
    languages.into_iter().map(|(language, texts)| (language, split(texts))).collect()
}

fn host(vectors: Tensor<2>) -> Vec<f32> {
    vectors.into_data().convert::<f32>().try_to_vec().expect("converted to f32")
}
