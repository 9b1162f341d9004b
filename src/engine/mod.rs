//! Drives a plan: sends its requests through the transport stack, page after page, and makes
//! records of the answers.
//!
//! A [`Session`] holds what the plans of a run share: connections, budgets, credentials. Records
//! are delivered as they come ([`Deliver`]), so that memory does not grow with their number.
//! Concurrency lives here and nowhere else; workers send values and never print.
//!
//! This module knows neither formats nor the terminal nor files.

mod answer;
mod error;
mod records;
mod run;
mod session;

pub use error::{RunError, RunErrorKind};
pub use records::Deliver;
pub use run::{Cut, Outcome, Report, Want, run};
pub use session::{Session, SessionOptions};
