//! What a run leaves out or lets be, and has to say so.

use std::path::{Path, PathBuf};

use crate::scan::Scan;
use crate::{output, report};

/// So many are named.
const NAMED: usize = 3;

/// What a run leaves out or lets be.
#[derive(Debug, Default, Clone)]
pub(crate) struct LeftOut {
    /// Files that could not be read before, and would not be now.
    pub(crate) unreadable: Vec<PathBuf>,
    /// Pictures that stay, though they are not there.
    pub(crate) unplugged: Vec<PathBuf>,
    /// Pictures that an ignore file takes off the library.
    pub(crate) ignored: usize,
    /// Pictures that stay, though the run was not to look at them.
    pub(crate) excluded: usize,
}

impl LeftOut {
    /// Warns of files that are not searched.
    pub(crate) fn warn(&self) {
        let count = self.unreadable.len();
        if count == 0 {
            return;
        }
        let current = std::env::current_dir().ok();
        let name = |path: &PathBuf| output::shorten(path, current.as_deref()).display().to_string();
        let mut names: Vec<String> = self.unreadable.iter().take(NAMED).map(name).collect();
        if count > NAMED {
            names.push(format!("{} more", count - NAMED));
        }
        report::warning(format_args!(
            "{} could not be read before and did not change: {} (`clip-cli library errors` says why)",
            output::count(count, "file"),
            names.join(", ")
        ));
    }

    /// Says all of it.
    pub(crate) fn report(&self, scan: &Scan) {
        self.warn();
        let pictures = |count: usize, verb: &str| {
            let plural = if count == 1 { "s" } else { "" };
            format!("{} {verb}{plural}", output::count(count, "picture"))
        };
        if let Some(first) = self.unplugged.first() {
            let stay = pictures(self.unplugged.len(), "stay");
            let current = std::env::current_dir().ok();
            let place = first.parent().unwrap_or(Path::new(""));
            let place = output::shorten(place, current.as_deref()).display();
            report::note(format_args!(
                "{stay} in the library, below folders that are empty ({place}): their drive may not be plugged in; --drop-missing drops what is gone"
            ));
        }
        if self.ignored > 0 {
            report::note(format_args!(
                "{} the library, left out by a .clipignore (tags that you gave are kept)",
                pictures(self.ignored, "leave")
            ));
        }
        if scan.ignored > 0 {
            let listed = output::count(scan.ignored, "listed file");
            report::note(format_args!("{listed} left out by a .clipignore"));
        }
        if self.excluded > 0 {
            report::note(format_args!(
                "{} in the library that this run did not look at: hidden, or in folders that --exclude-dir leaves out (a .clipignore takes such off)",
                pictures(self.excluded, "stay")
            ));
        }
        if !scan.unread.is_empty() {
            report::hint(&scan.unread);
        }
    }
}
