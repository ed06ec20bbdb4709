//! Ctrl-C and the signals that end programs, where there is something to save first.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::Result;

/// Whether the program has been asked to stop.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Interrupt;

static CAME: AtomicBool = AtomicBool::new(false);

/// What the first signal calls.
type Say = Box<dyn Fn() + Send>;

static SAY: Mutex<Option<Say>> = Mutex::new(None);

impl Interrupt {
    /// From now on the first signal calls `say`, instead of what it was to call before, and the second
    /// ends the program at once, as people expect.
    pub(crate) fn listen(say: impl Fn() + Send + 'static) -> Result<Self> {
        static LISTENING: OnceLock<()> = OnceLock::new();
        *SAY.lock().unwrap_or_else(PoisonError::into_inner) = Some(Box::new(say));
        if LISTENING.set(()).is_ok() {
            ctrlc::set_handler(|| {
                if CAME.swap(true, Ordering::SeqCst) {
                    std::process::exit(130);
                }
                if let Some(say) = &*SAY.lock().unwrap_or_else(PoisonError::into_inner) {
                    say();
                }
            })?;
        }
        Ok(Self)
    }

    pub(crate) fn came(self) -> bool {
        CAME.load(Ordering::SeqCst)
    }
}
