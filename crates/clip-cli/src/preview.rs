//! Pictures in the terminal.

use std::env::var_os;
use std::io::{IsTerminal, stdout};
use std::path::Path;

use clip::{ColorManagement, ReadOptions};
use image::DynamicImage;
use viuer::Config;

use crate::report;

/// Whether pictures can be shown.
pub(crate) fn is_possible() -> bool {
    stdout().is_terminal()
}

/// Shows a picture, so many lines high: as pixels where the terminal is known to take them, else as
/// colored blocks.
pub(crate) fn show(path: &Path, lines: u16) {
    let config = Config {
        height: Some(lines.max(1).into()),
        absolute_offset: false,
        use_kitty: speaks_kitty(),
        ..Config::default()
    };
    let options = ReadOptions { color: ColorManagement::ToSrgb, ..ReadOptions::default() };
    let picture = match clip::read_picture(path, &options) {
        Ok(picture) => DynamicImage::ImageRgb8(picture),
        Err(error) => return report::warning(error),
    };
    if let Err(error) = viuer::print(&picture, &config) {
        report::warning(format_args!("{} cannot be shown here: {error}", path.display()));
    }
}

/// Whether the terminal says that it knows Kitty's protocol. Asking it would wait for ever where
/// nobody answers.
fn speaks_kitty() -> bool {
    let is = |name: &str, values: &[&str]| {
        var_os(name).is_some_and(|value| values.iter().any(|known| value == **known))
    };
    var_os("KITTY_WINDOW_ID").is_some()
        || is("TERM", &["xterm-kitty", "xterm-ghostty"])
        || is("TERM_PROGRAM", &["ghostty", "WezTerm"])
}
