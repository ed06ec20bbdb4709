//! Following what changes below folders.

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clip::Embedder;
use notify::{Event, RecursiveMode, Watcher};

use super::IndexArgs;
use crate::interrupt::Interrupt;
use crate::shelf::Shelf;
use crate::{Outcome, report, scan};

/// How long nothing has to happen before the folders are looked at again: a picture that is being
/// copied changes many times.
const QUIET: Duration = Duration::from_secs(1);

/// How long they are not looked at where something happens all the time.
const PATIENCE: Duration = Duration::from_secs(30);

/// How soon Ctrl-C is noticed.
const TICK: Duration = Duration::from_millis(200);

/// Brings the library up to date whenever something changes below the paths, until the user stops it.
pub(super) fn run(args: &IndexArgs, embedder: &Embedder, shelf: &mut Shelf) -> Result<Outcome> {
    let (sender, receiver) = channel();
    let send = move |event| {
        // Nobody listens any more where the program ends.
        let _ = sender.send(event);
    };
    let mut watcher = notify::recommended_watcher(send).context("changes cannot be watched")?;
    for path in &args.paths {
        let root = scan::absolute(path)?;
        watcher.watch(&root, RecursiveMode::Recursive).with_context(|| {
            format!("{} cannot be watched; `clip-cli index` without --watch can be run from time to time, as by cron", path.display())
        })?;
    }
    let interrupt = Interrupt::listen(|| {})?;
    report::note("watches for changes; Ctrl-C ends it");
    while !interrupt.came() {
        if has_changed(&receiver, interrupt) {
            super::update(args, embedder, shelf)?;
        }
    }
    Ok(Outcome::Found)
}

/// Waits until something changed and nothing has changed for a while since; not where the user stops
/// it before.
fn has_changed(events: &Receiver<notify::Result<Event>>, interrupt: Interrupt) -> bool {
    let mut first: Option<Instant> = None;
    let mut last = Instant::now();
    while !interrupt.came() {
        match events.recv_timeout(TICK) {
            // Reading is no change; all else may be, also that events were lost.
            Ok(Ok(event)) if event.kind.is_access() => {}
            Ok(Ok(_)) => {
                last = Instant::now();
                first.get_or_insert(last);
            }
            Ok(Err(error)) => report::warning(format_args!("changes may be missed: {error}")),
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
