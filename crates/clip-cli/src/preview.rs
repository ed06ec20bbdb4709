//! Pictures in the terminal.

use std::io::{IsTerminal, stdin, stdout};
use std::path::Path;

use image::DynamicImage;

use crate::report;

/// Whether pictures can be shown. The terminal is asked what it can do, and answers on standard input.
pub(crate) fn is_possible() -> bool {
    stdout().is_terminal() && stdin().is_terminal()
}

/// Shows a picture, so many lines high.
pub(crate) fn show(path: &Path, lines: u16) {
    let config = viuer::Config {
        height: Some(lines.max(1).into()),
        absolute_offset: false,
        ..viuer::Config::default()
    };
    let picture = match clip::read_picture(path, &clip::ReadOptions::default()) {
        Ok(picture) => DynamicImage::ImageRgb8(picture),
        Err(error) => return report::warning(error),
    };
    if let Err(error) = viuer::print(&picture, &config) {
        report::warning(format_args!("{} cannot be shown here: {error}", path.display()));
    }
}
