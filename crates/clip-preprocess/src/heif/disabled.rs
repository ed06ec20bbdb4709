//! What is left without the feature: the sentence on what is missing.

use image::ImageResult;

use super::Kind;
use crate::opened::Opened;
use crate::{Error, Result};

/// The decoder of a kind. This build has none.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Codec {}

impl Codec {
    pub(crate) fn find(kind: Kind, origin: &str) -> Result<Self> {
        Err(Error::WithoutHeif { origin: origin.to_owned(), format: kind.to_string() })
    }

    pub(crate) fn open(self, _: &[u8]) -> ImageResult<Opened<'_>> {
        match self {}
    }
}
