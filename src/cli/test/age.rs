//! Warns about old recordings: `tests: { max_age: 180d }` in the project file.
//!
//! This is the only use of the real clock by `runner test`, and never fails a case.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;

use crate::cli::test::judge::Verdict;
use crate::core::time::format_duration;

/// Returns a line for each recording that is older than the maximum.
pub fn warnings(
    verdicts: &[Verdict<'_>],
    most: Option<Duration>,
    now: Timestamp,
) -> BTreeSet<String> {
    let Some(most) = most else {
        return BTreeSet::new();
    };
    let old = verdicts.iter().filter_map(|verdict| {
        let age = age(verdict.recorded?, now).filter(|age| *age > most)?;
        let name = verdict.task.name();
        let (age, most) = (format_duration(age), format_duration(most));
        Some(format!(
            "warning: the recording of {name} is {age} old, more than {most}; \
             record it anew: `runner record {name}`"
        ))
    });
    old.collect()
}

/// Returns the time since a recording; `None` if it is from the future.
fn age(recorded: Timestamp, now: Timestamp) -> Option<Duration> {
    let seconds = now.as_second().checked_sub(recorded.as_second())?;
    u64::try_from(seconds).ok().map(Duration::from_secs)
}
