//! The times of pipelines: on working days, about every forty minutes, and once a night.
//!
//! Times are milliseconds since 1970, UTC. A *slot* is a pipeline's position in the calendar, so the
//! time of the n-th pipeline is known without the others.

use jiff::Timestamp;

use crate::demo::world::random::Dice;

/// A minute in milliseconds.
pub const MINUTE: i64 = 60_000;
/// An hour in milliseconds.
pub const HOUR: i64 = 60 * MINUTE;
/// A day in milliseconds.
pub const DAY: i64 = 24 * HOUR;

/// Pipelines of a project per working day; the first is the nightly one.
pub const SLOTS: i64 = 18;
const NIGHTLY_AT: i64 = 2 * HOUR;
const MORNING: i64 = 7 * HOUR;
const EVERY: i64 = 42 * MINUTE;
const JITTER: i64 = 35 * MINUTE;
/// The minimum age of the newest pipeline, so that something can be running.
const YOUNGEST: i64 = 10 * MINUTE;

/// Returns true if a slot is the nightly one of its day.
pub fn is_nightly(slot: i64) -> bool {
    slot.rem_euclid(SLOTS) == 0
}

/// Returns the last slot that has certainly passed at `now`.
pub fn newest_slot(now: i64) -> i64 {
    let first_of_day = first_slot_of(now.div_euclid(DAY));
    (first_of_day - SLOTS..first_of_day + SLOTS)
        .rev()
        .find(|slot| earliest(*slot) + JITTER + YOUNGEST <= now)
        .unwrap_or(first_of_day - SLOTS)
}

/// Returns the time of a slot.
pub fn time_of(slot: i64, dice: &mut Dice) -> i64 {
    let jitter = if is_nightly(slot) { 5_000 } else { JITTER };
    earliest(slot) + dice.between(0, jitter)
}

fn earliest(slot: i64) -> i64 {
    let day = slot.div_euclid(SLOTS);
    let in_day = match slot.rem_euclid(SLOTS) {
        0 => NIGHTLY_AT,
        later => MORNING + (later - 1) * EVERY,
    };
    // 1970-01-01 was a Thursday; weeks begin on the Monday before it.
    let date = day.div_euclid(5) * 7 + day.rem_euclid(5) - 3;
    date * DAY + in_day
}

/// Returns the first slot of a date; on a weekend, that of the previous Friday.
fn first_slot_of(date: i64) -> i64 {
    let since_monday = date + 3;
    let working_day = since_monday.div_euclid(7) * 5 + since_monday.rem_euclid(7).min(4);
    working_day * SLOTS
}

/// Formats RFC 3339 with milliseconds, as for pipelines.
pub fn precise(time: i64) -> String {
    Timestamp::from_millisecond(time).map_or_else(|_| String::new(), |time| format!("{time:.3}"))
}

/// Formats RFC 3339 in whole seconds, as for workflows and jobs.
pub fn plain(time: i64) -> String {
    Timestamp::from_second(time.div_euclid(1000))
        .map_or_else(|_| String::new(), |time| time.to_string())
}

/// Parses RFC 3339, or a date as its midnight.
pub fn read(text: &str) -> Option<i64> {
    let time = text.parse::<Timestamp>().ok().or_else(|| {
        let date: jiff::civil::Date = text.parse().ok()?;
        Some(date.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp())
    })?;
    Some(time.as_millisecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::options::NOW;

    #[test]
    fn slots_are_in_order_and_on_working_days() {
        let newest = newest_slot(NOW.as_millisecond());
        let times: Vec<i64> = (newest - 500..=newest)
            .map(|slot| time_of(slot, &mut Dice::new(1, &[slot.unsigned_abs()])))
            .collect();
        assert!(times.is_sorted());
        for time in &times {
            assert!(
                (time.div_euclid(DAY) + 3).rem_euclid(7) < 5,
                "{}",
                plain(*time)
            );
        }
    }

    #[test]
    fn the_newest_slot_is_recent_and_past() {
        for hours in 0..400 {
            let now = NOW.as_millisecond() + hours * HOUR + 7 * MINUTE;
            let slot = newest_slot(now);
            let time = time_of(slot, &mut Dice::new(2, &[7]));
            assert!(time + YOUNGEST <= now);
            assert!(now - time < 3 * DAY, "{}", plain(now));
        }
        let noon = NOW.as_millisecond();
        assert!(noon - earliest(newest_slot(noon)) < 2 * EVERY + YOUNGEST);
    }

    #[test]
    fn times_are_written_as_the_api_writes_them() {
        let noon = NOW.as_millisecond();
        assert_eq!(plain(noon), "2026-09-16T12:00:00Z");
        assert_eq!(precise(noon + 40), "2026-09-16T12:00:00.040Z");
        assert_eq!(read("2026-09-16T12:00:00Z"), Some(noon));
        assert_eq!(read("2026-09-16"), Some(noon - 12 * HOUR));
        assert_eq!(read("yesterday"), None);
    }
}
