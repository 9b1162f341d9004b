//! Ends the process on signals, when its time is over, and when a template outgrows its bounds,
//! whatever it is doing.
//!
//! The verb runs on a thread of its own; the first thread keeps watch. What it notices is passed on
//! as a [`Cause`] to the verb, which delivers what it has and ends. A verb that does not answer
//! within [`GRACE`], since something computes, is ended with the process.

use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{self, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use tokio::sync::Notify;

use crate::cli::app::App;
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Failure};
use crate::cli::signal;
use crate::core::code::Code;
use crate::core::ending;
use crate::core::source::Place;
use crate::core::time::format_duration;
use crate::project::load::bounded;
use crate::template;

/// How long a verb may take to answer.
const GRACE: Duration = Duration::from_millis(500);

/// How long a verb that has answered may take to deliver what it has.
pub const LAST_WORDS: Duration = Duration::from_secs(2);

/// How often templates are looked at.
const PERIOD: Duration = Duration::from_millis(100);

/// No rendering of one template takes longer.
const LONGEST_RENDERING: Duration = Duration::from_secs(60);

/// No rendering of one template takes more memory, in MiB.
const LARGEST_RENDERING: u64 = 1024;

/// Deeply nested values are dropped by functions that call themselves, once a level. The memory is
/// only taken where it is used; where it is limited, less will do.
const STACKS: [usize; 3] = [1 << 30, 1 << 26, 1 << 23];

/// A run needs some descriptors of its own, beside those of its connections.
const FEWEST_FILES: u64 = 32;

/// Why the process is to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// A signal, by its number.
    Signal(i32),
    /// The time of `--timeout` is over.
    OutOfTime(Duration),
}

impl Cause {
    /// The failure that it is.
    pub fn failure(self) -> Failure {
        let interrupted = |words| Failure::new(Exit::Interrupted, Code::Interrupted, words);
        match self {
            Self::Signal(signal::HANG_UP) => interrupted("interrupted: the terminal was closed"),
            Self::Signal(signal::TERMINATE) => interrupted("terminated by a signal"),
            Self::Signal(_) => interrupted("interrupted by Ctrl-C"),
            Self::OutOfTime(limit) => Failure::new(
                Exit::Network,
                Code::OutOfTime,
                format!(
                    "the run took longer than `--timeout` ({})",
                    format_duration(limit)
                ),
            ),
        }
    }
}

/// What the verb and the watch share.
#[derive(Debug, Default)]
pub struct Ending {
    state: Mutex<State>,
    noticed: Notify,
    waker: Mutex<Option<signal::Waker>>,
}

#[derive(Debug, Default)]
struct State {
    /// True if the verb answers. Otherwise it is ended at once.
    is_listening: bool,
    /// When the time of the run is over.
    deadline: Option<(Instant, Duration)>,
    cause: Option<Cause>,
    /// When the process ends, whether the verb has answered or not.
    last_moment: Option<Instant>,
}

impl Ending {
    /// Limits the time of the verb from now on, unless it is limited already.
    pub fn limit(&self, limit: Option<Duration>) {
        let mut state = self.state();
        let due = limit.map(|limit| (Instant::now() + limit, limit));
        state.deadline = state.deadline.or(due);
        drop(state);
        self.wake();
    }

    /// Says that the verb answers from now on, within the time that it was given.
    pub fn listen(&self) {
        self.state().is_listening = true;
        self.wake();
    }

    /// Has the watch look at the state.
    fn wake(&self) {
        if let Some(waker) = &*self.waker.lock().unwrap_or_else(PoisonError::into_inner) {
            waker.wake();
        }
    }

    /// Waits until the process is to end. The verb then has [`LAST_WORDS`] and a while.
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

    /// Says that the run is over: what is left to be done has as long as it takes.
    pub fn finish(&self) {
        let mut state = self.state();
        state.is_listening = false;
        state.deadline = None;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Passes a cause on. Without an answer the process ends soon, or at once if no answer comes
    /// from this verb.
    fn notice(&self, cause: Cause) {
        ending::ask();
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

    /// Looks at the clock, and says when to look again.
    fn look(&self) -> Result<Option<Duration>, Failure> {
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

/// Runs a verb under watch.
pub fn watched(
    error_format: ErrorFormat,
    verb: impl FnOnce(Arc<Ending>) -> ExitCode + Send + 'static,
) -> ExitCode {
    if let Some(files) = few_files() {
        let words = format!(
            "the limit of open files (`ulimit -n`) is {files}, and runner needs {FEWEST_FILES}"
        );
        fail(Failure::usage(Code::CannotStart, words), error_format);
    }
    let ending = Arc::new(Ending::default());
    // Without descriptors for it there is no watch, and signals end the process as they do.
    let Ok((mut signals, waker)) = signal::listen() else {
        return verb(ending);
    };
    let wakes_at_end = waker.try_clone();
    *ending.waker.lock().unwrap_or_else(PoisonError::into_inner) = Some(waker);
    let (sender, code) = mpsc::channel();
    let of_verb = Arc::clone(&ending);
    start(move || {
        // Dropped, and so woken, also where the verb panics.
        let _wakes_at_end = wakes_at_end;
        let _ = sender.send(verb(of_verb));
    });
    let mut renderings = Renderings::default();
    loop {
        match code.try_recv() {
            Ok(code) => return code,
            Err(TryRecvError::Disconnected) => return ExitCode::from(101),
            Err(TryRecvError::Empty) => {}
        }
        let wait = match renderings.look().and_then(|()| ending.look()) {
            Ok(wait) => wait.map_or(PERIOD, |wait| wait.min(PERIOD)),
            Err(failure) => fail(failure, error_format),
        };
        if let Some(signal) = signals.wait(wait) {
            ending.notice(Cause::Signal(signal));
        }
    }
}

/// Starts a thread with the largest stack that can be had.
fn start(work: impl FnOnce() + Send + 'static) {
    let work = Arc::new(Mutex::new(Some(work)));
    for stack in STACKS {
        let work = Arc::clone(&work);
        let started = thread::Builder::new().stack_size(stack).spawn(move || {
            let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
            if let Some(work) = work {
                work();
            }
        });
        if started.is_ok() {
            return;
        }
    }
}

/// The limit of open files, if it is too low.
fn few_files() -> Option<u64> {
    #[cfg(unix)]
    {
        let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
        limit.current.filter(|files| *files < FEWEST_FILES)
    }
    #[cfg(not(unix))]
    None
}

/// Ends the process.
fn fail(failure: Failure, error_format: ErrorFormat) -> ! {
    ending::clean_up();
    let exit = failure.exit;
    let (sender, shown) = mpsc::channel();
    // The thread that computes may hold the stream.
    let _ = thread::Builder::new().spawn(move || {
        failure.show(&App::new(Arc::default()), error_format);
        let _ = sender.send(());
    });
    let _ = shown.recv_timeout(GRACE);
    std::process::exit(exit.code().into());
}

/// The template that is being rendered, as it was seen.
#[derive(Default)]
struct Renderings {
    current: Option<Rendering>,
    /// The memory of the process when no template was seen twice, in MiB.
    memory: u64,
}

struct Rendering {
    number: u64,
    since: Instant,
}

impl Renderings {
    fn look(&mut self) -> Result<(), Failure> {
        let seen = template::under_way();
        let number = seen.as_ref().map(|(number, _)| *number);
        let known = self
            .current
            .as_ref()
            .filter(|known| Some(known.number) == number);
        let Some((known, (_, place))) = known.zip(seen) else {
            self.current = number.map(|number| Rendering {
                number,
                since: Instant::now(),
            });
            self.memory = memory();
            return Ok(());
        };
        let fault =
            |words: String, place: &Place| Err(Failure::usage(Code::Template, words).at(place));
        if memory().saturating_sub(self.memory) > LARGEST_RENDERING {
            return fault(
                format!("the template takes more than {LARGEST_RENDERING} MiB of memory"),
                &place,
            );
        }
        if known.since.elapsed() > LONGEST_RENDERING {
            let limit = format_duration(LONGEST_RENDERING);
            return fault(format!("the template takes longer than {limit}"), &place);
        }
        Ok(())
    }
}

/// The memory of the process in MiB, where the system tells it.
fn memory() -> u64 {
    let bytes = bounded::regular(Path::new("/proc/self/statm"), 1024);
    let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
    // In pages, of 4 KiB nearly everywhere.
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0_u64) / 256
}
