//! Recall of pictures by texts, and of texts by pictures.

use std::collections::HashMap;

use crate::scores;
use crate::{Bootstrap, Error, Interval, Labeled, Result};

/// Both directions of one set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retrieval {
    /// A text asks for pictures.
    pub text_to_image: Ranks,
    /// A picture asks for texts.
    pub image_to_text: Ranks,
}

impl Retrieval {
    /// Measures both directions. A text and a picture answer each other where their labels are the
    /// same: the number of a name for sets with many pictures a name, or the number of the picture
    /// for sets with several captions a picture.
    ///
    /// # Errors
    ///
    /// As [`Ranks::new`], for either direction.
    pub fn new(texts: &Labeled<'_>, images: &Labeled<'_>) -> Result<Self> {
        Ok(Self {
            text_to_image: Ranks::new(texts, images)?,
            image_to_text: Ranks::new(images, texts)?,
        })
    }
}

/// For each query, how many answers come before the first right one.
///
/// CLIP's recall@k counts a query as answered where at least one right answer is among the first
/// k, however many there are. So the rank of the best right answer says all: one search serves
/// every k, and the bootstrap.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ranks(Vec<usize>);

impl Ranks {
    /// Asks for each of `queries` among all of `gallery`, by dot product, exactly. Every answer
    /// with the query's label is right; equal similarities come in the order of the gallery.
    ///
    /// # Errors
    ///
    /// [`Error::Empty`] where a side has no rows, [`Error::Width`] where the vectors are of two
    /// widths, [`Error::NotUnit`] where they are not normalized, and [`Error::Unanswerable`] for a
    /// query whose label is not in the gallery.
    pub fn new(queries: &Labeled<'_>, gallery: &Labeled<'_>) -> Result<Self> {
        let (asked, answers) = (queries.vectors(), gallery.vectors());
        asked.require_units()?;
        answers.require_units()?;
        answers.require_width(asked.width())?;
        let mut right: HashMap<usize, Vec<usize>> = HashMap::new();
        for (row, &label) in gallery.labels().iter().enumerate() {
            right.entry(label).or_default().push(row);
        }
        let ranks = scores::each_row(&asked, &answers, |query, scores| {
            let right = right.get(&queries.labels()[query])?;
            scores::rank(scores, right.iter().copied())
        });
        let unanswerable = |row| Error::Unanswerable {
            subject: asked.subject().to_owned(),
            row,
            gallery: answers.subject().to_owned(),
        };
        let ranks = ranks.into_iter().enumerate();
        ranks
            .map(|(row, rank)| rank.ok_or_else(|| unanswerable(row)))
            .collect::<Result<_>>()
            .map(Self)
    }

    /// The rank of each query's best right answer, from 0.
    pub fn as_slice(&self) -> &[usize] {
        &self.0
    }

    /// 1 for each query with a right answer among the first `k`, else 0.
    pub fn hits(&self, k: usize) -> Vec<f64> {
        self.0.iter().map(|&rank| f64::from(u8::from(rank < k))).collect()
    }

    /// Share of the queries with a right answer among the first `k`.
    pub fn recall(&self, k: usize) -> f64 {
        self.hits(k).iter().sum::<f64>() / self.0.len() as f64
    }

    /// [`Self::recall`] with its interval.
    ///
    /// # Errors
    ///
    /// As [`Bootstrap::mean`].
    pub fn recall_interval(&self, k: usize, bootstrap: &Bootstrap) -> Result<Interval> {
        bootstrap.mean(&self.hits(k))
    }
}
