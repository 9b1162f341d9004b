//! The end of a run by a signal or the time limit: a [`Cause`], passed to the verb through an
//! [`Shutdown`].

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::cli::exit::Exit;
use crate::cli::failure::Failure;
use crate::cli::signal;
use crate::core::code::Code;
use crate::core::shutdown;
use crate::core::time::format_duration;

/// The time for a verb to react.
pub(super) const GRACE: Duration = Duration::from_millis(500);

/// The time for a verb that has reacted to deliver what it has.
pub const LAST_WORDS: Duration = Duration::from_secs(2);

/// The cause of a shutdown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A signal number.
    Signal(i32),
    /// `--timeout` expired.
    OutOfTime(Duration),
    /// The process that started a part has ended.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only told on Unix"))]
    ParentGone,
    /// The reader of a part's records has ended.
    ReaderGone,
}

impl Cause {
    /// Returns the failure for this cause.
    pub fn failure(self) -> Failure {
        let interrupted = |words| Failure::new(Exit::Interrupted, Code::Interrupted, words);
        match self {
            Self::Signal(signal::HANG_UP) => interrupted("interrupted: the terminal was closed"),
            Self::Signal(signal::TERMINATE) => interrupted("terminated by a signal"),
            Self::Signal(_) => interrupted("interrupted by Ctrl-C"),
            Self::ParentGone => interrupted("ended with the process that started it"),
            Self::ReaderGone => interrupted("ended with the reader of its records"),
            Self::OutOfTime(limit) => Failure::new(
                Exit::Network,
                Code::OutOfTime,
                format!("the run exceeded `--timeout` ({})", format_duration(limit)),
            ),
        }
    }
}

/// State shared by the verb and the watcher.
#[derive(Debug, Default)]
pub struct Shutdown {
    state: Mutex<ShutdownState>,
    noticed: Notify,
    waker: Mutex<Option<signal::Waker>>,
}

#[derive(Debug, Default)]
struct ShutdownState {
    /// True if the verb reacts to a cause. Otherwise the process ends at once.
    is_listening: bool,
    /// The deadline of the run.
    deadline: Option<(Instant, Duration)>,
    cause: Option<Cause>,
    /// The time at which the process ends, even if the verb has not finished.
    last_moment: Option<Instant>,
}

impl Shutdown {
    /// Sets the time limit of the verb, unless it already has one.
    pub fn limit(&self, limit: Option<Duration>) {
        let mut state = self.state();
        let due = limit.map(|limit| (Instant::now() + limit, limit));
        state.deadline = state.deadline.or(due);
        drop(state);
        self.wake();
    }

    /// Declares that the verb reacts to causes from now on.
    pub fn listen(&self) {
        self.state().is_listening = true;
        self.wake();
    }

    /// Sets what wakes the watcher.
    pub(super) fn wake_by(&self, waker: signal::Waker) {
        *self.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker);
    }

    /// Wakes the watcher.
    fn wake(&self) {
        if let Some(waker) = &*self.waker.lock().unwrap_or_else(PoisonError::into_inner) {
            waker.wake();
        }
    }

    /// Waits for a cause. The verb then has [`LAST_WORDS`] and some spare time.
    pub async fn noticed(&self) -> Cause {
        loop {
            self.noticed.notified().await;
            let mut state = self.state();
            if let Some(cause) = state.cause {
                state.last_moment = Some(Instant::now() + LAST_WORDS * 2);
                return cause;
            }
        }
    }

    /// Declares that the run is over: the remaining work is not limited.
    pub fn finish(&self) {
        let mut state = self.state();
        state.is_listening = false;
        state.deadline = None;
    }

    fn state(&self) -> MutexGuard<'_, ShutdownState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes a cause on. The process ends soon if the verb does not react, or at once if it never
    /// does.
    pub fn notice(&self, cause: Cause) {
        shutdown::request();
        let mut state = self.state();
        let grace = if state.is_listening {
            GRACE
        } else {
            Duration::ZERO
        };
        state.cause.get_or_insert(cause);
        state.last_moment = Some(Instant::now() + grace);
        state.deadline = None;
        drop(state);
        self.noticed.notify_one();
    }

    /// Checks the clock, and returns when to check again.
    pub(super) fn look(&self) -> Result<Option<Duration>, Failure> {
        let now = Instant::now();
        let due = self.state().deadline;
        if let Some((_, limit)) = due.filter(|(deadline, _)| *deadline <= now) {
            self.notice(Cause::OutOfTime(limit));
        }
        let state = self.state();
        match (state.last_moment, state.cause) {
            (Some(last_moment), Some(cause)) if last_moment <= now => Err(cause.failure()),
            (last_moment, _) => {
                let next = last_moment
                    .into_iter()
                    .chain(state.deadline.map(|due| due.0));
                Ok(next.min().map(|next| next.saturating_duration_since(now)))
            }
        }
    }
}
