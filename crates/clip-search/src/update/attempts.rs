//! When a file that could not be read is tried again.

use std::fs::Metadata;
use std::path::Path;
use std::time::UNIX_EPOCH;

use clip::PictureError;
use clip_retrieval::{Attempt, Failure, FileStamp};

use crate::DecodeOptions;

/// What reads the files now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reader {
    /// Tells this program from others: another version or build may know more formats.
    program: String,
    max_megapixels: u32,
}

impl Reader {
    pub(super) fn new(decode: &DecodeOptions) -> Self {
        let version = env!("CARGO_PKG_VERSION");
        let built = std::env::current_exe().and_then(|program| program.metadata()?.modified());
        let built = built.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let built = built.map_or(0, |time| time.as_secs());
        let exact = if decode.exact { ", exact" } else { "" };
        let program = format!("{version}, built {built}{exact}");
        Self { program, max_megapixels: decode.max_megapixels }
    }

    /// On what a failure to read depended; none where what stood in the way may be gone the next time,
    /// and looking costs little: then nothing was read but the head of the file.
    pub(super) fn attempt(&self, error: &clip::Error) -> Option<Attempt> {
        let max_megapixels = match error {
            clip::Error::Picture(
                PictureError::Io { .. }
                | PictureError::NotFound { .. }
                | PictureError::Folder { .. }
                | PictureError::NotAFile { .. }
                | PictureError::NoLibheif { .. }
                | PictureError::NoHeifDecoder { .. },
            ) => return None,
            clip::Error::Picture(PictureError::TooLarge { max_megapixels, .. }) => {
                Some(*max_megapixels)
            }
            _ => None,
        };
        Some(Attempt { reader: self.program.clone(), max_megapixels })
    }

    /// Whether reading a file that could not be read could end otherwise now.
    pub(super) fn may_succeed(&self, failure: &Failure, now: &State) -> bool {
        let Some(attempt) = &failure.attempt else { return true };
        now.stamp.is_none()
            || now.stamp != failure.stamp
            || now.status_changed != failure.status_changed
            || attempt.reader != self.program
            || attempt.max_megapixels.is_some_and(|limit| self.max_megapixels > limit)
    }
}

/// The state of a file.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct State {
    pub(super) stamp: Option<FileStamp>,
    /// When its permissions, its name or its content changed, where the system says so. Copies that
    /// keep size and time (`cp -p`, `rsync -t`) cannot keep this.
    pub(super) status_changed: Option<i64>,
}

impl State {
    pub(super) fn of(path: &Path) -> Self {
        let status_changed = path.metadata().ok().and_then(|metadata| status_changed(&metadata));
        Self { stamp: FileStamp::of(path).ok(), status_changed }
    }
}

#[cfg(unix)]
fn status_changed(metadata: &Metadata) -> Option<i64> {
    use std::os::unix::fs::MetadataExt;
    metadata.ctime().checked_mul(1_000_000_000)?.checked_add(metadata.ctime_nsec())
}

#[cfg(not(unix))]
fn status_changed(_: &Metadata) -> Option<i64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(change: impl FnOnce(&mut Failure, &mut State, &mut Reader), expected: bool) {
        let stamp = Some(FileStamp { size: 3, modified: 5 });
        let mut reader = Reader { program: "1".to_owned(), max_megapixels: 100 };
        let attempt = Some(Attempt { reader: "1".to_owned(), max_megapixels: Some(100) });
        let failure = Failure::new("a.jpg", stamp, "too large");
        let mut failure = Failure { status_changed: Some(7), attempt, ..failure };
        let mut now = State { stamp, status_changed: Some(7) };
        change(&mut failure, &mut now, &mut reader);
        assert_eq!(reader.may_succeed(&failure, &now), expected, "{failure:?} {now:?} {reader:?}");
    }

    #[test]
    fn a_file_is_tried_again_when_that_could_end_otherwise() {
        check(|_, _, _| {}, false);
        check(|_, now, _| now.stamp = None, true);
        check(|_, now, _| now.stamp = Some(FileStamp { size: 4, modified: 5 }), true);
        check(|_, now, _| now.status_changed = Some(8), true);
        check(|_, _, reader| reader.max_megapixels = 101, true);
        check(|_, _, reader| reader.max_megapixels = 99, false);
        check(|_, _, reader| reader.program = "2".to_owned(), true);
        check(|failure, _, _| failure.attempt = None, true);
        let damaged = |failure: &mut Failure| {
            failure.attempt = Some(Attempt { reader: "1".to_owned(), max_megapixels: None });
        };
        check(|failure, _, reader| (damaged(failure), reader.max_megapixels = 101).1, false);
    }

    #[test]
    fn what_may_pass_by_itself_is_tried_each_time() {
        let reader = Reader { program: "1".to_owned(), max_megapixels: 100 };
        let path = || "a.jpg".into();
        let refused = std::io::ErrorKind::PermissionDenied.into();
        let passing = PictureError::Io { path: path(), source: refused };
        assert_eq!(reader.attempt(&passing.into()), None);
        let origin = || "a.jpg".to_owned();
        let (width, height, max_megapixels) = (20_000, 20_000, 100);
        let large = PictureError::TooLarge { origin: origin(), width, height, max_megapixels };
        assert_eq!(reader.attempt(&large.into()).unwrap().max_megapixels, Some(100));
        let cut = reader.attempt(&PictureError::CutOff { origin: origin() }.into());
        assert_eq!(cut, Some(Attempt { reader: "1".to_owned(), max_megapixels: None }));
    }
}
