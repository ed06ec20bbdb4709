//! What the references do to a text before it is cut into words.

use crate::nfc::nfc;
use crate::{entities, repair};

/// OpenAI's `basic_clean`, `whitespace_clean` and `lower`
/// (<https://github.com/openai/CLIP/blob/main/clip/simple_tokenizer.py>), and OpenCLIP's. The two
/// disagree on U+001C to U+001F, which are white space to Python's `split`; the repair has taken
/// those out.
pub(crate) fn openai(text: &str) -> String {
    collapse(&repair_and_unescape(text)).to_lowercase()
}

/// OpenCLIP's `canonicalize_text` after the same repair
/// (<https://github.com/mlfoundations/open_clip/blob/main/src/open_clip/tokenizer.py>).
pub(crate) fn canonical(text: &str) -> String {
    let text = repair_and_unescape(text).replace('_', " ");
    collapse(&without_punctuation(&text).to_lowercase())
}

/// `canonicalize_text` of transformers' `SiglipTokenizer`: lower case of the whole text *before* the
/// punctuation goes, which a final sigma notices.
pub(crate) fn siglip(text: &str) -> String {
    collapse(&without_punctuation(&text.to_lowercase()))
}

/// The normalizer of transformers' `CLIPTokenizer`: NFC, `\s+` to one space, lower case of each
/// character by itself.
pub(crate) fn hf(text: &str) -> String {
    lower_each(&nfc(text))
}

/// Lower case of each character by itself, as the crate `tokenizers` has it.
pub(crate) fn lower_each(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

/// ftfy, then HTML unescaped twice: `basic_clean` of OpenAI and OpenCLIP.
fn repair_and_unescape(text: &str) -> String {
    entities::unescape(&entities::unescape(&repair::repair(text))).into_owned()
}

/// Without what is in Python's `string.punctuation`.
fn without_punctuation(text: &str) -> String {
    text.chars().filter(|c| !c.is_ascii_punctuation()).collect()
}

/// Strips white space, and leaves one space where there was some. Python counts the separators
/// U+001C to U+001F as such (<https://docs.python.org/3/library/stdtypes.html#str.isspace>).
fn collapse(text: &str) -> String {
    let words = text.split(|c: char| c.is_whitespace() || matches!(c, '\u{1c}'..='\u{1f}'));
    words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}
