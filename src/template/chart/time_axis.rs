//! Ticks of a time axis: full hours, days, Mondays, months, years in a time zone.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Zoned};

/// A tick.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tick {
    /// The position.
    pub moment: Timestamp,
    /// The label.
    pub label: String,
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Seconds(i64),
    Days(i64),
    Weeks(i64),
    Months(i64),
    Years(i64),
}

const DAY: i64 = 86_400;

const STEPS: [Step; 26] = [
    Step::Seconds(1),
    Step::Seconds(5),
    Step::Seconds(15),
    Step::Seconds(30),
    Step::Seconds(60),
    Step::Seconds(300),
    Step::Seconds(900),
    Step::Seconds(1800),
    Step::Seconds(3600),
    Step::Seconds(2 * 3600),
    Step::Seconds(3 * 3600),
    Step::Seconds(6 * 3600),
    Step::Seconds(12 * 3600),
    Step::Days(1),
    Step::Days(2),
    Step::Weeks(1),
    Step::Weeks(2),
    Step::Months(1),
    Step::Months(3),
    Step::Months(6),
    Step::Years(1),
    Step::Years(2),
    Step::Years(5),
    Step::Years(10),
    Step::Years(100),
    Step::Years(1000),
];

impl Step {
    fn seconds(self) -> i64 {
        match self {
            Self::Seconds(seconds) => seconds,
            Self::Days(days) => days * DAY,
            Self::Weeks(weeks) => weeks * 7 * DAY,
            Self::Months(months) => months * 30 * DAY,
            Self::Years(years) => years * 365 * DAY,
        }
    }

    /// Returns the last tick not after a time.
    fn floor(self, moment: &Zoned) -> Result<Zoned, jiff::Error> {
        let day = moment.date();
        let midnight = |day: Date| day.to_zoned(moment.time_zone().clone());
        match self {
            Self::Seconds(seconds) => {
                let start = moment.start_of_day()?;
                let since = moment.timestamp().duration_since(start.timestamp());
                let whole = since.as_secs() / seconds * seconds;
                start.checked_add(SignedDuration::from_secs(whole))
            }
            Self::Days(_) => midnight(day),
            Self::Weeks(_) => {
                let back = i64::from(day.weekday().since(Weekday::Monday));
                midnight(day.checked_sub(back.days())?)
            }
            Self::Months(months) => {
                let back = i64::from(day.month() - 1) % months;
                midnight(day.first_of_month().checked_sub(back.months())?)
            }
            Self::Years(years) => {
                let back = i64::from(day.year()).rem_euclid(years);
                midnight(day.first_of_year().checked_sub(back.years())?)
            }
        }
    }

    fn next(self, tick: &Zoned) -> Result<Zoned, jiff::Error> {
        match self {
            Self::Seconds(seconds) => {
                // When the clock is put back, the hour is repeated.
                let next = tick.checked_add(SignedDuration::from_secs(seconds))?;
                if next.date() == tick.date() {
                    Ok(next)
                } else {
                    next.start_of_day()
                }
            }
            Self::Days(days) => tick.checked_add(days.days()),
            Self::Weeks(weeks) => tick.checked_add((weeks * 7).days()),
            Self::Months(months) => tick.checked_add(months.months()),
            Self::Years(years) => tick.checked_add(years.years()),
        }
    }

    fn label(self, tick: &Zoned, before: Option<&Zoned>) -> String {
        let is_new_year = before.is_some_and(|before| before.year() != tick.year());
        let format = match self {
            Self::Seconds(_) if *tick == tick.start_of_day().unwrap_or_else(|_| tick.clone()) => {
                "%-d %b"
            }
            Self::Seconds(seconds) if seconds < 60 => "%H:%M:%S",
            Self::Seconds(_) => "%H:%M",
            Self::Days(_) | Self::Weeks(_) if is_new_year => "%-d %b %Y",
            Self::Days(_) | Self::Weeks(_) => "%-d %b",
            Self::Months(_) if is_new_year || before.is_none() => "%b %Y",
            Self::Months(_) => "%b",
            Self::Years(_) => "%Y",
        };
        tick.strftime(format).to_string()
    }
}

/// Returns at most `most` ticks from the first to the last time, and at least one.
pub fn ticks(first: Timestamp, last: Timestamp, most: usize, zone: &TimeZone) -> Vec<Tick> {
    let span = last.duration_since(first).as_secs();
    let most = most.max(1);
    let length = i64::try_from(most).unwrap_or(i64::MAX);
    let step = STEPS
        .into_iter()
        .find(|step| span / step.seconds() < length)
        .unwrap_or(Step::Years(1000));
    let found = between(first, last, most, step, zone).unwrap_or_default();
    if found.is_empty() {
        let zoned = first.to_zoned(zone.clone());
        return vec![Tick {
            moment: first,
            label: full_label(&zoned, is_midnight(&zoned)),
        }];
    }
    found
}

fn between(
    first: Timestamp,
    last: Timestamp,
    most: usize,
    step: Step,
    zone: &TimeZone,
) -> Result<Vec<Tick>, jiff::Error> {
    let mut ticks = Vec::new();
    let mut tick = step.floor(&first.to_zoned(zone.clone()))?;
    let mut before: Option<Zoned> = None;
    while tick.timestamp() <= last && ticks.len() <= most {
        if tick.timestamp() >= first {
            ticks.push(Tick {
                moment: tick.timestamp(),
                label: step.label(&tick, before.as_ref()),
            });
            before = Some(tick.clone());
        }
        tick = step.next(&tick)?;
    }
    Ok(ticks)
}

/// Returns true if a time is the start of a day.
pub fn is_midnight(zoned: &Zoned) -> bool {
    zoned.start_of_day().is_ok_and(|start| start == *zoned)
}

/// Formats a time with its year: `2 Nov 2026`, with the time of day unless `is_day`.
pub fn full_label(zoned: &Zoned, is_day: bool) -> String {
    let format = if is_day {
        "%-d %b %Y"
    } else {
        "%-d %b %Y %H:%M"
    };
    zoned.strftime(format).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(first: &str, last: &str, zone: &str) -> String {
        let zone = TimeZone::get(zone).expect("a zone");
        let time = |text: &str| text.parse::<Timestamp>().expect("a time");
        let ticks = ticks(time(first), time(last), 8, &zone);
        let labels: Vec<String> = ticks.into_iter().map(|tick| tick.label).collect();
        labels.join(", ")
    }

    #[test]
    fn ticks_stand_at_round_times() {
        for (first, last, expected) in [
            (
                "2026-11-02T09:00:00Z",
                "2026-11-02T10:30:00Z",
                "09:00, 09:15, 09:30, 09:45, 10:00, 10:15, 10:30",
            ),
            (
                "2026-11-01T20:00:00Z",
                "2026-11-02T10:00:00Z",
                "20:00, 22:00, 2 Nov, 02:00, 04:00, 06:00, 08:00, 10:00",
            ),
            (
                "2026-10-01T00:00:00Z",
                "2026-10-30T00:00:00Z",
                "5 Oct, 12 Oct, 19 Oct, 26 Oct",
            ),
            (
                "2026-12-28T00:00:00Z",
                "2027-01-03T00:00:00Z",
                "28 Dec, 29 Dec, 30 Dec, 31 Dec, 1 Jan 2027, 2 Jan, 3 Jan",
            ),
            (
                "2026-08-01T00:00:00Z",
                "2027-02-01T00:00:00Z",
                "Aug 2026, Sep, Oct, Nov, Dec, Jan 2027, Feb",
            ),
            ("2026-11-02T09:00:00Z", "2026-11-02T09:00:00Z", "09:00:00"),
            (
                "1000-01-01T00:00:00Z",
                "3000-01-01T00:00:00Z",
                "1000, 2000, 3000",
            ),
        ] {
            assert_eq!(labels(first, last, "UTC"), expected);
        }
    }

    #[test]
    fn days_begin_where_the_zone_says() {
        assert_eq!(
            labels(
                "2026-10-23T22:00:00Z",
                "2026-10-27T23:00:00Z",
                "Europe/Berlin"
            ),
            "24 Oct, 25 Oct, 26 Oct, 27 Oct, 28 Oct"
        );
        assert_eq!(
            labels(
                "2026-10-24T21:00:00Z",
                "2026-10-25T06:00:00Z",
                "Europe/Berlin"
            ),
            "25 Oct, 02:00, 03:00, 05:00, 07:00"
        );
    }
}
