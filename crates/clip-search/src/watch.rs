//! Following what changes below folders.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use notify::{Event, RecommendedWatcher, RecursiveMode, Watcher as _};

use crate::{Error, Observer, Result, Warning, absolute};

/// How long nothing has to happen before the folders are looked at again: an image that is being
/// copied changes many times.
const QUIET: Duration = Duration::from_secs(1);

/// How long they are not looked at where something happens all the time.
const PATIENCE: Duration = Duration::from_secs(30);

/// How soon an observer that wants the work to end is noticed.
const TICK: Duration = Duration::from_millis(200);

/// Follows what changes below folders.
#[derive(Debug)]
pub struct Watcher {
    events: Receiver<notify::Result<Event>>,
    /// Sends events as long as it lives.
    _watcher: RecommendedWatcher,
}

impl Watcher {
    /// Follows what changes below these folders from now on.
    ///
    /// # Errors
    ///
    /// [`Error::Watch`] where the system cannot, [`Error::NotFound`] where there is no such folder.
    pub fn new(paths: &[PathBuf]) -> Result<Self> {
        let wrong = |path: &Path, error: notify::Error| Error::Watch {
            path: path.to_owned(),
            reason: error.to_string(),
        };
        let (sender, events) = channel();
        let send = move |event| {
            // Nobody listens any more once this is dropped.
            let _ = sender.send(event);
        };
        let mut watcher =
            notify::recommended_watcher(send).map_err(|error| wrong(Path::new(""), error))?;
        for path in paths {
            let root = absolute(path)?;
            watcher.watch(&root, RecursiveMode::Recursive).map_err(|error| wrong(path, error))?;
        }
        Ok(Self { events, _watcher: watcher })
    }

    /// Waits until something changed and nothing has changed for a while since: `true`; or until the
    /// observer wants the work to end: `false`.
    pub fn wait(&self, observer: &mut dyn Observer) -> bool {
        let mut first: Option<Instant> = None;
        let mut last = Instant::now();
        while !observer.is_cancelled() {
            match self.events.recv_timeout(TICK) {
                // Reading is no change; all else may be, also that events were lost.
                Ok(Ok(event)) if event.kind.is_access() => {}
                Ok(Ok(_)) => {
                    last = Instant::now();
                    first.get_or_insert(last);
                }
                Ok(Err(error)) => {
                    observer.warning(Warning::ChangesMissed { reason: error.to_string() });
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => std::thread::sleep(TICK),
            }
            let is_due = |first: Instant| last.elapsed() >= QUIET || first.elapsed() >= PATIENCE;
            if first.is_some_and(is_due) {
                return true;
            }
        }
        false
    }
}
