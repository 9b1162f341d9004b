//! Records kept over time, in SQLite or PostgreSQL.
//!
//! A [`Store`] has a table for each query that says `store`. A *partition* is the rows of a table
//! that one set of vars brings: it has a position (the start of the last sync that walked its
//! listing without a hole) and the state of its items ([`items`]). A sync opens the store, takes its
//! lock ([`Store::begin_sync`]), and writes the rows of one item with its state in one transaction,
//! so that a process may end at any moment.
//!
//! This module knows neither queries nor requests; it blocks, and runs on a thread of its own.

pub mod address;
pub mod cell;
mod connection;
mod coverage;
mod error;
pub mod export;
mod format;
mod handle;
pub mod items;
mod names;
mod partition;
mod postgres;
mod pseudonym;
mod read;
mod rows;
mod sqlite;
mod table;
mod times;
mod unfinished;
mod upkeep;

#[cfg(test)]
pub mod crashing;
#[cfg(test)]
pub mod tests;

pub use address::{Purpose, ServerAddress, StoreAccess, StoreAddress};
pub use connection::{Connection, Row};
pub use coverage::{Coverage, Gone, WholeAnswer};
pub use error::{StoreError, StoreErrorKind};
pub use handle::{OpenStore, Store};
pub use items::{FoundItem, ItemOutcome, PendingItem, Reason};
pub use names::{OWN_COLUMNS, SHOWN_COLUMNS, check_name};
pub use partition::{Partition, SyncStart};
pub use pseudonym::Salt;
pub use read::{Selection, view};
pub use rows::{IncomingRow, Keys, RowCounts, bounded_key};
pub use sqlite::Opening;
pub use table::{StoredTable, TableDefinition, table_name};
pub use upkeep::TableStatus;
