//! What a model may be called: its name becomes that of a file, on this system and on others.

use crate::{Error, Result};

/// The systems' limit is 255 bytes, with an ending and with what else is put behind a name.
const MAX_BYTES: usize = 200;

/// Names of Windows' devices, with any ending.
const DEVICES: [&str; 4] = ["con", "prn", "aux", "nul"];

/// Fails for a name that is not a plain name of a file everywhere.
///
/// # Errors
///
/// [`Error::Name`] says what is wrong with it.
pub fn check_name(name: &str) -> Result<()> {
    match fault(name) {
        None => Ok(()),
        Some(reason) => Err(Error::Name { name: name.to_owned(), reason }),
    }
}

fn fault(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        return Some("it is empty");
    }
    if name.len() > MAX_BYTES {
        return Some("it is longer than 200 bytes");
    }
    if name.contains(['/', '\\']) {
        return Some("it leads into a folder");
    }
    if name.starts_with(['.', '-', ' ']) {
        return Some("it begins with a point, a dash or a blank");
    }
    if name.ends_with(['.', ' ']) {
        return Some("it ends with a point or a blank");
    }
    if name.contains(is_hidden) {
        return Some("it holds a character that cannot be seen");
    }
    if name.contains([':', '*', '?', '"', '<', '>', '|']) {
        return Some("it holds a character that Windows allows in no name");
    }
    let stem = name.split('.').next().unwrap_or_default().trim_end().to_ascii_lowercase();
    let is_port = |port: &str| {
        let number = stem.strip_prefix(port).and_then(|number| number.chars().next());
        stem.chars().count() == port.len() + 1
            && number.is_some_and(|c| matches!(c, '1'..='9' | '¹' | '²' | '³'))
    };
    if DEVICES.contains(&&*stem) || is_port("com") || is_port("lpt") {
        return Some("it is the name of a device of Windows");
    }
    None
}

/// Control characters, and what turns a text around or has no width.
pub(crate) fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_plain_names_of_files() {
        for name in [
            "clip-vit-base-patch32",
            "ViT-B-32",
            "mein Modell",
            "犬",
            "a.b",
            "con1",
            "com",
            "com10",
            "comx",
            "console",
        ] {
            assert_eq!(fault(name), None, "{name}");
        }
        let long = "x".repeat(201);
        for name in [
            "",
            ".",
            "..",
            "../evil",
            "a/b",
            "/a",
            "a\\b",
            "..\\a",
            ".hidden",
            "-x",
            "--model",
            " a",
            "a ",
            "a.",
            "a\nb",
            "a\0",
            "\u{1b}[31m",
            "a\u{202e}b",
            "a\u{9b}",
            "a\u{200b}b",
            "C:",
            "a*",
            "a?",
            "con",
            "CON",
            "nul.tar",
            "Com1",
            "lpt9.x",
            "com²",
            "con .x",
            &long,
        ] {
            assert!(fault(name).is_some(), "{name:?}");
        }
    }
}
