//! What `index` did before `library` did it: its options work on, and are listed nowhere.

use std::ffi::{OsStr, OsString};

/// The options of `index` that are commands of `library` now.
const MOVED: [&str; 6] = ["errors", "stats", "verify", "compact", "prune", "remove"];

/// `index --stats ..` as `library stats ..`, and which it is; else the same.
pub(crate) fn rename(args: Vec<OsString>) -> (Vec<OsString>, Option<&'static str>) {
    let options = || args.iter().skip(2).take_while(|arg| *arg != "--");
    let moved = MOVED.into_iter().find(|name| options().any(|arg| is(arg, name)));
    let Some(name) = moved.filter(|_| args.get(1).is_some_and(|command| command == "index")) else {
        return (args, None);
    };
    let mut renamed = vec![args[0].clone(), "library".into(), name.into()];
    let mut items = vec!["--".into()];
    let mut rest = args.into_iter().skip(2);
    while let Some(arg) = rest.next() {
        match name {
            _ if !is(&arg, name) => renamed.push(arg),
            // What was its value is an argument, whatever it begins with.
            "remove" => items.extend(value(&arg).or_else(|| rest.next())),
            _ => {}
        }
    }
    renamed.extend(items.into_iter().filter(|_| name == "remove"));
    (renamed, Some(name))
}

/// Whether this is the option, with a value in it or without.
fn is(arg: &OsStr, name: &str) -> bool {
    let option = arg.as_encoded_bytes().strip_prefix(b"--");
    let rest = option.and_then(|option| option.strip_prefix(name.as_bytes()));
    rest.is_some_and(|rest| rest.is_empty() || rest[0] == b'=')
}

/// What comes after `=` in an option.
fn value(arg: &OsStr) -> Option<OsString> {
    let bytes = arg.as_encoded_bytes();
    let at = bytes.iter().position(|byte| *byte == b'=')? + 1;
    Some(clip_search::path_from_bytes(&bytes[at..]).ok()?.into_os_string())
}
