//! The thread of a store.

use std::sync::mpsc;
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use crate::store::Store;

type Work = Box<dyn FnOnce(&mut Store) + Send>;

/// The amount of work that may wait before a caller does.
const QUEUE: usize = 64;

/// A store on a thread of its own, since databases block. Dropping it waits for pending work.
#[derive(Debug)]
pub struct StoreThread {
    sender: Option<mpsc::SyncSender<Work>>,
    thread: Option<JoinHandle<()>>,
    #[cfg(test)]
    simulated: Option<simulated::StoreInPlace>,
}

impl StoreThread {
    /// Starts the thread.
    pub fn start(mut store: Store) -> Self {
        let (sender, works) = mpsc::sync_channel::<Work>(QUEUE);
        let thread = std::thread::spawn(move || {
            for work in works {
                work(&mut store);
            }
        });
        Self {
            sender: Some(sender),
            thread: Some(thread),
            #[cfg(test)]
            simulated: None,
        }
    }

    /// Runs work on the thread and returns its result.
    pub async fn call<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> T + Send + 'static,
    ) -> T {
        self.begin(work)
            .await
            .expect("the thread of the store answers or has panicked")
    }

    /// Queues work on the thread. The receiver gets its result.
    pub fn begin<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Store) -> T + Send + 'static,
    ) -> oneshot::Receiver<T> {
        #[cfg(test)]
        if let Some(store) = &self.simulated {
            return store.begin(work);
        }
        let (sender, receiver) = oneshot::channel();
        let work: Work = Box::new(move |store| {
            // A caller that is gone needs no result.
            let _ = sender.send(work(store));
        });
        if let Some(queue) = &self.sender {
            // If the thread has panicked, the receiver says so.
            let _ = queue.send(work);
        }
        receiver
    }
}

impl Drop for StoreThread {
    fn drop(&mut self) {
        drop(self.sender.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[cfg(test)]
mod simulated {
    use std::cell::RefCell;
    use std::time::Duration;

    use tokio::sync::oneshot;

    use super::StoreThread;
    use crate::store::Store;

    /// A store without a thread, whose work takes time of a paused clock: a clock that stands still
    /// for a thread would depend on how fast that is.
    pub struct StoreInPlace {
        store: RefCell<Store>,
        takes: Box<dyn Fn() -> Duration>,
    }

    impl std::fmt::Debug for StoreInPlace {
        fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            formatter
                .debug_struct("StoreInPlace")
                .finish_non_exhaustive()
        }
    }

    impl StoreInPlace {
        pub fn begin<T: Send + 'static>(
            &self,
            work: impl FnOnce(&mut Store) -> T + Send + 'static,
        ) -> oneshot::Receiver<T> {
            let (sender, receiver) = oneshot::channel();
            let result = work(&mut self.store.borrow_mut());
            let duration = (self.takes)();
            tokio::spawn(async move {
                tokio::time::sleep(duration).await;
                let _ = sender.send(result);
            });
            receiver
        }
    }

    impl StoreThread {
        /// Creates one for simulations, called within a runtime. Each work takes a given time.
        pub fn simulated(store: Store, takes: impl Fn() -> Duration + 'static) -> Self {
            let store = RefCell::new(store);
            let takes = Box::new(takes);
            Self {
                sender: None,
                thread: None,
                simulated: Some(StoreInPlace { store, takes }),
            }
        }
    }
}
