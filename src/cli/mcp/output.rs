//! Standard output as messages, which a thread writes: a client that does not read keeps neither the
//! server nor its end waiting.

use std::cell::RefCell;
use std::io::{self, Write as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;

use crate::cli::failure::Stopped;
use crate::core::secret::Scrubber;

/// The maximum size of messages that wait to be read, in bytes.
const MOST_UNREAD: usize = 256 << 20;

/// The time for the last messages to be read.
const LAST_MESSAGES: Duration = Duration::from_secs(1);

/// Standard output.
pub struct Output {
    lines: RefCell<Option<Sender<String>>>,
    state: Arc<OutputState>,
    ended: Receiver<()>,
    scrubber: Scrubber,
}

#[derive(Default)]
struct OutputState {
    is_closed: AtomicBool,
    unread: AtomicUsize,
    changed: Notify,
}

impl Output {
    /// Starts to write messages without known secrets.
    pub fn start(scrubber: Scrubber) -> Self {
        let (lines, messages) = mpsc::channel();
        let (end, ended) = mpsc::channel();
        let state = Arc::new(OutputState::default());
        let of_thread = Arc::clone(&state);
        std::thread::spawn(move || {
            write(&messages, &of_thread);
            let _ = end.send(());
        });
        Self {
            lines: RefCell::new(Some(lines)),
            state,
            ended,
            scrubber,
        }
    }

    /// Writes a message.
    ///
    /// # Errors
    ///
    /// If the client does not read any more.
    pub fn send(&self, mut message: Value) -> Result<(), Stopped> {
        for part in ["result", "error", "params"] {
            if let Some(part) = message.get_mut(part) {
                self.scrub(part);
            }
        }
        let line = format!("{message}\n");
        let unread = self.state.unread.fetch_add(line.len(), Ordering::Relaxed);
        let is_closed = self.state.is_closed.load(Ordering::Relaxed);
        match &*self.lines.borrow() {
            Some(lines) if !is_closed && unread < MOST_UNREAD && lines.send(line).is_ok() => Ok(()),
            _ => Err(Stopped::Closed),
        }
    }

    /// Masks known secrets in texts that come from files and servers: no names of the protocol.
    fn scrub(&self, part: &mut Value) {
        const TEXTS: [&str; 6] = [
            "text",
            "message",
            "description",
            "columns",
            "records",
            "notes",
        ];
        match part {
            Value::Array(items) => items.iter_mut().for_each(|item| self.scrub(item)),
            Value::Object(members) => {
                for (name, member) in members {
                    if TEXTS.contains(&name.as_str()) && !member.is_object() {
                        self.scrubber.json(member);
                    } else {
                        self.scrub(member);
                    }
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// Waits until the client does not read any more.
    pub async fn closed(&self) {
        while !self.state.is_closed.load(Ordering::Relaxed) {
            self.state.changed.notified().await;
        }
    }

    /// Waits a moment for the last messages to be read.
    pub fn finish(&self) {
        self.lines.replace(None);
        let _ = self.ended.recv_timeout(LAST_MESSAGES);
    }
}

/// Writes messages until there are no more, or none is read.
fn write(messages: &Receiver<String>, state: &OutputState) {
    while let Ok(line) = messages.recv() {
        let mut stdout = io::stdout().lock();
        let written = stdout
            .write_all(line.as_bytes())
            .and_then(|()| stdout.flush());
        state.unread.fetch_sub(line.len(), Ordering::Relaxed);
        if written.is_err() {
            state.is_closed.store(true, Ordering::Relaxed);
            state.changed.notify_one();
            return;
        }
    }
}
