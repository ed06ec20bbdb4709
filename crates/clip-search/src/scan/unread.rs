//! Images of formats that are not read.

use std::fmt;

use clip::FileFormat;

use crate::count;

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

impl fmt::Display for UnreadFormats {
    /// `5 pictures of other formats are not read: 3 HEIC (a build with `--features heif` reads them), 2
    /// camera raw (convert them to JPEG or PNG)`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.0.iter().map(|(_, count)| count).sum();
        let are = if total == 1 { "is" } else { "are" };
        write!(f, "{} of other formats {are} not read: ", count(total, "picture"))?;
        let mut formats = self.0.clone();
        // What has the same remedy stands together.
        formats.sort_by_key(|(format, count)| (format.missing_feature(), usize::MAX - count));
        for (i, (format, count)) in formats.iter().enumerate() {
            let remedy = format.missing_feature();
            let separator = if i == 0 { "" } else { ", " };
            write!(f, "{separator}{count} {}", format.name)?;
            if formats.get(i + 1).is_some_and(|(next, _)| next.missing_feature() == remedy) {
                continue;
            }
            match remedy {
                Some(feature) => write!(f, " (a build with `--features {feature}` reads them)")?,
                None => f.write_str(" (convert them to JPEG or PNG)")?,
            }
        }
        Ok(())
    }
}
