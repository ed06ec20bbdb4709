//! Mojibake inside a text that is otherwise sound.

use std::collections::HashMap;
use std::sync::LazyLock;

use super::charset::CHARSETS;
use super::is_bad;

/// What a character can stand for in a UTF-8 sequence that was read in one of the first seven
/// encodings (ftfy's `UTF8_CLUES`).
#[derive(Clone, Copy, Default)]
struct Role {
    /// Length of the sequence whose first byte it is, if it is one.
    length: Option<usize>,
    is_continuation: bool,
    /// A continuation that hardly stands for itself beside mojibake.
    is_strict: bool,
}

/// First bytes of four: not every one, for these are also common letters.
const FIRST_OF_FOUR: &str = "ðóđğšπσру";

/// Continuations that also stand for themselves.
const NOT_STRICT: &str = "–—―‘’‚“”„•…";

static ROLES: LazyLock<HashMap<char, Role>> = LazyLock::new(|| {
    let mut roles: HashMap<char, Role> = HashMap::new();
    for (&c, byte) in CHARSETS[..7].iter().flat_map(|charset| charset.high.iter().zip(0x80..=0xff))
    {
        let role = roles.entry(c).or_default();
        match byte {
            0x80..=0xbf => {
                role.is_continuation = true;
                role.is_strict = !NOT_STRICT.contains(c);
            }
            0xc2..=0xdf => role.length = Some(2),
            0xe0..=0xef => role.length = Some(3),
            _ if FIRST_OF_FOUR.contains(c) => role.length = Some(4),
            _ => {}
        }
    }
    // A space that was a no-break space.
    roles.entry(' ').or_default().is_continuation = true;
    roles
});

fn role(c: char) -> Role {
    match c {
        '\0'..='\u{1f}' | '!'..='\u{7f}' => Role::default(),
        c => ROLES.get(&c).copied().unwrap_or_default(),
    }
}

/// Mends each run of such sequences that is unlikely enough, or nothing
/// (ftfy's `decode_inconsistent_utf8`).
pub(super) fn mend(text: &str) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let (mut rest, mut after_strict) = (text, false);
    while let Some(c) = rest.chars().next() {
        let run = if after_strict { 0 } else { run(rest) };
        let (piece, after) = rest.split_at(run.max(c.len_utf8()));
        // The whole text was tried already.
        if run > 0 && run < text.len() && is_bad(piece) {
            out.push_str(&super::mend(piece));
        } else {
            out.push_str(piece);
        }
        after_strict = piece.chars().next_back().is_some_and(|c| role(c).is_strict);
        rest = after;
    }
    Some(out).filter(|mended| mended != text)
}

/// Bytes of the sequences that a text begins with.
fn run(text: &str) -> usize {
    let mut chars = text.chars();
    let mut bytes = 0;
    while let Some(length) = chars.next().and_then(|c| role(c).length) {
        let continues = |c| role(c).is_continuation;
        if !(1..length).all(|_| chars.next().is_some_and(continues)) {
            break;
        }
        bytes = text.len() - chars.as_str().len();
    }
    bytes
}
