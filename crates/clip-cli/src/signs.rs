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
