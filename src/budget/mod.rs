//! A rate limit that several processes share, in a table of a PostgreSQL database.
//!
//! The table `runner_budget` has a row for each origin and credential. Its `tat` is the time at which
//! all slots granted so far are used up (generic cell rate algorithm): granting slots moves it on, in
//! one statement. Times are the database's, and answers are durations, so that the clocks of the
//! processes do not matter. Permits are advisory locks of the session: they are free as soon as their
//! process is gone. So there is nothing to clean up.
//!
//! This module knows neither requests nor resources; it blocks, and runs on a thread of its own.
//!
//! ```text
//! let address = ServerAddress::parse("postgres://ci@db.example.com/ci", Purpose::Budget)?;
//! let name = budget_name("https://circleci.com", &identity);
//! let mut budget = BudgetConnection::open(&address, None, &name)?;
//! let grant = budget.ask(&ask)?;
//! ```

mod connection;
mod name;
mod permits;

#[cfg(test)]
mod tests;

pub use connection::BudgetConnection;
pub use name::budget_name;
