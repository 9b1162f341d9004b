//! The end of the process, asked for from outside: by a signal, or because its time is over.
//!
//! Loops over records look at [`is_asked`] and stop at the next record. Work that does not look is
//! ended with the process, after the [`Cleanup`]s are done: files written aside are removed, programs
//! are killed. A process ends once, so this is the only state that all threads share.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

static IS_ASKED: AtomicBool = AtomicBool::new(false);

static CLEANUPS: Mutex<Cleanups> = Mutex::new(Cleanups {
    next: 0,
    all: BTreeMap::new(),
});

struct Cleanups {
    next: u64,
    all: BTreeMap<u64, Box<dyn FnOnce() + Send>>,
}

/// Asks all work to end.
pub fn ask() {
    IS_ASKED.store(true, Ordering::Relaxed);
}

/// Returns true once the process is to end.
pub fn is_asked() -> bool {
    IS_ASKED.load(Ordering::Relaxed)
}

/// What is to be done if the process is ended in the middle of work. Dropped when there is nothing
/// left to clean up.
#[derive(Debug)]
#[must_use = "nothing is cleaned up once this is dropped"]
pub struct Cleanup(u64);

impl Cleanup {
    /// Registers an action.
    pub fn new(action: impl FnOnce() + Send + 'static) -> Self {
        let mut cleanups = cleanups();
        let id = cleanups.next;
        cleanups.next += 1;
        cleanups.all.insert(id, Box::new(action));
        Self(id)
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        cleanups().all.remove(&self.0);
    }
}

/// Does all that is registered, when the process is about to end.
pub fn clean_up() {
    let all = std::mem::take(&mut cleanups().all);
    for action in all.into_values() {
        action();
    }
}

fn cleanups() -> MutexGuard<'static, Cleanups> {
    CLEANUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_is_registered_is_done_unless_it_was_dropped() {
        let done = Arc::new(Mutex::new(Vec::new()));
        let note = |name: &'static str| {
            let done = Arc::clone(&done);
            Cleanup::new(move || done.lock().expect("a list").push(name))
        };
        let (kept, dropped) = (note("kept"), note("dropped"));
        drop(dropped);
        clean_up();
        drop(kept);
        clean_up();
        assert_eq!(*done.lock().expect("a list"), ["kept"]);
    }
}
