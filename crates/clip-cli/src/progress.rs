//! What long work says of itself, on standard error.

use std::error::Error;
use std::path::{Path, PathBuf};

use clip::TextError;
use clip_retrieval::Content;
use clip_search::{Observer, Progress, Task, Warning};

use crate::interrupt::Interrupt;
use crate::report::{self, Bar, Skipped};
use crate::{hints, output};

/// Shows what long work says of itself, and stops it at Ctrl-C where there is something to save.
#[derive(Debug, Default)]
pub(crate) struct Reporter {
    bar: Option<(Task, Bar)>,
    skipped: Skipped,
    interrupt: Option<Interrupt>,
    current: Option<PathBuf>,
}

impl Reporter {
    pub(crate) fn new() -> Self {
        Self { current: std::env::current_dir().ok(), ..Self::default() }
    }

    /// What could not be read.
    pub(crate) fn skipped(&self) -> &Skipped {
        &self.skipped
    }

    /// From now on Ctrl-C asks the work to end, and says nothing.
    pub(crate) fn listen(&mut self) -> anyhow::Result<()> {
        self.interrupt = Some(Interrupt::listen(|| {})?);
        Ok(())
    }

    fn begin(&mut self, task: Task, total: usize) {
        let noun = match task {
            Task::Texts => "texts",
            Task::Graph => "vectors",
            _ => "pictures",
        };
        let bar = match task {
            Task::Learning => Bar::spinner("learning with some twenty penalties"),
            _ => Bar::over(total, noun),
        };
        let note = match task {
            Task::Images | Task::Texts => Some("saves what is done; Ctrl-C again ends it at once"),
            Task::Graph => Some("leaves the graph; Ctrl-C again ends it at once"),
            _ => None,
        };
        if let Some(note) = note {
            // Where signals cannot be heard, Ctrl-C ends the program as it does elsewhere.
            self.interrupt = Interrupt::listen(bar.noting(note)).ok();
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
}

impl Observer for Reporter {
    fn progress(&mut self, Progress { task, done, total }: Progress) {
        if self.bar.as_ref().is_none_or(|(shown, _)| *shown != task) {
            self.begin(task, total);
        }
        if done >= total {
            self.bar = None;
        } else if let Some((_, bar)) = self.bar.as_ref().filter(|_| task != Task::Learning) {
            bar.stand(done, total);
        }
    }

    fn skipped(&mut self, what: &Content, error: &(dyn Error + 'static)) {
        match what {
            Content::Path(path) => {
                let short = output::shorten(path, self.current.as_deref());
                let reason = shortened(error.to_string(), path, short);
                let hidden = Bar::hidden();
                let bar = self.bar.as_ref().map_or(&hidden, |(_, bar)| bar);
                self.skipped.add(bar, short, reason);
            }
            Content::Text(_) => {
                let mut reason = hints::message(std::iter::once(error));
                if let Some(clip::Error::Text(TextError::TooLong { .. })) = error.downcast_ref() {
                    reason = format!("too long (--truncate cuts it): {reason}");
                }
                self.suspend(|| report::warning(format_args!("{what}: {reason}")));
            }
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

/// A message that names a file as a person would type it here.
pub(crate) fn shortened(message: String, path: &Path, short: &Path) -> String {
    match path.to_str().zip(short.to_str()) {
        Some((path, short)) if path != short => message.replace(path, short),
        _ => message,
    }
}
