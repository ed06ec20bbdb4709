//! Pictures of formats that are not read.

use std::fmt;

use clip::FileFormat;

use crate::output;

/// How many pictures of which formats are not read.
#[derive(Debug, Default)]
pub(crate) struct Unread {
    formats: Vec<(&'static FileFormat, usize)>,
}

impl Unread {
    pub(super) fn add(&mut self, format: &'static FileFormat) {
        match self.formats.iter_mut().find(|(known, _)| *known == format) {
            Some((_, count)) => *count += 1,
            None => self.formats.push((format, 1)),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.formats.is_empty()
    }
}

/// `5 files are not read: 3 HEIC (build with `--features heif`), 2 camera raw (convert them to JPEG or
/// PNG)`
impl fmt::Display for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let total = self.formats.iter().map(|(_, count)| count).sum();
        let are = if total == 1 { "is" } else { "are" };
        write!(f, "{} of other formats {are} not read: ", output::count(total, "picture"))?;
        let mut formats = self.formats.clone();
        // What has the same remedy stands together.
        formats.sort_by_key(|(format, count)| (format.missing_feature(), usize::MAX - count));
        for (i, (format, count)) in formats.iter().enumerate() {
            let remedy = format.missing_feature();
            write!(f, "{}{count} {}", if i == 0 { "" } else { ", " }, format.name)?;
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
