//! The demo on a thread of its own, which ends with its handle.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

use crate::demo::options::Options;
use crate::demo::server::{Shared, serve_shared};

/// A running demo; dropping it stops the server and its thread.
#[derive(Debug)]
pub struct Demo {
    base_url: String,
    #[cfg_attr(not(test), expect(dead_code, reason = "tests read its counts"))]
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Demo {
    /// Starts the demo on a free port of 127.0.0.1. Connections are accepted immediately.
    ///
    /// # Errors
    ///
    /// If no port or thread is available.
    pub fn start(options: Options) -> io::Result<Self> {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let base_url = format!("http://{}/api/v2", listener.local_addr()?);
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let shared = Arc::new(Shared::new(options));
        let serving = Arc::clone(&shared);
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("demo".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let Ok(listener) = TcpListener::from_std(listener) else {
                        return;
                    };
                    tokio::select! {
                        _ = serve_shared(listener, serving) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            base_url,
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Returns the base URL: `http://127.0.0.1:PORT/api/v2`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    #[cfg(test)]
    /// Returns the counts so far.
    pub fn counts(&self) -> crate::demo::count::Counts {
        self.shared.counters.read()
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // The thread may have ended already.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
