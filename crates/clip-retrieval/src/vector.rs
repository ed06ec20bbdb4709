//! What vectors of items and queries must be.

use crate::dot::dot;
use crate::{Error, Result};

/// How far from 1 the length of a vector may be: vectors of half precision are within it.
const NORM_TOLERANCE: f32 = 1e-3;

/// Refuses what cannot be compared with vectors of that dimension.
pub(crate) fn check(vector: &[f32], expected: usize, subject: impl Fn() -> String) -> Result<()> {
    let found = vector.len();
    if found != expected {
        return Err(Error::Dimension { subject: subject(), found, expected });
    }
    match vector.iter().position(|value| !value.is_finite()) {
        Some(position) => {
            let value = vector[position];
            Err(Error::NotFinite { subject: subject(), position, value })
        }
        None => Ok(()),
    }
}

/// As [`check`], for every query of a search.
#[cfg(any(feature = "milvus", feature = "sqlite"))]
pub(crate) fn check_queries(queries: &[&[f32]], expected: usize) -> Result<()> {
    queries.iter().try_for_each(|query| check(query, expected, || "the query".to_owned()))
}

/// As [`check`], and refuses what is not of length 1.
pub(crate) fn check_unit(
    vector: &[f32],
    expected: usize,
    subject: impl Fn() -> String,
) -> Result<()> {
    check(vector, expected, &subject)?;
    let norm = dot(vector, vector).sqrt();
    if (norm - 1.0).abs() > NORM_TOLERANCE {
        return Err(Error::NotUnit { subject: subject(), norm });
    }
    Ok(())
}
