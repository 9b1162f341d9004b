//! Ends work from outside: what is under way is dropped, what is done is kept.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;

use tokio::sync::Notify;

/// Said once, heard by all.
#[derive(Debug, Default)]
pub struct Stop {
    is_said: Cell<bool>,
    said: Notify,
}

impl Stop {
    /// Ends all work that waits for this.
    pub fn say(&self) {
        self.is_said.set(true);
        self.said.notify_waiters();
    }

    /// Whether it was said.
    pub fn is_said(&self) -> bool {
        self.is_said.get()
    }

    /// Waits until it is said.
    pub async fn heard(&self) {
        // Nothing runs between the question and the wait: there is one thread.
        if !self.is_said.get() {
            self.said.notified().await;
        }
    }
}

/// Tasks that end together: when the crew is dropped, so is their work.
pub struct Crew {
    stop: Rc<Stop>,
    /// Set when a task panics: its records would be missing without a word.
    panicked: Rc<Cell<bool>>,
}

impl Crew {
    /// A crew without tasks. `panicked` is set when one of them panics.
    pub fn new(panicked: &Rc<Cell<bool>>) -> Self {
        Self {
            stop: Rc::default(),
            panicked: Rc::clone(panicked),
        }
    }

    /// What other tasks hold to spawn into this crew.
    pub fn member(&self) -> Member {
        Member {
            stop: Rc::clone(&self.stop),
            panicked: Rc::clone(&self.panicked),
        }
    }

    /// Ends the tasks.
    pub fn stop(&self) {
        self.stop.say();
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.stop.say();
    }
}

/// A place in a crew.
#[derive(Clone)]
pub struct Member {
    stop: Rc<Stop>,
    panicked: Rc<Cell<bool>>,
}

impl Member {
    /// Starts a task.
    pub fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        let stop = Rc::clone(&self.stop);
        let told = Told(Rc::clone(&self.panicked), Rc::clone(&self.stop));
        tokio::task::spawn_local(async move {
            let _told = told;
            tokio::select! {
                biased;
                () = stop.heard() => {}
                () = work => {}
            }
        });
    }
}

struct Told(Rc<Cell<bool>>, Rc<Stop>);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.set(true);
            self.1.say();
        }
    }
}
