//! Bare `+` and `-` among the words of a query.

use std::ffi::{OsStr, OsString};

use clap::{Arg, Command};

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

    /// What becomes of a command line, both with blanks between its words.
    #[track_caller]
    fn check_signs(line: &str, expected: &str) {
        let args = format!("clip-cli {line}").split(' ').map(OsString::from).collect();
        let expanded =
            expand_signs(&mut <crate::cli::Cli as clap::CommandFactory>::command(), args);
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
