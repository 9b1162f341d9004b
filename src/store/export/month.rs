//! The months of rows.

use jiff::civil::{Date, DateTime};
use jiff::{SignedDuration, ToSpan as _};

/// The time from which microseconds count.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);

/// The value of a partition for rows without one, as in Hive.
const NONE: &str = "__HIVE_DEFAULT_PARTITION__";

/// A month in UTC, or the one of rows without a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Month {
    /// Its name, such as `2026-11`.
    name: Option<String>,
    /// Its first microsecond since 1970.
    start: i64,
    /// The first microsecond after it.
    end: i64,
}

impl Month {
    /// Returns the month of a time in microseconds since 1970. Times outside of the calendar belong to
    /// its first or its last month.
    pub fn of(time: Option<i64>) -> Self {
        let Some(time) = time else {
            return Self {
                name: None,
                start: 0,
                end: 0,
            };
        };
        let limit = if time < 0 {
            DateTime::MIN
        } else {
            DateTime::MAX
        };
        let moment = EPOCH.checked_add(SignedDuration::from_micros(time));
        let first = moment.unwrap_or(limit).date().first_of_month();
        let next = first.checked_add(1.month());
        Self {
            name: Some(format!("{:04}-{:02}", first.year(), first.month())),
            start: if first == Date::MIN {
                i64::MIN
            } else {
                micros_of(first)
            },
            end: next.map_or(i64::MAX, micros_of),
        }
    }

    /// Returns true if a time is in this month.
    pub fn has(&self, time: Option<i64>) -> bool {
        match (time, &self.name) {
            (Some(time), Some(_)) => {
                self.start <= time && (time < self.end || self.end == i64::MAX)
            }
            (Some(_), None) => false,
            (None, name) => name.is_none(),
        }
    }

    /// Returns its name, such as `2026-11`.
    pub fn name(&self) -> Option<&str> {
        self.name.as_deref()
    }

    /// Returns the value of the partition.
    pub fn value(&self) -> &str {
        self.name().unwrap_or(NONE)
    }
}

/// Returns the microseconds since 1970 of the start of a day.
fn micros_of(day: Date) -> i64 {
    let since = day
        .to_datetime(jiff::civil::Time::midnight())
        .duration_since(EPOCH);
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::cell::micros;

    #[test]
    fn months_begin_in_utc() {
        for (time, name) in [
            ("2026-11-01T00:00:00Z", "2026-11"),
            ("2026-11-30T23:59:59.999999Z", "2026-11"),
            ("2026-12-01T00:00:00Z", "2026-12"),
            ("2026-12-01T00:30:00+01:00", "2026-11"),
            ("1969-12-31T23:59:59Z", "1969-12"),
            ("9999-12-30T00:00:00Z", "9999-12"),
            ("9999-12-31T23:59:59.999999Z", "9999-12"),
            ("0000-01-01T00:00:00Z", "0000-01"),
        ] {
            let time = micros(time).expect("a time");
            let month = Month::of(Some(time));
            assert_eq!(month.value(), name);
            assert!(month.has(Some(time)));
            assert!(!month.has(None));
            assert!(!month.has(Some(month.start - 1)));
            assert!(month.end == i64::MAX || !month.has(Some(month.end)));
        }
    }

    #[test]
    fn rows_without_a_time_have_no_month() {
        let month = Month::of(None);
        assert_eq!((month.name(), month.value()), (None, NONE));
        assert!(month.has(None));
        for time in [i64::MIN, 0, i64::MAX] {
            assert!(!month.has(Some(time)));
            assert!(Month::of(Some(time)).has(Some(time)), "every time has one");
        }
    }
}
