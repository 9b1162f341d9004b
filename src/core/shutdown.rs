//! Shutdown of the process, requested by a signal or by a timeout.
//!
//! Loops over records check [`is_requested`] and stop at the next record. Work that does not check ends
//! with the process, after all [`Cleanup`]s have run: temporary files are removed, child programs
//! are killed. A process ends once, so this is the only state shared by all threads.
//!
//! A server runs several calls on one thread, each with a deadline of its own: [`Timed`] sets it while
//! the work of a call is polled, and for that work it is as if shutdown was requested.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Instant;

thread_local! {
    /// The deadline of the work that is being polled on this thread.
    static DEADLINE: Cell<Option<Instant>> = const { Cell::new(None) };
}

static IS_REQUESTED: AtomicBool = AtomicBool::new(false);

static CLEANUPS: Mutex<Cleanups> = Mutex::new(Cleanups {
    next: 0,
    all: BTreeMap::new(),
});

struct Cleanups {
    next: u64,
    all: BTreeMap<u64, Box<dyn FnOnce() + Send>>,
}

/// Requests shutdown.
pub fn request() {
    IS_REQUESTED.store(true, Ordering::Relaxed);
}

/// Returns true once shutdown was requested, or the deadline of the work that is being polled has
/// passed.
pub fn is_requested() -> bool {
    IS_REQUESTED.load(Ordering::Relaxed)
        || deadline().is_some_and(|deadline| Instant::now() >= deadline)
}

/// Returns the deadline of the work that is being polled.
pub fn deadline() -> Option<Instant> {
    DEADLINE.get()
}

/// Work with a deadline.
#[derive(Debug)]
pub struct Timed<F> {
    work: F,
    deadline: Instant,
}

impl<F> Timed<F> {
    /// Gives work a deadline.
    pub fn new(work: F, deadline: Instant) -> Self {
        Self { work, deadline }
    }
}

impl<F: Future + Unpin> Future for Timed<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let _restored = Restored(DEADLINE.replace(Some(self.deadline)));
        Pin::new(&mut self.work).poll(context)
    }
}

/// Restores the deadline of the work around, also if a poll panics.
struct Restored(Option<Instant>);

impl Drop for Restored {
    fn drop(&mut self) {
        DEADLINE.set(self.0);
    }
}

/// A cleanup action, run if the process is ended early. Dropping it unregisters the action.
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

/// Runs all registered actions. Called just before the process ends.
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
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::task::Waker;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_deadline_is_that_of_the_work_that_is_polled() {
        let (now, later) = (Instant::now(), Instant::now() + Duration::from_secs(3_600));
        let seen = || Poll::Ready((deadline(), is_requested()));
        let mut inner = Timed::new(poll_fn(|_| seen()), now);
        let work = poll_fn(|context| {
            let inner = Pin::new(&mut inner).poll(context);
            inner.map(|inner| (inner, deadline()))
        });
        let mut context = Context::from_waker(Waker::noop());
        let polled = Pin::new(&mut Timed::new(work, later)).poll(&mut context);
        assert_eq!(polled, Poll::Ready(((Some(now), true), Some(later))));
        assert_eq!(deadline(), None);
    }

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
