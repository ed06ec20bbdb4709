//! Why a file of the library is not among those that a scan listed.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use ignore::IncrementalIgnore;

use crate::Scan;
use crate::scan::ignore_file;
use crate::unplugged::Unplugged;

/// Why a file is not listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Absence {
    /// It is not there.
    Gone,
    /// It is not there, and may lie on a drive that is not plugged in.
    Unplugged,
    /// It is there, and an ignore file leaves it out.
    Ignored,
    /// It is there, and the options of the scan leave it out.
    Excluded,
    /// The scan says nothing of it.
    Unknown,
}

/// Whether a file is surely not where it was: an error of its drive says nothing.
pub(super) fn is_missing(path: &Path) -> bool {
    let error = fs::metadata(path).err().map(|error| error.kind());
    matches!(error, Some(ErrorKind::NotFound | ErrorKind::NotADirectory))
}

/// Finds out why files are not listed.
pub(super) struct Absences<'a> {
    scan: &'a Scan,
    ignored: Vec<IncrementalIgnore>,
    unplugged: Unplugged,
}

impl<'a> Absences<'a> {
    pub(super) fn new(scan: &'a Scan) -> Self {
        Self { scan, ignored: scan.ignore_matchers(), unplugged: Unplugged::default() }
    }

    /// Why a file is not listed, which it must not be.
    pub(super) fn of(&mut self, path: &Path) -> Absence {
        if !self.scan.knows(path) {
            return Absence::Unknown;
        }
        let is_there = match fs::metadata(path) {
            Ok(metadata) => !metadata.is_dir(),
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::NotADirectory => false,
                // Nothing is dropped because its drive does not answer.
                _ => return Absence::Unknown,
            },
        };
        if !is_there {
            return match self.unplugged.may_hold(path) {
                true => Absence::Unplugged,
                false => Absence::Gone,
            };
        }
        let mut matchers = self.ignored.iter_mut();
        if matchers.any(|matcher| ignore_file::is_ignored(matcher, path)) {
            Absence::Ignored
        } else if self.scan.is_excluded(path) {
            Absence::Excluded
        } else {
            Absence::Unknown
        }
    }
}
