//! Simulations of a walk and of a sync: the code of the program in paused time, against a server, a
//! network and a process that fail at random. All chance follows from a seed, so a failure is seen
//! again, with the same requests at the same times:
//!
//! ```sh
//! RUNNER_SIMULATION=17 cargo test --lib simulation       # the seed of a failure
//! RUNNER_SIMULATION=0..5000 cargo test --lib simulation  # many seeds
//! ```
//!
//! The module [`walk`] checks that a walk is complete or says what is missing, and keeps to all limits.
//! The module [`sync`] checks that a store never holds what the server has not said, that a sync which
//! calls itself complete has missed nothing, and that none is harmed by the end of the process between
//! any two statements of its database.

mod chance;
mod circleci;
mod network;
mod seeds;
mod sync;
mod tree;
mod walk;

/// Returns what must not fail in a simulation.
fn good<T>(result: Result<T, crate::cli::failure::Failure>) -> T {
    result.unwrap_or_else(|failure| panic!("{}", failure.message))
}
