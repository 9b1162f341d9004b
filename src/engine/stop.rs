//! Cancellation of tasks: pending work is dropped, completed work is kept.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;

use tokio::sync::Notify;

/// A cancellation signal. It stays set.
#[derive(Debug, Default)]
pub struct Stop {
    is_set: Cell<bool>,
    notify: Notify,
}

impl Stop {
    /// Sets the signal.
    pub fn set(&self) {
        self.is_set.set(true);
        self.notify.notify_waiters();
    }

    /// Returns true if the signal is set.
    pub fn is_set(&self) -> bool {
        self.is_set.get()
    }

    /// Waits until the signal is set.
    pub async fn wait(&self) {
        // Single-threaded: the signal cannot be set between the check and the wait.
        if !self.is_set.get() {
            self.notify.notified().await;
        }
    }
}

/// A group of tasks. Dropping it cancels them.
pub struct Crew {
    stop: Rc<Stop>,
    /// Set when a task panics: its records would be missing silently.
    panicked: Rc<Cell<bool>>,
}

impl Crew {
    /// Creates an empty group. `panicked` is set when one of its tasks panics.
    pub fn new(panicked: &Rc<Cell<bool>>) -> Self {
        Self {
            stop: Rc::default(),
            panicked: Rc::clone(panicked),
        }
    }

    /// Returns a handle for spawning further tasks into this group.
    pub fn member(&self) -> Member {
        Member {
            stop: Rc::clone(&self.stop),
            panicked: Rc::clone(&self.panicked),
        }
    }

    /// Returns the signal that cancels the tasks.
    pub fn ender(&self) -> Rc<Stop> {
        Rc::clone(&self.stop)
    }

    /// Cancels the tasks.
    pub fn stop(&self) {
        self.stop.set();
    }
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.stop.set();
    }
}

/// A handle for spawning tasks into a group.
#[derive(Clone)]
pub struct Member {
    stop: Rc<Stop>,
    panicked: Rc<Cell<bool>>,
}

impl Member {
    /// Starts a task.
    pub fn spawn(&self, work: impl Future<Output = ()> + 'static) {
        let stop = Rc::clone(&self.stop);
        let guard = PanicGuard(Rc::clone(&self.panicked), Rc::clone(&self.stop));
        tokio::task::spawn_local(async move {
            let _guard = guard;
            tokio::select! {
                biased;
                () = stop.wait() => {}
                () = work => {}
            }
        });
    }
}

struct PanicGuard(Rc<Cell<bool>>, Rc<Stop>);

impl Drop for PanicGuard {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.set(true);
            self.1.set();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::task::LocalSet;

    use super::*;

    struct Dropped(Rc<Cell<u32>>);

    impl Drop for Dropped {
        fn drop(&mut self) {
            self.0.set(self.0.get() + 1);
        }
    }

    async fn settle() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_waits_begun_before_and_after_it() {
        let stop = Rc::new(Stop::default());
        let work = LocalSet::new();
        let early = work.spawn_local({
            let stop = Rc::clone(&stop);
            async move { stop.wait().await }
        });
        work.run_until(async {
            settle().await;
            assert!(!stop.is_set() && !early.is_finished());
            stop.set();
            stop.set();
            stop.wait().await;
            early.await.expect("it heard");
        })
        .await;
        assert!(stop.is_set());
    }

    #[tokio::test(start_paused = true)]
    async fn a_crew_ends_its_tasks_and_no_others() {
        LocalSet::new()
            .run_until(async {
                let panicked = Rc::new(Cell::new(false));
                let ended = Rc::new(Cell::new(0));
                let (first, second) = (Crew::new(&panicked), Crew::new(&panicked));
                for crew in [&first, &first, &second] {
                    let guard = Dropped(Rc::clone(&ended));
                    crew.member().spawn(async move {
                        let _guard = guard;
                        std::future::pending::<()>().await;
                    });
                }
                settle().await;
                first.stop();
                settle().await;
                assert_eq!(ended.get(), 2);
                // A task spawned after cancellation does not start.
                first.member().spawn({
                    let ended = Rc::clone(&ended);
                    async move { ended.set(100) }
                });
                settle().await;
                assert_eq!(ended.get(), 2);
                drop(second);
                settle().await;
                assert_eq!((ended.get(), panicked.get()), (3, false));
            })
            .await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_task_that_panics_ends_its_crew_and_is_noted() {
        LocalSet::new()
            .run_until(async {
                let panicked = Rc::new(Cell::new(false));
                let ended = Rc::new(Cell::new(0));
                let crew = Crew::new(&panicked);
                let guard = Dropped(Rc::clone(&ended));
                crew.member().spawn(async move {
                    let _guard = guard;
                    std::future::pending::<()>().await;
                });
                crew.member().spawn(async {
                    // Not `panic!`, whose hook would print to the tests' output.
                    std::panic::resume_unwind(Box::new("on purpose"));
                });
                settle().await;
                assert_eq!((ended.get(), panicked.get()), (1, true));
            })
            .await;
    }
}
