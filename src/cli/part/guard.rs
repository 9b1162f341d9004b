//! Ends a part with the process that started it, and with the reader of its records.

use std::io::Read as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, getppid};
use signal_hook::low_level::pipe;

use crate::cli::shutdown::{Cause, Shutdown};

/// The time between two looks at the parent where the system does not tell its end.
const LOOK: Timespec = Timespec {
    tv_sec: 1,
    tv_nsec: 0,
};

/// The process that started this one.
#[derive(Debug, Clone, Copy)]
pub struct Parent(Option<Pid>);

impl Parent {
    /// Returns the parent at present.
    pub fn now() -> Self {
        Self(getppid())
    }

    /// Starts to watch it, and the reader of standard output if records go there.
    pub fn watch(self, shutdown: &Arc<Shutdown>, has_reader: bool) {
        let Ok((mut ended, told)) = UnixStream::pair() else {
            return;
        };
        // The signal also comes if only the thread ends that started this process: then the parent
        // is still the same.
        if pipe::register(Signal::USR1.as_raw(), told).is_ok() {
            tell_of_parent();
        }
        let shutdown = Arc::clone(shutdown);
        std::thread::spawn(move || {
            loop {
                if getppid() != self.0 {
                    return shutdown.notice(Cause::ParentGone);
                }
                if is_unread(&mut ended, has_reader) {
                    return shutdown.notice(Cause::ReaderGone);
                }
            }
        });
    }
}

/// Asks for a signal at the end of the parent.
#[cfg(target_os = "linux")]
fn tell_of_parent() {
    // Without it, the parent is looked at once a second.
    let _ = rustix::process::set_parent_process_death_signal(Some(Signal::USR1));
}

#[cfg(not(target_os = "linux"))]
fn tell_of_parent() {}

/// Waits for a change. Returns true if the reader is gone.
fn is_unread(ended: &mut UnixStream, has_reader: bool) -> bool {
    let stdout = std::io::stdout();
    let mut polled = vec![PollFd::new(&*ended, PollFlags::IN)];
    if has_reader {
        // Without any event asked for, only errors are told: the reader is gone.
        polled.push(PollFd::new(&stdout, PollFlags::empty()));
    }
    // An interrupted wait is a change, too.
    let _ = poll(&mut polled, Some(&LOOK));
    let gone = PollFlags::ERR | PollFlags::HUP | PollFlags::NVAL;
    let mut reader = polled.iter().skip(1);
    let is_unread = reader.any(|polled| polled.revents().intersects(gone));
    let is_told = polled[0].revents().contains(PollFlags::IN);
    drop(polled);
    if is_told {
        let _ = ended.read(&mut [0; 64]);
    }
    is_unread
}
