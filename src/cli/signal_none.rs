//! Signals on systems without them: the system ends the process.

use std::io;
use std::time::Duration;

/// Never occurs.
pub const HANG_UP: i32 = 1;

/// Never occurs.
pub const TERMINATE: i32 = 15;

/// No signals.
pub struct Signals;

/// Has no effect.
#[derive(Debug)]
pub struct Waker;

/// Does nothing.
///
/// # Errors
///
/// Always.
pub fn listen() -> io::Result<(Signals, Waker)> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Signals {
    /// Waits for this long.
    pub fn wait(&mut self, longest: Duration) -> Option<i32> {
        std::thread::sleep(longest);
        None
    }
}

impl Waker {
    /// Does nothing.
    pub fn wake(&self) {}

    /// Duplicates the waker.
    ///
    /// # Errors
    ///
    /// None.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self)
    }
}
