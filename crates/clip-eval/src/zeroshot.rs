//! Classes that are texts.

use crate::classification::Answer;
use crate::scores;
use crate::{Classification, Error, Labeled, Matrix, Result};

/// Gives each picture the class whose vector is nearest.
///
/// `classes` has one unit vector for each class, `pictures` are unit vectors labeled with the row
/// of their class. Of equally near classes the first is chosen.
///
/// # Errors
///
/// [`Error::Empty`], [`Error::Width`] and [`Error::NotUnit`] for vectors that cannot be compared,
/// and [`Error::UnknownClass`] for a label beyond the classes.
pub fn zeroshot(pictures: &Labeled<'_>, classes: &Matrix<'_>) -> Result<Classification> {
    let vectors = pictures.vectors();
    vectors.require_units()?;
    classes.require_units()?;
    classes.require_width(vectors.width())?;
    let labels = pictures.labels();
    if let Some(row) = labels.iter().position(|&label| label >= classes.rows()) {
        return Err(Error::UnknownClass {
            subject: vectors.subject().to_owned(),
            row,
            label: labels[row],
            last: classes.rows() - 1,
        });
    }
    let answers = scores::each_row(&vectors, classes, |row, scores| {
        let label = labels[row];
        let rank = scores::rank(scores, [label]).unwrap_or(scores.len());
        Answer { label, predicted: scores::highest(scores), rank }
    });
    Ok(Classification::new(classes.rows(), answers))
}

/// Averages the prompts of each class, as OpenAI's notebook does: the mean of the unit vectors,
/// normalized again.
///
/// Prompts come class by class, in parts of any size, so that all of them never have to be in
/// memory: a thousand classes in eighty templates are eighty thousand vectors.
///
/// ```
/// use clip_eval::{ClassVectors, Matrix};
///
/// let mut classes = ClassVectors::new(2, 2)?;
/// classes.push(&Matrix::new("prompts", &[1.0, 0.0, 0.0, 1.0, 1.0, 0.0], 3, 2)?)?;
/// classes.push(&Matrix::new("prompts", &[1.0, 0.0], 1, 2)?)?;
/// assert_eq!(classes.finish()?, [0.5f32.sqrt(), 0.5f32.sqrt(), 1.0, 0.0]);
/// # Ok::<(), clip_eval::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct ClassVectors {
    templates: usize,
    prompts: usize,
    sum: Vec<f64>,
    finished: Vec<f32>,
}

impl ClassVectors {
    /// For `templates` prompts a class, of `width` values each.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`] where either is 0.
    pub fn new(templates: usize, width: usize) -> Result<Self> {
        for (name, value) in [("the number of templates", templates), ("the width", width)] {
            if value == 0 {
                return Err(Error::Setting { name, value: 0.0, allowed: "at least 1" });
            }
        }
        Ok(Self { templates, prompts: 0, sum: vec![0.0; width], finished: Vec::new() })
    }

    /// Adds the next prompts.
    ///
    /// # Errors
    ///
    /// [`Error::Width`] and [`Error::NotUnit`] for vectors that do not fit, and
    /// [`Error::NoDirection`] where the prompts of a class sum to nothing.
    pub fn push(&mut self, prompts: &Matrix<'_>) -> Result<()> {
        prompts.require_units()?;
        prompts.require_width(self.sum.len())?;
        for prompt in prompts.view().rows() {
            for (sum, value) in self.sum.iter_mut().zip(prompt) {
                *sum += f64::from(*value);
            }
            self.prompts += 1;
            if self.prompts.is_multiple_of(self.templates) {
                self.finish_class()?;
            }
        }
        Ok(())
    }

    /// One unit vector a class, row after row.
    ///
    /// # Errors
    ///
    /// [`Error::PartialClass`] where the last class lacks prompts, and [`Error::Empty`] where
    /// there was none.
    pub fn finish(self) -> Result<Vec<f32>> {
        let Self { templates, prompts, finished, .. } = self;
        if !prompts.is_multiple_of(templates) {
            return Err(Error::PartialClass { prompts, templates });
        }
        if prompts == 0 {
            return Err(Error::Empty { subject: "prompts".to_owned() });
        }
        Ok(finished)
    }

    fn finish_class(&mut self) -> Result<()> {
        let norm = self.sum.iter().map(|value| value * value).sum::<f64>().sqrt();
        // Rounding of f32 leaves about this much of a sum that should be 0.
        if norm < 1e-5 * self.templates as f64 {
            return Err(Error::NoDirection { class: self.prompts / self.templates - 1 });
        }
        self.finished.extend(self.sum.iter().map(|value| (value / norm) as f32));
        self.sum.fill(0.0);
        Ok(())
    }
}
