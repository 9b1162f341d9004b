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

use std::pin::pin;
use std::time::Duration;

use tokio::time::timeout;

use crate::cli::failure::Failure;
use crate::engine::Session;

/// The longest time in which a run must end, whatever happens to its requests.
const PATIENCE: Duration = Duration::from_secs(30 * 86_400);

/// The longest time in which an interrupted run must end.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Returns the value of a step that must not fail in a simulation.
fn good<T>(result: Result<T, Failure>) -> T {
    result.unwrap_or_else(|failure| panic!("{}", failure.message))
}

/// Runs a future in paused time. One that waits for nothing would otherwise wait for ever.
fn paused<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .expect("a runtime");
    let ended = runtime.block_on(async { timeout(PATIENCE, work).await });
    ended.expect("it comes to an end")
}

/// Runs a future, and interrupts its session after a time. Returns its result, and true if it was
/// interrupted.
async fn interrupted<T>(
    after: Option<Duration>,
    session: &Session,
    work: impl Future<Output = T>,
) -> (T, bool) {
    let mut work = pin!(work);
    if let Ok(result) = timeout(after.unwrap_or(PATIENCE), &mut work).await {
        return (result, false);
    }
    session.stop().set();
    let ended = timeout(LAST_WORDS, work).await;
    (ended.expect("an interrupted run ends soon"), true)
}
