//! Catches signals that end the process, one at a time.
//!
//! SIGQUIT is not caught. SIGPIPE is ignored by the runtime: a closed reader is a write error. A SIGHUP
//! ignored by the parent (`nohup`) stays ignored.

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

/// Sent by container and job managers.
pub const TERMINATE: i32 = SIGTERM;

/// Incoming signals.
pub struct Signals {
    pipe: UnixStream,
    came: Vec<(i32, Arc<AtomicBool>)>,
}

/// Ends a wait for signals, also when dropped.
#[derive(Debug)]
pub struct Waker(UnixStream);

/// Starts catching the signals.
///
/// # Errors
///
/// If there are no file descriptors left: then nothing is caught.
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
        // In this order, so that the flag is set before the wait ends.
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
            // A zero timeout would mean no timeout.
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

    /// Duplicates the waker.
    ///
    /// # Errors
    ///
    /// If there are no file descriptors left.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }
}

impl Drop for Waker {
    fn drop(&mut self) {
        self.wake();
    }
}

/// Returns true if the parent ignores a signal, as far as the system reports it.
fn is_ignored(signal: i32) -> bool {
    let status = bounded::regular(Path::new("/proc/self/status"), 64 * 1024);
    let status = String::from_utf8_lossy(&status.unwrap_or_default()).into_owned();
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}
