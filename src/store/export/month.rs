//! The months of rows.

use jiff::Timestamp;
use jiff::ToSpan as _;
use jiff::tz::TimeZone;

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
    /// Returns the month of a time in microseconds since 1970. A time outside of the calendar has none.
    pub fn of(time: Option<i64>) -> Self {
        time.and_then(Self::of_time).unwrap_or(Self {
            name: None,
            start: 0,
            end: 0,
        })
    }

    fn of_time(time: i64) -> Option<Self> {
        let time = Timestamp::from_microsecond(time).ok()?;
        let first = TimeZone::UTC.to_datetime(time).date().first_of_month();
        let micros = |date: jiff::civil::Date| {
            let start = date.to_zoned(TimeZone::UTC).ok()?;
            Some(start.timestamp().as_microsecond())
        };
        let next = first.checked_add(1.month()).ok();
        Some(Self {
            name: Some(format!("{:04}-{:02}", first.year(), first.month())),
            start: micros(first)?,
            end: next.and_then(micros).unwrap_or(i64::MAX),
        })
    }

    /// Returns true if a time is in this month.
    pub fn has(&self, time: Option<i64>) -> bool {
        match (time, &self.name) {
            (Some(time), Some(_)) => self.start <= time && time < self.end,
            (Some(time), None) => Self::of_time(time).is_none(),
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
        ] {
            let time = micros(time).expect("a time");
            let month = Month::of(Some(time));
            assert_eq!(month.value(), name);
            assert!(month.has(Some(time)));
            assert!(!month.has(None));
            assert!(!month.has(Some(month.start - 1)));
            assert!(!month.has(Some(month.end)));
        }
    }

    #[test]
    fn rows_without_a_time_have_no_month() {
        for time in [None, Some(i64::MAX), Some(i64::MIN)] {
            let month = Month::of(time);
            assert_eq!((month.name(), month.value()), (None, NONE));
            assert!(month.has(None) && month.has(time));
            assert!(!month.has(Some(0)));
        }
    }
}
