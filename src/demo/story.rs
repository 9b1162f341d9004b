//! Stories: periods in the life of a small organization, seen at the time of a scripted clock.
//!
//! The data that the API shows follow from the seed and the clock alone, however the clock got
//! there, except for what write requests did. `world::story` has the script.

use std::time::Duration;

use jiff::Timestamp;

/// A story: its name and its period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Story {
    /// The name, as in `--story`.
    pub name: &'static str,
    /// The midnight with which the first day, a Monday, begins.
    pub first_day: Timestamp,
    days: u64,
}

const HOUR: u64 = 3600;
const DAY: u64 = 24 * HOUR;

/// The time of day at which stories begin and end.
const MORNING: Duration = Duration::from_secs(9 * HOUR);

impl Story {
    /// Ten days of two projects with about twenty pipelines a working day, after a quiet summer with
    /// one a week, whose records expire meanwhile.
    pub const WEEK: Self = Self {
        name: "week",
        first_day: Timestamp::constant(1_794_787_200, 0),
        days: 10,
    };

    /// A hundred such days, at the end of which the records of the first ten have expired.
    pub const QUARTER: Self = Self {
        name: "quarter",
        first_day: Timestamp::constant(1_786_924_800, 0),
        days: 100,
    };

    /// All stories.
    pub const ALL: [Self; 2] = [Self::WEEK, Self::QUARTER];

    /// Returns the story with a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|story| story.name == name)
    }

    /// Returns the time at which it begins: in the morning of its first day.
    pub fn begin(self) -> Timestamp {
        self.first_day + MORNING
    }

    /// Returns the time at which it ends. No pipeline starts later.
    pub fn end(self) -> Timestamp {
        self.after(self.days)
    }

    /// Returns the time at which a store that was synchronized `syncs` times before sees the story:
    /// the first time after seven days, then a day later each time, and at last its end.
    pub fn time_of_sync(self, syncs: u64) -> Timestamp {
        self.after(syncs.saturating_add(7).min(self.days))
    }

    fn after(self, days: u64) -> Timestamp {
        self.begin() + Duration::from_secs(days * DAY)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stories_begin_on_a_monday_morning_and_end() {
        for story in Story::ALL {
            assert_eq!(
                story.first_day.strftime("%a %H:%M").to_string(),
                "Mon 00:00"
            );
            assert_eq!(Story::named(story.name), Some(story));
        }
        assert_eq!(Story::WEEK.begin().to_string(), "2026-11-16T09:00:00Z");
        assert_eq!(Story::WEEK.end().to_string(), "2026-11-26T09:00:00Z");
        assert_eq!(Story::QUARTER.end().to_string(), "2026-11-25T09:00:00Z");
        assert_eq!(Story::named("year"), None);
    }

    #[test]
    fn each_sync_is_a_day_later_until_the_end() {
        let times = [0, 1, 3, 4, u64::MAX].map(|syncs| Story::WEEK.time_of_sync(syncs).to_string());
        assert_eq!(
            times,
            [
                "2026-11-23T09:00:00Z",
                "2026-11-24T09:00:00Z",
                "2026-11-26T09:00:00Z",
                "2026-11-26T09:00:00Z",
                "2026-11-26T09:00:00Z"
            ]
        );
    }
}
