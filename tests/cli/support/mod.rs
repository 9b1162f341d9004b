//! Support of the behaviour tests: a project in a temporary folder, a scripted HTTP server, and
//! the built binary run as a person would run it.
//!
//! A test says what the server is to be asked, what the project holds and what is typed, and
//! compares [`Outcome::snapshot`]. Three things are asserted without being asked for: the server
//! saw exactly what was expected, the program ended in time, and no secret came out.
//!
//! Nothing here knows what a query means: that is for the tests.

mod exchange;
mod hex;
mod live;
mod outcome;
mod project;
mod redact;
mod run;
mod secrets;
mod server;
mod wire;

#[cfg(test)]
mod tests;

pub use exchange::{Answer, Exchange, Fault};
pub use hex::{hex, sha256};
pub use live::{LiveServer, Response};
pub use outcome::Outcome;
pub use project::Project;
pub use run::Run;
pub use secrets::CANARY;
pub use server::Server;
pub use wire::Received;
