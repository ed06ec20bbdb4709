//! Repairing a text as ftfy's `fix_text` does before OpenAI's tokenizer sees it.
//!
//! The steps, their order and their characters follow the documentation of ftfy 6.3
//! (<https://ftfy.readthedocs.io/en/latest/fixes.html>). Left out are surrogates, which no `str`
//! holds, and that ftfy cuts lines of more than a million characters.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::Regex;
use unicode_normalization_alignments::UnicodeNormalization;

use crate::nfc::nfc;
use crate::{entities, mojibake};

/// Repairs can uncover others, to this depth; nobody writes `&amp;amp;amp;…` deeper, and whoever does
/// gets an answer in time.
const ROUNDS: usize = 100;

/// Colors and cursor movements of a terminal.
static TERMINAL_ESCAPE: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\x1b\[[\d;]*[a-zA-Z]").expect("the pattern is valid"));

/// The text, each line repaired until nothing changes any more.
pub(crate) fn repair(text: &str) -> String {
    // From the first `<` on this is taken for HTML, whose references mean themselves.
    let mut html = false;
    text.split_inclusive('\n')
        .map(|line| {
            html |= line.contains('<');
            repair_line(line, html)
        })
        .collect()
}

fn repair_line(line: &str, html: bool) -> String {
    let mut text = line.to_owned();
    for _ in 0..ROUNDS {
        let repaired = round(&text, html);
        if repaired == text {
            break;
        }
        text = repaired;
    }
    text
}

fn round(text: &str, html: bool) -> String {
    let text = if html { Cow::Borrowed(text) } else { entities::unescape_closed(text) };
    let text = mojibake::mend(&text);
    let text = mojibake::as_windows_1252(&text);
    let text: String = widen(&text).replace("\r\n", "\n").chars().map(straighten).collect();
    let text = TERMINAL_ESCAPE.replace_all(&text, "");
    let text: String = text.chars().filter(|&c| !is_invisible(c)).collect();
    nfc(&text).into_owned()
}

/// Takes Latin ligatures apart, and gives full-width and half-width forms their usual width.
fn widen(text: &str) -> Cow<'_, str> {
    if !text.contains(is_compatibility_form) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            // Unlike Unicode, ftfy keeps the long s.
            'ﬅ' => out.push_str("ſt"),
            c if is_compatibility_form(c) => {
                out.extend([c].into_iter().nfkc().map(|(c, _)| c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

fn is_compatibility_form(c: char) -> bool {
    matches!(c, 'Ĳ' | 'ĳ' | 'ŉ' | 'Ǆ'..='ǌ' | 'Ǳ'..='ǳ' | 'ﬀ'..='ﬆ' | '\u{3000}' | '！'..='\u{ffef}')
}

/// Curly quotes to the ones on the keyboard, and every kind of line end to one.
fn straighten(c: char) -> char {
    match c {
        '\r' | '\u{2028}' | '\u{2029}' => '\n',
        'ʼ' | '‘'..='‛' => '\'',
        '“'..='‟' => '"',
        c => c,
    }
}

/// Controls that show nothing: C0 but tab and line ends, DEL, deprecated format characters, the byte
/// order mark, interlinear annotation.
fn is_invisible(c: char) -> bool {
    match c {
        '\t' | '\n' | '\u{c}' | '\r' => false,
        c => {
            matches!(c, '\0'..='\u{1f}' | '\u{7f}' | '\u{206a}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffc}')
        }
    }
}
