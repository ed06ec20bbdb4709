//! Ctrl-C and the signals that end programs, where there is something to save first.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Result;

/// Whether the program has been asked to stop.
#[derive(Debug, Clone)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// From now on the first signal calls `say`, and the second ends the program at once, as people
    /// expect. To be called once.
    pub(crate) fn listen(say: impl Fn() + Send + 'static) -> Result<Self> {
        let interrupt = Self(Arc::default());
        let heard = interrupt.clone();
        ctrlc::set_handler(move || {
            if heard.0.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
            say();
        })?;
        Ok(interrupt)
    }

    pub(crate) fn came(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}
