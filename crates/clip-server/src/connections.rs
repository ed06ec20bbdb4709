//! How many connections there are: beyond a limit, the one that was idle longest makes room.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// The open connections, the oldest first.
#[derive(Debug)]
pub(crate) struct Connections {
    limit: usize,
    open: Arc<Mutex<Open>>,
}

#[derive(Debug, Default)]
struct Open {
    next: u64,
    list: BTreeMap<u64, Arc<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Requests that are being answered.
    busy: AtomicUsize,
    evicted: Notify,
}

/// One of them; dropped, it is closed.
#[derive(Debug)]
pub(crate) struct Connection {
    number: u64,
    state: Arc<State>,
    open: Arc<Mutex<Open>>,
}

/// A request that is being answered: meanwhile its connection is not closed.
#[derive(Debug)]
pub(crate) struct Busy(Arc<State>);

fn lock(open: &Mutex<Open>) -> MutexGuard<'_, Open> {
    open.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Connections {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit: limit.max(1), open: Arc::default() }
    }

    /// Counts one more. Where there are too many, the oldest that waits for a request ends; none is there
    /// where all are busy.
    pub(crate) fn open(&self) -> Option<Connection> {
        let mut open = lock(&self.open);
        if open.list.len() >= self.limit {
            let is_idle = |state: &Arc<State>| state.busy.load(Ordering::Acquire) == 0;
            let (&oldest, _) = open.list.iter().find(|(_, state)| is_idle(state))?;
            if let Some(state) = open.list.remove(&oldest) {
                state.evicted.notify_one();
            }
        }
        let (number, state) = (open.next, Arc::<State>::default());
        open.next += 1;
        open.list.insert(number, Arc::clone(&state));
        Some(Connection { number, state, open: Arc::clone(&self.open) })
    }
}

impl Connection {
    /// Waits until it has to make room.
    pub(crate) async fn evicted(&self) {
        self.state.evicted.notified().await;
    }

    /// Until this is dropped, it does not make room.
    pub(crate) fn busy(&self) -> Busy {
        self.state.busy.fetch_add(1, Ordering::AcqRel);
        Busy(Arc::clone(&self.state))
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        lock(&self.open).list.remove(&self.number);
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.fetch_sub(1, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_idle_one_makes_room() {
        let connections = Connections::new(2);
        let (first, second) = (connections.open().unwrap(), connections.open().unwrap());
        let busy = first.busy();
        let third = connections.open().unwrap();
        assert_eq!(lock(&connections.open).list.keys().collect::<Vec<_>>(), [&0, &2]);
        let _busy = third.busy();
        assert!(connections.open().is_none());
        drop((second, busy));
        assert!(connections.open().is_some());
        drop((first, third));
        assert!(lock(&connections.open).list.is_empty());
    }
}
