//! Terms of a query as people type them.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use anyhow::{Result, bail};
use clap::{Arg, Command};
use percent_encoding::percent_decode;

use crate::scan::path_from_bytes;

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
    /// or `file://` (rclip's convention). Words are UTF-8, a picture may be called anything.
    pub(crate) fn parse(term: &OsStr) -> Result<Self> {
        let term = term.as_encoded_bytes();
        let number = term.split(|byte| *byte == b':').next().unwrap_or_default();
        let (weight, rest) = match str::from_utf8(number) {
            Ok(number) if number.len() < term.len() && is_weight(number) => {
                (number.parse()?, &term[number.len() + 1..])
            }
            _ => (1.0, term),
        };
        let rest = rest.trim_ascii_start();
        if let Some(url) = after_scheme(rest) {
            return Ok(Self { weight, content: Content::Picture(path_of_url(url)?) });
        }
        if [&b"./"[..], b"../", b"/"].iter().any(|start| rest.starts_with(start)) {
            return Ok(Self { weight, content: Content::Picture(path_from_bytes(rest)?) });
        }
        let Ok(text) = str::from_utf8(rest).map(str::trim) else {
            bail!(
                "the query {} is not UTF-8, as words have to be: a picture begins with ./ or /",
                String::from_utf8_lossy(rest)
            );
        };
        if text.is_empty() {
            bail!("the query is empty: write what to look for, such as \"a dog on a beach\"");
        }
        Ok(Self { weight, content: Content::Text(text.to_owned()) })
    }
}

/// What comes after `file://`.
fn after_scheme(term: &[u8]) -> Option<&[u8]> {
    const SCHEME: &[u8] = b"file://";
    let (scheme, rest) = term.split_at_checked(SCHEME.len())?;
    scheme.eq_ignore_ascii_case(SCHEME).then_some(rest)
}

/// The file of `HOST/PATH` (RFC 8089), with bytes in percent signs; no host is this machine.
fn path_of_url(url: &[u8]) -> Result<PathBuf> {
    let slash = url.iter().position(|byte| *byte == b'/').unwrap_or(url.len());
    let (host, path) = url.split_at(slash);
    if !host.is_empty() && !host.eq_ignore_ascii_case(b"localhost") {
        bail!(
            "file://{} is a file on the machine {}: a file of this one is written file:///PATH",
            String::from_utf8_lossy(url),
            String::from_utf8_lossy(host)
        );
    }
    let path: Vec<u8> = percent_decode(path).collect();
    let path = match &path[..] {
        // A drive of Windows: file:///C:/a.jpg.
        [b'/', _, b':', ..] if cfg!(windows) => &path[1..],
        path => path,
    };
    path_from_bytes(path)
}

/// Digits with at most one point among them: `2`, `0.5`, `.5`.
fn is_weight(number: &str) -> bool {
    number.chars().any(|c| c.is_ascii_digit())
        && number.chars().all(|c| c.is_ascii_digit() || c == '.')
        && number.parse::<f32>().is_ok()
}

/// Bare `+` and `-` behind the QUERY of `search` mean `--add` and `--subtract`, as in rclip. As the
/// value of an option, behind `--` and in every other command they are what they are.
pub(crate) fn expand_signs(command: &mut Command, args: Vec<OsString>) -> Vec<OsString> {
    const NAME: &str = "search";
    command.build();
    let Some(search) = command.find_subcommand(NAME) else { return args };
    if args.get(1).is_none_or(|name| name != NAME) {
        return args;
    }
    let is_image =
        |arg: &OsString| arg == "--image" || arg.as_encoded_bytes().starts_with(b"--image=");
    // Before a QUERY there is nothing to add to; --image is one.
    let mut has_query = args.iter().take_while(|arg| *arg != "--").any(is_image);
    let mut expanded = args;
    let mut at = 2;
    while let Some(arg) = expanded.get_mut(at).filter(|arg| *arg != "--") {
        at += 1;
        match arg.as_encoded_bytes() {
            b"+" if has_query => {
                *arg = "--add".into();
                at += 1;
            }
            b"-" if has_query => {
                *arg = "--subtract".into();
                at += 1;
            }
            [b'-', _, ..] => at += usize::from(wants_value(search, arg)),
            _ => has_query = true,
        }
    }
    expanded
}

/// Whether what comes after this option is its value.
fn wants_value(command: &Command, option: &OsStr) -> bool {
    let takes_next = |arg: &Arg| arg.get_action().takes_values() && !arg.is_require_equals_set();
    // The value is in it, or it is no option.
    let Some(option) = option.to_str().filter(|option| !option.contains('=')) else { return false };
    if let Some(long) = option.strip_prefix("--") {
        return command.get_arguments().any(|arg| arg.get_long() == Some(long) && takes_next(arg));
    }
    for (place, short) in option.char_indices().skip(1) {
        let arg = command.get_arguments().find(|arg| arg.get_short() == Some(short));
        match arg {
            // -t 3, and not -t3.
            Some(arg) if takes_next(arg) => return place + short.len_utf8() == option.len(),
            Some(_) => {}
            None => return false,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(term: &str, weight: f32, content: Content) {
        assert_eq!(Term::parse(term.as_ref()).unwrap(), Term { weight, content }, "{term}");
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
        check("file://localhost/a.jpg", 1.0, picture("/a.jpg"));
        check("FILE://LocalHost/a%2fb.jpg", 1.0, picture("/a/b.jpg"));
        // A name may end in a blank.
        check("2: ./a .jpg ", 2.0, picture("./a .jpg "));
        check("file:note", 1.0, text("file:note"));
        let elsewhere = Term::parse("file://nas/a.jpg".as_ref()).unwrap_err().to_string();
        assert!(elsewhere.contains("on the machine nas"), "{elsewhere}");
    }

    #[cfg(unix)]
    #[test]
    fn pictures_may_be_called_anything() {
        use std::os::unix::ffi::OsStrExt;
        let parse = |term: &[u8]| Term::parse(OsStr::from_bytes(term));
        let is = |term: &[u8], weight: f32, path: &[u8]| {
            let content = Content::Picture(OsStr::from_bytes(path).into());
            assert_eq!(parse(term).unwrap(), Term { weight, content });
        };
        is(b"./\xe9.jpg", 1.0, b"./\xe9.jpg");
        is(b"2:/\xe9.jpg", 2.0, b"/\xe9.jpg");
        is(b"file:///%E9.jpg", 1.0, b"/\xe9.jpg");
        is(b"file://localhost/\xe9%20.jpg", 1.0, b"/\xe9 .jpg");
        let words = parse(b"caf\xe9").unwrap_err().to_string();
        assert!(words.contains("not UTF-8"), "{words}");
    }

    #[test]
    fn empty_terms_are_refused() {
        for term in ["", " ", "2:", "2: ", "\t\n"] {
            let error = Term::parse(term.as_ref()).unwrap_err().to_string();
            assert!(error.contains("empty"), "{term:?}: {error}");
        }
    }

    /// What becomes of a command line, both with blanks between its words.
    #[track_caller]
    fn check_signs(line: &str, expected: &str) {
        let args = format!("clip-cli {line}").split(' ').map(OsString::from).collect();
        let expanded =
            expand_signs(&mut <crate::args::Cli as clap::CommandFactory>::command(), args);
        let expanded = expanded.join(OsStr::new(" "));
        assert_eq!(expanded.to_str(), Some(&*format!("clip-cli {expected}")));
    }

    #[test]
    fn signs_become_options_until_a_double_dash() {
        check_signs("search a + b - c -- + -", "search a --add b --subtract c -- + -");
        check_signs("search -n -t 3 a + b", "search -n -t 3 a --add b");
        check_signs("search --image a.jpg + b p", "search --image a.jpg --add b p");
        check_signs("search + b --image=a.jpg - c", "search --add b --image=a.jpg --subtract c");
        check_signs("search a + - b", "search a --add - b");
    }

    #[test]
    fn signs_stay_where_they_are_values() {
        for line in [
            "search - p",
            "search a --tag +",
            "search a --tag + p",
            "search a -nt - p",
            "search a --add - p",
            "search a -a - p",
            "search a -g -",
            "search a --texts -",
            "index --files-from -",
            "embed -t -",
            "classify a.jpg -l -",
            "export -",
            "similar -",
            "index p --tag +",
        ] {
            check_signs(line, line);
        }
        check_signs("search a -t3 - b", "search a -t3 --subtract b");
        check_signs("search a --relevance - b", "search a --relevance --subtract b");
        check_signs("search a --tag=x - b", "search a --tag=x --subtract b");
    }
}
