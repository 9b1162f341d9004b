//! Runs a plan: sends its requests through the transport stack, item by item and page by page, and
//! turns the responses into records.
//!
//! A [`Session`] holds the state shared by the plans of a run: connections, rate limits, credentials,
//! responses. Every item of a walk is a task (`walk`) that sends its requests (`listing`, `poll`) and passes
//! their records to the tasks of the next level or to the reader ([`Deliver`]). Tasks run in any
//! order; records are delivered in the query's order (`outlet`), in bounded memory. The failure of
//! an item does not end the walk: it goes into the [`Ledger`].
//!
//! All concurrency is here; tasks send values and never print.
//!
//! This module knows neither formats nor the terminal.

mod bare;
mod budget;
mod cache;
mod columns;
mod cover;
mod data;
mod decoded;
mod download;
mod drive;
mod error;
mod exchange;
mod expectations;
mod extent;
mod extraction;
mod failures;
mod findings;
mod gather;
mod items;
mod keys;
mod ledger;
mod levels;
mod listing;
mod live;
mod memo;
mod merging;
mod missing;
mod once;
mod outcome;
mod outlet;
mod packed;
mod page;
mod poll;
mod recorder;
mod records;
mod remainder;
mod replay;
mod response;
mod run;
mod session;
mod sorting;
mod split;
mod spooled;
mod stop;
mod stored;
pub mod sync;
mod tables;
mod unmet;
mod unread;
mod walk;
mod writes;

pub use budget::BudgetOptions;
pub use cache::{Archive, Cache};
pub use cover::{Cover, UsedPart, render};
pub use data::run_facts;
pub use drive::{FactsOfParts, run, run_beside, run_part};
pub use error::{FailedItem, Refusal, Remedy, RunError, RunErrorKind, Unmet, transport_code};
pub use exchange::{Exchange, Pending};
pub use findings::unreadable_notes;
pub use items::{FoundItems, find, find_at, find_data, find_each};
pub use ledger::{Cuts, Failures, Ledger};
pub use levels::Level;
pub use live::{Live, LiveOptions};
pub use merging::{RecordsOfParts, key_beyond_records, merge};
pub use once::Shelf;
pub use outcome::{Cut, FailedRun, Outcome, ResultKind, RunReport, first_page_note};
pub use recorder::Recorder;
pub use records::{Deliver, Discard};
pub use replay::Replay;
pub use session::{Downloads, ExecutionOptions, Session};
pub use split::{Shard, Split, TaggedSite, levels};
pub use unmet::UnmetExpectations;
pub use writes::Write;
