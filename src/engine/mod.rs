//! Drives a plan: sends its request through the transport stack, reads the answer, makes records.
//!
//! A [`Session`] holds what the plans of a run share: connections, budgets, credentials. Concurrency
//! lives here and nowhere else; workers send values and never print.
//!
//! This module knows neither formats nor the terminal nor files.

mod answer;
mod error;
mod records;
mod session;

pub use answer::{Answer, Outcome, Want, run};
pub use error::{RunError, RunErrorKind};
pub use session::{Session, SessionOptions};
