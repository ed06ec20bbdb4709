//! Images of formats that are not read.

use clip::FileFormat;

/// How many images of which formats are not read.
#[derive(Debug, Default, Clone)]
pub struct UnreadFormats(Vec<(&'static FileFormat, usize)>);

impl UnreadFormats {
    pub(super) fn add(&mut self, format: &'static FileFormat) {
        match self.0.iter_mut().find(|(known, _)| *known == format) {
            Some((_, count)) => *count += 1,
            None => self.0.push((format, 1)),
        }
    }

    /// Whether all images are of formats that are read.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each format, and how many images there are of it.
    pub fn formats(&self) -> &[(&'static FileFormat, usize)] {
        &self.0
    }
}
