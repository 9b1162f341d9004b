//! As `guard`, where processes cannot watch each other: a part ends when it writes to a closed output.

use std::sync::Arc;

use crate::cli::shutdown::Shutdown;

/// Does nothing.
pub fn start(_: &Arc<Shutdown>, _: bool) {}
