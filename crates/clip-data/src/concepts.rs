use std::collections::HashMap;

use crate::Sample;

/// The words that samples go by, numbered: first the names, then the keywords that are nobody's
/// name. Words that differ only in case or in underscores for spaces are one.
#[derive(Debug, Default)]
pub(crate) struct Concepts {
    numbers: HashMap<String, u32>,
    /// The names, as their first sample has them, with spaces for underscores.
    names: Vec<String>,
    /// The number of each sample's name.
    groups: Vec<u32>,
    /// The numbers of each sample's keywords.
    keywords: Vec<Vec<u32>>,
}

impl Concepts {
    pub(crate) fn new(samples: &[Sample]) -> Self {
        let mut numbers = HashMap::new();
        let mut names = Vec::new();
        let mut name_of = |sample: &Sample| {
            let name = sample.name.replace('_', " ");
            *numbers.entry(name.to_lowercase()).or_insert_with(|| {
                names.push(name);
                names.len() as u32 - 1
            })
        };
        let groups = samples.iter().map(&mut name_of).collect();
        let mut number = |word: &String| {
            let next = numbers.len() as u32;
            *numbers.entry(folded(word)).or_insert(next)
        };
        let keywords = samples
            .iter()
            .map(|sample| sample.keywords.iter().map(&mut number).collect())
            .collect();
        Self { numbers, names, groups, keywords }
    }

    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }

    pub(crate) fn groups(&self) -> &[u32] {
        &self.groups
    }

    /// The number of a name or keyword.
    pub(crate) fn number(&self, word: &str) -> Option<u32> {
        self.numbers.get(&folded(word)).copied()
    }

    /// Whether a word is the name or a keyword of a sample.
    pub(crate) fn fits(&self, sample: usize, word: u32) -> bool {
        self.groups[sample] == word || self.keywords[sample].contains(&word)
    }
}

fn folded(word: &str) -> String {
    word.replace('_', " ").to_lowercase()
}
