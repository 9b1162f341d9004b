//! Where there are no signals: the system ends the process.

use std::io;
use std::time::Duration;

/// Never comes.
pub const HANG_UP: i32 = 1;

/// Never comes.
pub const TERMINATE: i32 = 15;

/// No signals.
pub struct Signals;

/// Ends no wait.
#[derive(Debug)]
pub struct Waker;

/// Catches nothing.
///
/// # Errors
///
/// Always.
pub fn listen() -> io::Result<(Signals, Waker)> {
    Err(io::ErrorKind::Unsupported.into())
}

impl Signals {
    /// Waits this long.
    pub fn wait(&mut self, longest: Duration) -> Option<i32> {
        std::thread::sleep(longest);
        None
    }
}

impl Waker {
    /// Ends no wait.
    pub fn wake(&self) {}

    /// Another one.
    ///
    /// # Errors
    ///
    /// None.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(Self)
    }
}
