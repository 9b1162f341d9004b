//! The demo on a thread of its own, which ends with its handle.

use std::io;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::net::TcpListener;
use tokio::runtime;
use tokio::sync::oneshot;

use crate::demo::options::Options;
use crate::demo::server::{Listeners, Shared, serve_shared};

/// A running demo; dropping it stops the server and its thread.
#[derive(Debug)]
pub struct Demo {
    origin: String,
    storage_origin: String,
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
        let [api, storage] = [listener()?, listener()?];
        let address = storage.local_addr()?;
        let origin = format!("http://{}", api.local_addr()?);
        let runtime = runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        let shared = Arc::new(Shared::new(options, address));
        let serving = Arc::clone(&shared);
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new()
            .name("demo".to_owned())
            .spawn(move || {
                runtime.block_on(async {
                    let listeners = TcpListener::from_std(api).and_then(|api| {
                        let storage = TcpListener::from_std(storage)?;
                        Ok(Listeners { api, storage })
                    });
                    let Ok(listeners) = listeners else {
                        return;
                    };
                    tokio::select! {
                        _ = serve_shared(listeners, serving) => {}
                        _ = stopped => {}
                    }
                });
            })?;
        Ok(Self {
            origin,
            storage_origin: format!("http://{address}"),
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Returns the origin of its APIs: `http://127.0.0.1:PORT`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Returns the origin of artifacts, step output and usage exports: `http://127.0.0.1:PORT`,
    /// with another port than the API's.
    pub fn storage_origin(&self) -> &str {
        &self.storage_origin
    }

    #[cfg(test)]
    /// Returns the counts so far.
    pub fn counts(&self) -> crate::demo::count::Counts {
        self.shared.counters.read()
    }
}

fn listener() -> io::Result<std::net::TcpListener> {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    listener.set_nonblocking(true)?;
    Ok(listener)
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
