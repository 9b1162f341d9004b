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
