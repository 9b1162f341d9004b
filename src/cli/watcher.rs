//! Ends the process on signals, on the time limit, and when a template exceeds its limits.
//!
//! The verb runs on a thread of its own; the first thread watches. An event is passed as a [`Cause`] to
//! the verb, which delivers what it has and ends. A verb that does not react within [`GRACE`], because
//! it is computing, is ended with the process.

use std::path::Path;
use std::process::ExitCode;
use std::sync::mpsc::{self, TryRecvError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::cli::app::App;
use crate::cli::failure::{ErrorFormat, Failure};
use crate::cli::shutdown::{Cause, GRACE, Shutdown};
use crate::cli::signal;
use crate::core::code::Code;
use crate::core::shutdown;
use crate::core::source::Place;
use crate::core::time::format_duration;
use crate::project::load::bounded;
use crate::template;

/// The interval at which templates are checked.
const PERIOD: Duration = Duration::from_millis(100);

/// The maximum time of rendering one template.
const LONGEST_RENDERING: Duration = Duration::from_secs(60);

/// The maximum memory of rendering one template, in MiB.
const LARGEST_RENDERING: u64 = 1024;

/// Stack sizes to try. Deeply nested values are dropped recursively. Stack memory is only allocated
/// when used; if it is limited, a smaller stack is tried.
const STACKS: [usize; 3] = [1 << 30, 1 << 26, 1 << 23];

/// A run needs some file descriptors besides those of its connections.
const FEWEST_FILES: u64 = 32;

/// Runs a verb with a watcher.
pub fn watched(
    error_format: ErrorFormat,
    verb: impl FnOnce(Arc<Shutdown>) -> ExitCode + Send + 'static,
) -> ExitCode {
    if let Some(files) = few_files() {
        let words = format!(
            "the limit of open files (`ulimit -n`) is {files}, but runner needs {FEWEST_FILES}"
        );
        fail(Failure::usage(Code::CannotStart, words), error_format);
    }
    let shutdown = Arc::new(Shutdown::default());
    // Without file descriptors for it there is no watcher, and signals have their default effect.
    let Ok((mut signals, waker)) = signal::listen() else {
        return verb(shutdown);
    };
    let wakes_at_end = waker.try_clone();
    shutdown.wake_by(waker);
    let (sender, code) = mpsc::channel();
    let of_verb = Arc::clone(&shutdown);
    start(move || {
        // Dropped, and thereby woken, even if the verb panics.
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
        let wait = match renderings.look().and_then(|()| shutdown.look()) {
            Ok(wait) => wait.map_or(PERIOD, |wait| wait.min(PERIOD)),
            Err(failure) => fail(failure, error_format),
        };
        if let Some(signal) = signals.wait(wait) {
            shutdown.notice(Cause::Signal(signal));
        }
    }
}

/// Starts a thread with the largest possible stack.
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

/// Returns the limit of open files if it is too low.
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
    shutdown::clean_up();
    let exit = failure.exit;
    let (sender, shown) = mpsc::channel();
    // The computing thread may hold the stream's lock.
    let _ = thread::Builder::new().spawn(move || {
        failure.show(&App::new(Arc::default()), error_format);
        let _ = sender.send(());
    });
    let _ = shown.recv_timeout(GRACE);
    std::process::exit(exit.code().into());
}

/// The template being rendered, as last seen.
#[derive(Default)]
struct Renderings {
    current: Option<Rendering>,
    /// The memory of the process at the last time a template had changed, in MiB.
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
                format!("the template uses more than {LARGEST_RENDERING} MiB of memory"),
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

/// Returns the memory of the process in MiB, if the system reports it.
fn memory() -> u64 {
    let bytes = bounded::regular(Path::new("/proc/self/statm"), 1024);
    let text = String::from_utf8_lossy(&bytes.unwrap_or_default()).into_owned();
    // In pages, of 4 KiB nearly everywhere.
    let pages = text.split(' ').nth(1).and_then(|pages| pages.parse().ok());
    pages.unwrap_or(0_u64) / 256
}
