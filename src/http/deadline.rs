//! The time at which a request is of no use any more.

use tokio::time::Instant;

use crate::core::shutdown;

/// Returns the deadline of a run, or that of the call that is being polled if it is earlier.
pub(super) fn earliest(of_run: Option<Instant>) -> Option<Instant> {
    let of_call = shutdown::deadline().map(Instant::from_std);
    of_run.into_iter().chain(of_call).min()
}
