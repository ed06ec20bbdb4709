//! Progress on a terminal, for every program that converts.

use indicatif::{ProgressBar, ProgressStyle};

use crate::Progress;
use crate::name::is_hidden;

/// One bar a task on standard error; nothing where that is no terminal.
#[derive(Debug)]
pub struct Bar(ProgressBar);

impl Bar {
    /// No task yet.
    pub fn new() -> Self {
        Self(ProgressBar::hidden())
    }
}

impl Default for Bar {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress for Bar {
    fn start(&mut self, task: &str, bytes: u64) {
        const TEMPLATE: &str = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}";
        self.0.finish_and_clear();
        let style = ProgressStyle::with_template(TEMPLATE);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        // A name in it may hold what a terminal would obey.
        let task: String =
            task.chars().map(|c| if is_hidden(c) { '\u{fffd}' } else { c }).collect();
        self.0 = ProgressBar::new(bytes).with_style(style).with_message(task);
    }

    fn advance(&mut self, bytes: u64) {
        self.0.inc(bytes);
    }

    fn finish(&mut self) {
        self.0.finish_and_clear();
    }
}
