//! A story: what happens, and when it is forgotten.

pub mod calendar;
pub mod script;

use crate::demo::world::calendar::DAY;

/// The age at which the records of workflows expire.
pub const LIFETIME: i64 = 90 * DAY;
/// The age at which a pipeline leaves its listing.
pub const LISTED: i64 = 100 * DAY;
/// The maximum age of a pipeline that is rerun.
pub const LATEST_RERUN: i64 = 14 * DAY;
