//! Terms of a query as people type them.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::{Result, bail};
use percent_encoding::percent_decode_str;

/// One weighted part of a query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Term {
    pub(crate) weight: f32,
    pub(crate) content: Content,
}

/// What a term says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Text(String),
    Picture(PathBuf),
}

impl Term {
    pub(crate) fn picture(path: PathBuf) -> Self {
        Self { weight: 1.0, content: Content::Picture(path) }
    }

    /// Reads `[WEIGHT:]WORDS` or `[WEIGHT:]PICTURE`, where a picture starts with `./`, `../`, `/`
    /// or `file://` (rclip's convention).
    pub(crate) fn parse(term: &str) -> Result<Self> {
        let (weight, rest) = match term.split_once(':') {
            Some((number, rest)) if is_weight(number) => (number.parse()?, rest),
            _ => (1.0, term),
        };
        let rest = rest.trim();
        if rest.is_empty() {
            bail!("the query is empty: write what to look for, such as \"a dog on a beach\"");
        }
        let content = match rest.strip_prefix("file://") {
            Some(path) => Content::Picture(percent_decode_str(path).decode_utf8()?.as_ref().into()),
            None if ["./", "../", "/"].iter().any(|start| rest.starts_with(start)) => {
                Content::Picture(rest.into())
            }
            None => Content::Text(rest.to_owned()),
        };
        Ok(Self { weight, content })
    }
}

/// Digits with at most one point among them: `2`, `0.5`, `.5`.
fn is_weight(number: &str) -> bool {
    number.chars().any(|c| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || c == '.')
        && number.parse::<f32>().is_ok()
}

/// Bare `+` and `-` mean `--add` and `--subtract`, as in rclip.
pub(crate) fn expand_signs(args: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut literal = false;
    args.map(|arg| {
        literal |= arg == "--";
        match arg.to_str() {
            Some("+") if !literal => "--add".into(),
            Some("-") if !literal => "--subtract".into(),
            _ => arg,
        }
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(term: &str, weight: f32, content: Content) {
        assert_eq!(Term::parse(term).unwrap(), Term { weight, content }, "{term}");
    }

    fn text(text: &str) -> Content {
        Content::Text(text.to_owned())
    }

    fn picture(path: &str) -> Content {
        Content::Picture(path.into())
    }

    #[test]
    fn terms() {
        check("a dog", 1.0, text("a dog"));
        check("  a dog ", 1.0, text("a dog"));
        check("2:cat", 2.0, text("cat"));
        check("0.5: cat", 0.5, text("cat"));
        check(".5:cat", 0.5, text("cat"));
        check("note: buy milk", 1.0, text("note: buy milk"));
        check("1.2.3:x", 1.0, text("1.2.3:x"));
        check("./a.jpg", 1.0, picture("./a.jpg"));
        check("../a.jpg", 1.0, picture("../a.jpg"));
        check("/a b.jpg", 1.0, picture("/a b.jpg"));
        check("3:file:///a.jpg", 3.0, picture("/a.jpg"));
        check("file:///a%20b%C3%A9.jpg", 1.0, picture("/a bé.jpg"));
        check("dir/a.jpg", 1.0, text("dir/a.jpg"));
    }

    #[test]
    fn empty_terms_are_refused() {
        for term in ["", " ", "2:", "2: ", "\t\n"] {
            let error = Term::parse(term).unwrap_err().to_string();
            assert!(error.contains("empty"), "{term:?}: {error}");
        }
    }

    #[test]
    fn signs_become_options_until_a_double_dash() {
        let args = ["search", "a", "+", "b", "-", "c", "--", "+", "-"].map(OsString::from);
        let expanded = expand_signs(args.into_iter());
        let expected = ["search", "a", "--add", "b", "--subtract", "c", "--", "+", "-"];
        assert_eq!(expanded, expected.map(OsString::from));
    }
}
