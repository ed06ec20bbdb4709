//! Progress on stderr.

use clip_weights::Progress;
use indicatif::{ProgressBar, ProgressStyle};

/// One bar a task; `indicatif` shows nothing where stderr is not a terminal.
pub(crate) struct Bar(ProgressBar);

impl Bar {
    pub(crate) fn new() -> Self {
        Self(ProgressBar::hidden())
    }
}

impl Progress for Bar {
    fn start(&mut self, task: &str, bytes: u64) {
        const TEMPLATE: &str = "{msg} {wide_bar} {bytes}/{total_bytes} {bytes_per_sec}";
        self.0.finish_and_clear();
        let style = ProgressStyle::with_template(TEMPLATE);
        let style = style.unwrap_or_else(|_| ProgressStyle::default_bar());
        self.0 = ProgressBar::new(bytes).with_style(style).with_message(task.to_owned());
    }

    fn advance(&mut self, bytes: u64) {
        self.0.inc(bytes);
    }

    fn finish(&mut self) {
        self.0.finish_and_clear();
    }
}
