//! Drives a plan: sends its requests through the transport stack, item by item and page after
//! page, and makes records of the answers.
//!
//! A [`Session`] holds what the plans of a run share: connections, budgets, credentials, answers.
//! Every item of a walk is a task (`walk`), which makes its requests (`listing`) and hands what they
//! give to the tasks below it or to whoever takes the records ([`Deliver`]). Tasks run in any
//! order; records come in the query's (`outlet`), and memory does not grow with their number. One
//! item's failure does not end the walk: it goes into the [`Ledger`].
//!
//! Concurrency lives here and nowhere else; workers send values and never print.
//!
//! This module knows neither formats nor the terminal nor files.

mod answer;
mod cache;
mod columns;
mod data;
mod drive;
mod error;
mod failures;
mod findings;
mod items;
mod ledger;
mod levels;
mod listing;
mod memo;
mod once;
mod outcome;
mod outlet;
mod packed;
mod page;
mod records;
mod run;
mod session;
mod stop;
mod unread;
mod walk;
mod writes;

pub use cache::{Archive, Cache};
pub use data::run_facts;
pub use drive::run;
pub use error::{
    FailedItem, Refusal, Remedy, RunError, RunErrorKind, Unmet, transport_code, transport_message,
};
pub use findings::no_times;
pub use items::{Found, find};
pub use ledger::{Cuts, Failures, Ledger};
pub use levels::{Level, Levels};
pub use once::Shelf;
pub use outcome::{Cut, Outcome, Report, Want, first_page_note};
pub use records::Deliver;
pub use session::{Manner, Session, SessionOptions};
pub use stop::Stop;
pub use writes::{Write, Writes};
