//! Vectors, one a row.

use ndarray::ArrayView2;

use crate::{Error, Result};

/// How far the length of a unit vector may be from 1: what f16 weights leave after a division.
const UNIT_TOLERANCE: f32 = 1e-3;

/// A borrowed view of vectors, row after row, all finite and of one width.
#[derive(Debug, Clone, Copy)]
pub struct Matrix<'a> {
    subject: &'a str,
    values: &'a [f32],
    rows: usize,
    width: usize,
}

impl<'a> Matrix<'a> {
    /// A view of `rows` vectors of `width` values; errors name it by `subject`, a plural such as
    /// `pictures`. The vectors need not have length 1; what needs that asks for it.
    ///
    /// # Errors
    ///
    /// [`Error::Shape`] where `values` has another length or `width` is 0, and
    /// [`Error::NotFinite`] for NaN and infinity.
    pub fn new(subject: &'a str, values: &'a [f32], rows: usize, width: usize) -> Result<Self> {
        if width == 0 || rows.checked_mul(width) != Some(values.len()) {
            let (subject, found) = (subject.to_owned(), values.len());
            return Err(Error::Shape { subject, found, rows, width });
        }
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let (row, position, value) = (at / width, at % width, values[at]);
            return Err(Error::NotFinite { subject: subject.to_owned(), row, position, value });
        }
        Ok(Self { subject, values, rows, width })
    }

    /// What the vectors stand for.
    pub fn subject(&self) -> &'a str {
        self.subject
    }

    /// Vectors.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Values a vector.
    pub fn width(&self) -> usize {
        self.width
    }

    pub(crate) fn view(&self) -> ArrayView2<'a, f32> {
        // Made on demand: a stored view would tie the lifetimes of all matrices together.
        let view = ArrayView2::from_shape((self.rows, self.width), self.values);
        view.unwrap_or_else(|_| unreachable!("the values fill the rows"))
    }

    /// Asks for vectors of length 1, at least one of them.
    pub(crate) fn require_units(&self) -> Result<()> {
        self.require_rows()?;
        for (row, vector) in self.view().rows().into_iter().enumerate() {
            let norm = vector.dot(&vector).sqrt();
            if (norm - 1.0).abs() > UNIT_TOLERANCE {
                return Err(Error::NotUnit { subject: self.subject.to_owned(), row, norm });
            }
        }
        Ok(())
    }

    pub(crate) fn require_rows(&self) -> Result<()> {
        if self.rows() == 0 {
            return Err(Error::Empty { subject: self.subject.to_owned() });
        }
        Ok(())
    }

    pub(crate) fn require_width(&self, expected: usize) -> Result<()> {
        let found = self.width();
        if found != expected {
            return Err(Error::Width { subject: self.subject.to_owned(), found, expected });
        }
        Ok(())
    }
}

/// Vectors with a number for each: a class, or a group of vectors that answer each other.
#[derive(Debug, Clone, Copy)]
pub struct Labeled<'a> {
    vectors: Matrix<'a>,
    labels: &'a [usize],
}

impl<'a> Labeled<'a> {
    /// Vectors and the label of each.
    ///
    /// # Errors
    ///
    /// [`Error::Labels`] where there are more or fewer labels than vectors.
    pub fn new(vectors: Matrix<'a>, labels: &'a [usize]) -> Result<Self> {
        if labels.len() != vectors.rows() {
            return Err(Error::Labels {
                subject: vectors.subject().to_owned(),
                found: labels.len(),
                expected: vectors.rows(),
            });
        }
        Ok(Self { vectors, labels })
    }

    /// The vectors.
    pub fn vectors(&self) -> Matrix<'a> {
        self.vectors
    }

    /// The label of each vector.
    pub fn labels(&self) -> &'a [usize] {
        self.labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f32], rows: usize, width: usize, expected: &str) {
        let outcome = Matrix::new("pictures", values, rows, width).and_then(|m| m.require_units());
        let text = outcome.map_or_else(|error| error.to_string(), |()| "units".to_owned());
        assert!(text.contains(expected), "{text}");
    }

    #[test]
    fn construction_checks_shape_and_values() {
        check(&[1.0, 0.0, 0.6, 0.8], 2, 2, "units");
        check(&[1.0, 0.0, 0.6], 2, 2, "pictures: 3 values do not make 2 rows of 2");
        check(&[], 5, 0, "pictures: 0 values do not make 5 rows of 0");
        check(&[1.0; 4], usize::MAX, 4, "4 values do not make");
        check(&[1.0, 0.0, 0.6, f32::NAN], 2, 2, "pictures: row 1 holds NaN at position 1");
        check(&[1.0, f32::INFINITY], 1, 2, "pictures: row 0 holds inf at position 1");
        check(&[1.0, 0.0, 0.6, 0.6], 2, 2, "pictures: row 1 has length 0.84");
        check(&[f32::MAX, 0.0], 1, 2, "pictures: row 0 has length inf");
        check(&[0.0, 0.0], 1, 2, "pictures: row 0 has length 0");
        check(&[], 0, 2, "there are no pictures");
    }

    #[test]
    fn every_row_has_a_label() {
        let vectors = Matrix::new("texts", &[1.0, 0.0], 2, 1).unwrap();
        assert!(Labeled::new(vectors, &[3, 3]).is_ok());
        let error = Labeled::new(vectors, &[3]).unwrap_err().to_string();
        assert_eq!(error, "texts: there are 1 labels for 2 rows: give one for each row");
    }
}
