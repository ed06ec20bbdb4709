//! Patterns of paths.

use std::fmt;
use std::path::Path;

use globset::{GlobBuilder, GlobMatcher};

use crate::normal::composed;
use crate::{Error, Result};

/// A pattern of paths: `*` and `?` stand for what is within a name, `**` for any folders, `[a-z]` for
/// one of some characters, `{jpg,png}` for one of some words.
///
/// A pattern without a separator is one of file names (`*.png`); one with separators is one of the
/// end of a path (`2019/**/*.jpg`), or of all of it where it is absolute.
///
/// Upper and lower case are the same, as cameras write `.JPG`; so are letters with marks that Unicode
/// writes in two ways, as macOS does.
///
/// ```
/// use clip_retrieval::PathGlob;
///
/// let glob = PathGlob::new("2019/*.jpg")?;
/// assert!(glob.matches("/photos/2019/dog.jpg"));
/// assert!(glob.matches("/photos/2019/DSC_0001.JPG"));
/// assert!(!glob.matches("/photos/2019/june/dog.jpg"));
/// # Ok::<(), clip_retrieval::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct PathGlob {
    pattern: String,
    matcher: GlobMatcher,
}

impl PathGlob {
    /// Reads a pattern.
    ///
    /// # Errors
    ///
    /// [`Error::Glob`] where it is none.
    pub fn new(pattern: &str) -> Result<Self> {
        let folded = folded(pattern);
        let whole = match Path::new(pattern).has_root() || pattern.starts_with("**") {
            true => folded,
            false => format!("**/{folded}"),
        };
        // Of other letters than ASCII the crate knows no case.
        let mut builder = GlobBuilder::new(&whole);
        let glob = builder.literal_separator(true).case_insensitive(true).build();
        let glob = glob.map_err(|error| Error::Glob {
            pattern: pattern.to_owned(),
            reason: error.kind().to_string(),
        })?;
        Ok(Self { pattern: pattern.to_owned(), matcher: glob.compile_matcher() })
    }

    /// Whether a path is one of those.
    pub fn matches(&self, path: impl AsRef<Path>) -> bool {
        let path = path.as_ref();
        match path.to_str() {
            Some(text) => self.matcher.is_match(folded(text)),
            None => self.matcher.is_match(path),
        }
    }
}

/// In lower case, with composed letters.
fn folded(text: &str) -> String {
    composed(&text.to_lowercase()).into_owned()
}

impl fmt::Display for PathGlob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.pattern.fmt(f)
    }
}

impl PartialEq for PathGlob {
    fn eq(&self, other: &Self) -> bool {
        self.pattern == other.pattern
    }
}

impl std::str::FromStr for PathGlob {
    type Err = Error;

    fn from_str(pattern: &str) -> Result<Self> {
        Self::new(pattern)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, matching: &[&str], others: &[&str]) {
        let glob = PathGlob::new(pattern).unwrap();
        for path in matching {
            assert!(glob.matches(path), "{pattern} {path}");
        }
        for path in others {
            assert!(!glob.matches(path), "{pattern} {path}");
        }
    }

    #[test]
    fn patterns_are_of_names_of_ends_or_of_whole_paths() {
        check("*.png", &["/a/b.png", "b.png", "/a/.png"], &["/a/b.jpg", "/b.png/c.jpg"]);
        check("IMG_????.{jpg,jpeg}", &["/a/IMG_0001.jpg", "/IMG_9999.jpeg"], &["/a/IMG_1.jpg"]);
        check("2019/*.jpg", &["/a/2019/b.jpg"], &["/a/2019/c/b.jpg", "/a/12019/b.jpg"]);
        check("2019/**", &["/a/2019/b.jpg", "/2019/c/b.jpg"], &["/a/b.jpg"]);
        check("/a/**/b.jpg", &["/a/b.jpg", "/a/c/d/b.jpg"], &["/x/a/b.jpg"]);
        check("[ab]*", &["/x/apple", "/x/bee"], &["/x/cat"]);
    }

    #[test]
    fn case_and_the_form_of_letters_do_not_count() {
        check("*.jpg", &["/a/b.JPG", "/a/b.Jpg"], &["/a/b.jpeg"]);
        check("IMG_*.JPG", &["/a/img_1.jpg"], &[]);
        check("Urlaub/*", &["/a/urlaub/b.jpg"], &[]);
        check("ÜBER*", &["/a/über.jpg", "/a/u\u{308}ber.jpg"], &["/a/uber.jpg"]);
        check("zu\u{308}rich/*", &["/Z\u{fc}rich/a.jpg", "/Zu\u{308}rich/a.jpg"], &[]);
        check("*.{jpg,PNG}", &["/a.JPG", "/a.png"], &["/a.gif"]);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for pattern in ["[a", "{a,b", "a{b"] {
            let error = PathGlob::new(pattern).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{pattern:?} is no pattern of paths")), "{error}");
        }
    }
}
