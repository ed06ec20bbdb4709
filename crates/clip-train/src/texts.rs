//! All texts that a run learns, numbered: what names its images, then the words of prototypes, then
//! translations. Strings that differ only in case, in underscores for spaces or
//! in how many spaces there are, are one.

use std::collections::HashMap;

use clip_data::Dataset;

/// Texts by number and numbers by text.
#[derive(Debug, Default)]
pub(crate) struct Texts {
    numbers: HashMap<String, u32>,
    list: Vec<String>,
    /// Texts of images come first: so many.
    of_images: usize,
}

impl Texts {
    /// Those of a dataset, and for each sample the numbers of all that name it: its name, its keywords
    /// and its captions.
    pub(crate) fn of(dataset: &Dataset) -> (Self, Vec<Vec<u32>>) {
        let mut texts = Self::default();
        let rows = dataset.samples().iter().map(|sample| {
            let all = std::iter::once(&sample.name).chain(&sample.keywords).chain(&sample.captions);
            let mut numbers: Vec<u32> = all.map(|text| texts.add(text)).collect();
            numbers.sort_unstable();
            numbers.dedup();
            numbers
        });
        let rows = rows.collect();
        texts.of_images = texts.list.len();
        (texts, rows)
    }

    /// Those of images with these names.
    #[cfg(test)]
    pub(crate) fn of_names<const N: usize>(names: [&str; N]) -> Self {
        let mut texts = Self { of_images: N, ..Self::default() };
        names.iter().for_each(|name| {
            texts.add(name);
        });
        texts
    }

    /// The number of a text, a new one where it is not known.
    pub(crate) fn add(&mut self, text: &str) -> u32 {
        let text = folded(text);
        let next = self.list.len() as u32;
        *self.numbers.entry(text).or_insert_with_key(|text| {
            self.list.push(text.clone());
            next
        })
    }

    /// The number of a known text.
    pub(crate) fn number(&self, text: &str) -> Option<u32> {
        self.numbers.get(&folded(text)).copied()
    }

    /// All of them, by number.
    pub(crate) fn list(&self) -> &[String] {
        &self.list
    }

    /// Whether a text names an image of the dataset.
    pub(crate) fn names_an_image(&self, number: u32) -> bool {
        (number as usize) < self.of_images
    }
}

/// A text as far as two sources may spell it differently.
pub(crate) fn folded(text: &str) -> String {
    let text = text.replace('_', " ").to_lowercase();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
