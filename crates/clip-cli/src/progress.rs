//! What long work says of itself, on standard error.

use std::error::Error;
use std::path::{Path, PathBuf};

use clip_retrieval::Content;
use clip_search::terminal::escape_path;
use clip_search::{Observer, Progress, Task, Warning};
use indicatif::ProgressBar;

use crate::interrupt::Interrupt;
use crate::{Outcome, hints, output, report};

/// Shows what long work says of itself, and stops it at Ctrl-C where there is something to save.
#[derive(Debug)]
pub(crate) struct Reporter {
    bar: Option<(Task, ProgressBar)>,
    skipped: usize,
    interrupt: Option<Interrupt>,
    current: Option<PathBuf>,
}

impl Reporter {
    pub(crate) fn new() -> Self {
        let current = std::env::current_dir().ok();
        Self { bar: None, skipped: 0, interrupt: None, current }
    }

    /// Says how many files were left out.
    pub(crate) fn summarize(&self) {
        if self.skipped > 0 {
            let was = if self.skipped == 1 { "was" } else { "were" };
            report::warning(format_args!("{} {was} skipped", output::count(self.skipped, "file")));
        }
    }

    /// As [`Self::summarize`], where all files were given by name.
    pub(crate) fn outcome(&self) -> Outcome {
        self.summarize();
        if self.skipped > 0 { Outcome::Partial } else { Outcome::Found }
    }

    /// From now on Ctrl-C asks the work to end, and says nothing.
    pub(crate) fn listen(&mut self) -> anyhow::Result<()> {
        self.interrupt = Some(Interrupt::listen(|| {})?);
        Ok(())
    }

    fn begin(&mut self, task: Task, total: usize) {
        let bar = match task {
            Task::Learning => {
                report::bar(None, "{spinner} learns with some twenty penalties, {elapsed}")
            }
            Task::Import => report::bar(None, "{spinner} {pos} items, {elapsed}"),
            _ => {
                let (spinner, unit) = ("{spinner} {pos}/{len}", task.unit());
                let speed = "{wide_bar} {speed}/s, {eta} left";
                report::bar(Some(total), &format!("{spinner} {unit} {speed}"))
            }
        };
        let note = match task {
            Task::Images | Task::Texts => Some("saves what is done; Ctrl-C again ends it at once"),
            Task::Graph => Some("leaves the graph; Ctrl-C again ends it at once"),
            _ => None,
        };
        if let Some(note) = note {
            let bar = bar.clone();
            // Where signals cannot be heard, Ctrl-C ends the program as it does elsewhere.
            self.interrupt = Interrupt::listen(move || bar.suspend(|| report::note(note))).ok();
        }
        self.bar = Some((task, bar));
    }

    /// Prints something without disturbing the bar.
    fn suspend(&self, print: impl FnOnce()) {
        match &self.bar {
            Some((_, bar)) => bar.suspend(print),
            None => print(),
        }
    }

    fn end(&mut self) {
        if let Some((_, bar)) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

impl Observer for Reporter {
    fn progress(&mut self, Progress { task, done, total }: Progress) {
        if self.bar.as_ref().is_none_or(|(shown, _)| *shown != task) {
            self.end();
            self.begin(task, total);
        }
        if done >= total {
            self.end();
        } else if let Some((_, bar)) = &self.bar {
            bar.set_position(done as u64);
        }
    }

    fn skipped(&mut self, what: &Content, error: &(dyn Error + 'static)) {
        let reason = hints::message(std::iter::once(error));
        match what {
            Content::Path(path) => {
                self.skipped += 1;
                let short = output::shorten(path, self.current.as_deref());
                let reason = shortened(reason, path, short);
                let message = match names(&reason, short) {
                    true => reason,
                    false => format!("{}: {reason}", escape_path(short)),
                };
                self.suspend(|| report::warning(message));
            }
            Content::Text(_) => self.suspend(|| report::warning(format_args!("{what}: {reason}"))),
        }
    }

    fn warning(&mut self, warning: Warning) {
        self.suspend(|| match warning {
            Warning::BegunAnew { .. } => report::note(&warning),
            _ => report::warning(hints::warning(&warning)),
        });
    }

    fn is_cancelled(&self) -> bool {
        self.interrupt.is_some_and(Interrupt::came)
    }
}

impl Drop for Reporter {
    fn drop(&mut self) {
        self.end();
    }
}

/// A message that names a file as a person would type it here.
pub(crate) fn shortened(message: String, path: &Path, short: &Path) -> String {
    match path.to_str().zip(short.to_str()) {
        Some((path, short)) if path != short => message.replace(path, short),
        _ => message,
    }
}

/// Whether a message names a file already, as most do.
pub(crate) fn names(message: &str, file: &Path) -> bool {
    message.contains(&file.display().to_string())
}
