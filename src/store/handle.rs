//! The handle of an open store.

use std::path::Path;

use crate::store::connection::Connection;
use crate::store::error::StoreError;

/// A store.
pub struct Store {
    pub(super) db: Box<dyn Connection>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Store").finish_non_exhaustive()
    }
}

/// Opens an existing store, several times and on any thread.
pub trait OpenStore: Send + Sync {
    /// Opens the store.
    ///
    /// # Errors
    ///
    /// If there is none, it cannot be opened, or it was written by a later version.
    fn open(&self) -> Result<Store, StoreError>;

    /// Returns its file, if it is one.
    fn file(&self) -> Option<&Path>;
}
