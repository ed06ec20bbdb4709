//! Whether requests are being answered, for work that gives way to them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// While requests are answered, other work takes one part of the time in so many.
const SHARE: u32 = 5;

/// How often it is looked whether there are none any more.
const LOOK: Duration = Duration::from_millis(2);

/// Requests that are being answered.
#[derive(Debug, Default)]
pub(crate) struct Activity(AtomicUsize);

/// One of them; dropped, it is answered.
#[derive(Debug)]
pub(crate) struct Answering(Arc<Activity>);

impl Activity {
    pub(crate) fn begin(self: &Arc<Self>) -> Answering {
        self.0.fetch_add(1, Ordering::AcqRel);
        Answering(Arc::clone(self))
    }

    /// Waits while requests are answered, for a time in proportion to what was worked since `last`: work goes on
    /// under any load, and requests have most of the time.
    pub(crate) fn give_way(&self, last: &mut Instant, is_cancelled: impl Fn() -> bool) {
        let end = Instant::now() + last.elapsed() * (SHARE - 1);
        while self.0.load(Ordering::Acquire) > 0 && Instant::now() < end && !is_cancelled() {
            thread::sleep(LOOK);
        }
        *last = Instant::now();
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_waits_in_proportion() {
        let activity = Arc::new(Activity::default());
        let wait = |worked: Duration, is_cancelled: bool| {
            let mut last = Instant::now() - worked;
            let start = Instant::now();
            activity.give_way(&mut last, || is_cancelled);
            start.elapsed()
        };
        let worked = Duration::from_millis(20);
        assert!(wait(Duration::from_secs(60), false) < Duration::from_secs(60));
        let answering = activity.begin();
        assert!(wait(worked, false) >= 4 * worked);
        assert!(wait(Duration::from_secs(60), true) < Duration::from_secs(60));
        drop(answering);
        assert!(wait(Duration::from_secs(60), false) < Duration::from_secs(60));
    }
}
