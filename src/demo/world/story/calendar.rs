//! The times of a story's pipelines.

use crate::demo::story::Story;
use crate::demo::world::calendar::{DAY, HOUR, MINUTE};
use crate::demo::world::random::Dice;

/// The number of weekly pipelines before the first day that are listed.
pub const BEFORE: i64 = 15;
/// Pipelines of a project in a week: so many on each working day, one on each day of the weekend.
const A_WEEK: i64 = 5 * A_DAY + 2;
const A_DAY: i64 = 10;

const NIGHTLY_AT: i64 = 2 * HOUR;
const MORNING: i64 = 7 * HOUR;
const WEEKEND_AT: i64 = 11 * HOUR;
const EVERY: i64 = 72 * MINUTE;
const JITTER: i64 = 35 * MINUTE;

/// Returns the numbers of the oldest listed and of the newest pipeline of a project.
pub fn numbers(story: Story, oldest: u32) -> (u32, u32) {
    let (first_day, end) = (
        story.first_day.as_millisecond(),
        story.end().as_millisecond(),
    );
    let weeks = (end - first_day) / (7 * DAY) + 1;
    let begun = (0..weeks * A_WEEK)
        .take_while(|index| earliest(first_day, *index) + JITTER <= end)
        .count();
    let count = u32::try_from(BEFORE).unwrap_or(0) + u32::try_from(begun).unwrap_or(0);
    (oldest, oldest + count - 1)
}

/// Returns the time of the pipeline with an index: from 0 in the story, negative before it.
pub fn time_of(first_day: i64, index: i64, dice: &mut Dice) -> i64 {
    let jitter = if is_nightly(index) { 5_000 } else { JITTER };
    earliest(first_day, index) + dice.between(0, jitter)
}

fn earliest(first_day: i64, index: i64) -> i64 {
    if index < 0 {
        return first_day + index * 7 * DAY + 2 * DAY + MORNING;
    }
    let (week, in_week) = (index / A_WEEK, index % A_WEEK);
    let (day, at) = match in_week - 5 * A_DAY {
        weekend @ 0.. => (5 + weekend, WEEKEND_AT),
        _ => match in_week % A_DAY {
            0 => (in_week / A_DAY, NIGHTLY_AT),
            later => (in_week / A_DAY, MORNING + (later - 1) * EVERY),
        },
    };
    first_day + (week * 7 + day) * DAY + at
}

/// Returns true if the pipeline with an index is the nightly one of its day.
pub fn is_nightly(index: i64) -> bool {
    let in_week = index.rem_euclid(A_WEEK);
    index >= 0 && in_week < 5 * A_DAY && in_week % A_DAY == 0
}
