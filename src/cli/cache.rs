//! The folder of the response cache.

use std::path::PathBuf;
use std::rc::Rc;
use std::time::SystemTime;

use jiff::Timestamp;

use crate::cli::app::App;
use crate::cli::options::CacheArgs;
use crate::engine::{Archive, Cache};
use crate::sink::CacheFolder;

/// The cache of a run.
pub struct RunCache {
    folder: Rc<CacheFolder>,
    is_refreshing: bool,
}

impl RunCache {
    /// Creates the cache, unless it is disabled. Prints a note if there is no folder for it.
    pub fn new(args: CacheArgs, app: &App, is_quiet: bool) -> Option<Self> {
        if args.no_cache {
            return None;
        }
        let Some(folder) = folder(app) else {
            if !is_quiet {
                app.eprintln("note: no folder for the cache: set `RUNNER_CACHE_DIR` or `HOME`");
            }
            return None;
        };
        Some(Self {
            folder: Rc::new(CacheFolder::new(&folder)),
            is_refreshing: args.refresh,
        })
    }

    /// Returns the cache for the engine.
    pub fn cache(&self) -> Cache {
        Cache {
            archive: Rc::new(ResponseArchive(Rc::clone(&self.folder))),
            clock: Rc::new(now),
            is_refreshing: self.is_refreshing,
        }
    }

    /// Sweeps the cache after a run, and reports errors.
    pub fn finish(&self, app: &App, is_quiet: bool) {
        self.folder.sweep(now());
        if let Some(fault) = self.folder.fault().filter(|_| !is_quiet) {
            app.eprintln(&format!("note: cannot write to the cache: {fault}"));
        }
    }
}

struct ResponseArchive(Rc<CacheFolder>);

impl Archive for ResponseArchive {
    fn find(&self, key: &[&[u8]]) -> Option<Vec<u8>> {
        self.0.find(key)
    }

    fn put(&self, key: &[&[u8]], bytes: &[u8], until: SystemTime) {
        self.0.put(key, bytes, until);
    }
}

/// Returns the time of day.
pub fn now() -> SystemTime {
    Timestamp::now().into()
}

/// Returns `RUNNER_CACHE_DIR`, or `runner` below `XDG_CACHE_HOME` or `~/.cache`, on macOS too.
fn folder(app: &App) -> Option<PathBuf> {
    let path = |name: &str| {
        let value = app.env.get(name).filter(|value| !value.is_empty());
        value.map(PathBuf::from)
    };
    if let Some(own) = path("RUNNER_CACHE_DIR") {
        return Some(app.working_directory.join(own));
    }
    // A relative path must be ignored (XDG Base Directory Specification).
    let shared = path("XDG_CACHE_HOME").filter(|path| path.is_absolute());
    let below_home = || Some(path("HOME")?.join(".cache"));
    Some(shared.or_else(below_home)?.join("runner"))
}
