//! `runner sync`: keeps the records of queries in a store.
//!
//! A sync asks four sets of items and nothing else: new ones (or those that changed), unfinished
//! ones, young ones (by a rule that thins with age), and those that failed before. The store says
//! which they are. The life of a table: [`sync_table`] binds its query from the store's position,
//! [`listing`] notes the items, [`item`] asks those that are due and writes each with its state in
//! one transaction; a query without items is one listing of rows ([`flat`]).
//!
//! The store blocks, so it has a thread of its own ([`StoreThread`]).

mod done;
mod flat;
mod item;
mod listing;
mod partition;
mod redact;
mod report;
mod syncing;
mod table;
mod thread;

pub use redact::Redactor;
pub use report::{SyncFailure, TableOutcome, TableReport};
pub use syncing::{Job, SyncOptions};
pub use table::sync_table;
pub use thread::StoreThread;
