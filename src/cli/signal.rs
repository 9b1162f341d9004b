//! Signals that end the process, one at a time.
//!
//! SIGQUIT is left as the hard way out. SIGPIPE is ignored by the runtime: a reader that has gone is
//! an error of the write. A SIGHUP that the parent ignores (`nohup`) stays ignored.

use std::io::{self, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::{flag, low_level};

use crate::project::load::bounded;

/// A closed terminal or connection.
pub const HANG_UP: i32 = SIGHUP;

/// What a container's or a job's runner sends.
pub const TERMINATE: i32 = SIGTERM;

/// Signals as they come.
pub struct Signals {
    pipe: UnixStream,
    came: Vec<(i32, Arc<AtomicBool>)>,
}

/// Ends a wait for signals, also by being dropped.
#[derive(Debug)]
pub struct Waker(UnixStream);

/// Catches the signals from now on.
///
/// # Errors
///
/// If there are no descriptors left for it: then nothing is caught.
pub fn listen() -> io::Result<(Signals, Waker)> {
    let (pipe, other) = UnixStream::pair()?;
    let mut caught = Vec::new();
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        if signal != SIGHUP || !is_ignored(signal) {
            caught.push((signal, Arc::default(), other.try_clone()?));
        }
    }
    let mut came = Vec::new();
    for (signal, flag, end) in caught {
        // In this order: whoever is woken finds the flag set.
        flag::register(signal, Arc::clone(&flag))?;
        low_level::pipe::register(signal, end)?;
        came.push((signal, flag));
    }
    Ok((Signals { pipe, came }, Waker(other)))
}

impl Signals {
    /// Waits for a signal, for a [`Waker`], or for this long.
    pub fn wait(&mut self, longest: Duration) -> Option<i32> {
        self.take().or_else(|| {
            // Zero is no bound to the socket.
            let longest = longest.max(Duration::from_millis(1));
            let _ = self.pipe.set_read_timeout(Some(longest));
            let _ = self.pipe.read(&mut [0; 64]);
            self.take()
        })
    }

    fn take(&self) -> Option<i32> {
        self.came
            .iter()
            .find_map(|(signal, flag)| flag.swap(false, Ordering::SeqCst).then_some(*signal))
    }
}

impl Waker {
    /// Ends a wait.
    pub fn wake(&self) {
        let _ = (&self.0).write(&[0]);
    }

    /// Another one.
    ///
    /// # Errors
    ///
    /// If there are no descriptors left.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        self.wake();
    }
}

/// Returns true if the parent ignores a signal, where the system tells it.
fn is_ignored(signal: i32) -> bool {
    let status = bounded::regular(Path::new("/proc/self/status"), 64 * 1024);
    let status = String::from_utf8_lossy(&status.unwrap_or_default()).into_owned();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
