//! Days, weeks and months in a time zone: spans for reports, and buckets of times.
//!
//! A span begins with its first moment and ends before the first moment of the next, in the given
//! zone: a day has 23 or 25 hours when the clock changes. Weeks begin on Monday (ISO 8601).

#![expect(
    clippy::needless_pass_by_value,
    reason = "minijinja passes keyword arguments by value"
)]

use jiff::civil::{Date, DateTime, Weekday};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan, Unit};
use minijinja::value::Kwargs;
use minijinja::{Environment, Error, State, Value};

use crate::core::time::{self, Moment};
use crate::template::unreadable::Expected;
use crate::template::value::{mapping, moment_or, now, unreadable, wrong, zone};

/// The filters of this module.
pub const NAMES: &[&str] = &["time_bucket"];

/// The functions of this module.
pub const FUNCTIONS: &[&str] = &[
    "last_days",
    "last_month",
    "last_week",
    "this_month",
    "this_week",
    "today",
    "yesterday",
];

/// Registers the filters and functions.
pub fn register(environment: &mut Environment<'static>) {
    environment.add_filter("time_bucket", time_bucket);
    environment.add_function("last_days", last_days);
    environment.add_function("last_month", |state: &State, options: Kwargs| {
        span(state, &options, |today| {
            let end = today.first_of_month();
            Ok((end.checked_sub(1.month())?, end))
        })
    });
    environment.add_function("last_week", |state: &State, options: Kwargs| {
        span(state, &options, |today| {
            let end = monday(today)?;
            Ok((end.checked_sub(1.week())?, end))
        })
    });
    environment.add_function("this_month", |state: &State, options: Kwargs| {
        span(state, &options, |today| {
            let start = today.first_of_month();
            Ok((start, start.checked_add(1.month())?))
        })
    });
    environment.add_function("this_week", |state: &State, options: Kwargs| {
        span(state, &options, |today| {
            let start = monday(today)?;
            Ok((start, start.checked_add(1.week())?))
        })
    });
    environment.add_function("today", |state: &State, options: Kwargs| {
        span(state, &options, |today| Ok((today, today.tomorrow()?)))
    });
    environment.add_function("yesterday", |state: &State, options: Kwargs| {
        span(state, &options, |today| Ok((today.yesterday()?, today)))
    });
}

/// `last_days(7, tz="Europe/Berlin")`: this many whole days up to and including yesterday.
fn last_days(state: &State, days: i64, options: Kwargs) -> Result<Value, Error> {
    if !(1..=36_525).contains(&days) {
        return Err(wrong(format!(
            "`last_days` takes a number of days from 1 to 36525, got {days}"
        )));
    }
    span(state, &options, |today| {
        Ok((today.checked_sub(days.days())?, today))
    })
}

fn monday(day: Date) -> Result<Date, jiff::Error> {
    let back = i64::from(day.weekday().since(Weekday::Monday));
    day.checked_sub(back.days())
}

/// Returns `{start, end, first_day, last_day}`: times as RFC 3339 in UTC, days as dates.
fn span(
    state: &State,
    options: &Kwargs,
    days: impl FnOnce(Date) -> Result<(Date, Date), jiff::Error>,
) -> Result<Value, Error> {
    let name: Option<String> = options.get("tz")?;
    options.assert_all_used()?;
    let zone = zone(name.as_deref())?;
    let far = |error: jiff::Error| wrong(format!("invalid time: {error}"));
    let today = now(state)?.to_zoned(zone.clone()).date();
    let (start, end) = days(today).map_err(far)?;
    let midnight = |day: Date| -> Result<String, Error> {
        let zoned = day.to_zoned(zone.clone()).map_err(far)?;
        Ok(time::format_time(zoned.timestamp()))
    };
    Ok(mapping([
        ("start", Value::from(midnight(start)?)),
        ("end", Value::from(midnight(end)?)),
        ("first_day", Value::from(start.to_string())),
        (
            "last_day",
            Value::from(end.yesterday().map_err(far)?.to_string()),
        ),
    ]))
}

/// The length of a bucket.
#[derive(Debug, Clone, Copy)]
enum Bucket {
    /// A part of a day.
    Short(SignedDuration),
    Days(i64),
    Weeks(i64),
    Months(i64),
}

/// `row.created_at | time_bucket("1d", tz="Europe/Berlin")`: the start of the hour, day, week or
/// month of a time, as RFC 3339 with the zone's offset. Null stays null.
///
/// Parts of a day are counted from midnight in the zone, days and weeks from Monday, 5 January 1970,
/// months from January.
fn time_bucket(state: &State, value: &Value, size: &str, options: Kwargs) -> Result<Value, Error> {
    let name: Option<String> = options.get("tz")?;
    let default: Option<Value> = options.get("default")?;
    options.assert_all_used()?;
    let bucket = bucket(size)?;
    let zone = zone(name.as_deref())?;
    let moment = match moment_or(state, value, default.clone())? {
        Ok(moment) => moment,
        Err(other) => return Ok(other),
    };
    bucket_start(moment, bucket, &zone).map_or_else(
        || {
            let error = wrong(format!("`time_bucket` cannot compute with {moment}"));
            unreadable(state, value, default, Expected::Time, error)
        },
        |start| Ok(Value::from(start)),
    )
}

/// Returns the start of the bucket of a moment; `None` if it is not between the years -9999 and 9999.
fn bucket_start(moment: Moment, bucket: Bucket, zone: &TimeZone) -> Option<String> {
    const FORMAT: &str = "%Y-%m-%dT%H:%M:%S%:z";
    let local = moment.in_zone(zone)?.to_datetime().ok()?;
    let start = start_of(local, bucket).ok()?;
    let Ok(first) = zone.to_ambiguous_zoned(start).compatible() else {
        // The very last day, on which there is no `Zoned`.
        let offset = zone.to_offset(Timestamp::MAX);
        let mut parts = BrokenDownTime::from(start);
        parts.set_offset(Some(offset));
        return if *zone == TimeZone::UTC {
            Some(format!("{start}Z"))
        } else {
            parts.to_string(FORMAT).ok()
        };
    };
    // When the clock is put back, an hour occurs twice, and so do buckets that fit into it.
    let fits = matches!(bucket, Bucket::Short(length) if length <= SignedDuration::from_hours(1));
    let again = zone.to_ambiguous_zoned(start).later().ok()?;
    let is_again = fits && Some(again.timestamp()) <= moment.timestamp();
    let start = if is_again { again } else { first };
    Some(if *zone == TimeZone::UTC {
        time::format_time(start.timestamp())
    } else {
        start.strftime(FORMAT).to_string()
    })
}

fn bucket(size: &str) -> Result<Bucket, Error> {
    let fault = || {
        wrong(format!(
            "`time_bucket` takes a part of a day such as `15m`, `1h` or `6h`, or `1d`, `1w`, `1mo`, got `{size}`"
        ))
    };
    let digits = size.bytes().take_while(u8::is_ascii_digit).count();
    let amount: i64 = size[..digits].parse().map_err(|_| fault())?;
    if !(1..=1_000_000).contains(&amount) {
        return Err(fault());
    }
    Ok(match &size[digits..] {
        "d" => Bucket::Days(amount),
        "w" => Bucket::Weeks(amount),
        "mo" if 12 % amount == 0 => Bucket::Months(amount),
        unit @ ("s" | "m" | "h") => {
            let seconds = amount
                * match unit {
                    "s" => 1,
                    "m" => 60,
                    _ => 3600,
                };
            if seconds >= 86_400 || 86_400 % seconds != 0 {
                return Err(fault());
            }
            Bucket::Short(SignedDuration::from_secs(seconds))
        }
        _ => return Err(fault()),
    })
}

/// Returns the start of a bucket on the clock of its zone.
fn start_of(local: DateTime, bucket: Bucket) -> Result<DateTime, jiff::Error> {
    // A Monday.
    let origin = Date::constant(1970, 1, 5);
    let day = local.date();
    let midnight = day.at(0, 0, 0, 0);
    let whole = |days: i64| -> Result<DateTime, jiff::Error> {
        let since = i64::from(day.since((Unit::Day, origin))?.get_days());
        midnight.checked_sub(since.rem_euclid(days).days())
    };
    match bucket {
        Bucket::Short(length) => {
            let since = local.duration_since(midnight).as_secs();
            let start = since - since % length.as_secs();
            midnight.checked_add(SignedDuration::from_secs(start))
        }
        Bucket::Days(days) => whole(days),
        Bucket::Weeks(weeks) => whole(weeks * 7),
        Bucket::Months(months) => {
            let back = i64::from(day.month() - 1) % months;
            midnight.first_of_month().checked_sub(back.months())
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::template::environment::{Rules, environment};
    use crate::template::testing::render;
    use crate::template::{Clock, Scope};

    fn at(now: &str, source: &str) -> String {
        let scope = Scope::new(Clock(now.parse().expect("a time")), []);
        environment(Rules::Strict)
            .render_str(source, scope.to_value())
            .expect("it renders")
    }

    fn span(now: &str, call: &str) -> String {
        at(
            now,
            &format!("{{% set s = {call} %}}{{{{ s.start }}}} {{{{ s.end }}}}"),
        )
    }

    #[test]
    fn spans_are_whole_and_weeks_begin_on_monday() {
        let sunday = "2026-11-01T23:30:00Z";
        assert_eq!(
            span(sunday, "this_week()"),
            "2026-10-26T00:00:00Z 2026-11-02T00:00:00Z"
        );
        // It is Monday already in Berlin.
        assert_eq!(
            span(sunday, "last_week(tz='Europe/Berlin')"),
            "2026-10-25T23:00:00Z 2026-11-01T23:00:00Z"
        );
        assert_eq!(
            span(sunday, "last_month()"),
            "2026-10-01T00:00:00Z 2026-11-01T00:00:00Z"
        );
        assert_eq!(
            span("2026-01-31T00:00:00Z", "last_month()"),
            "2025-12-01T00:00:00Z 2026-01-01T00:00:00Z"
        );
        assert_eq!(
            span(sunday, "this_month()"),
            "2026-11-01T00:00:00Z 2026-12-01T00:00:00Z"
        );
        assert_eq!(
            span(sunday, "last_days(2)"),
            "2026-10-30T00:00:00Z 2026-11-01T00:00:00Z"
        );
        assert_eq!(
            at(
                sunday,
                "{{ yesterday().first_day }} {{ yesterday().last_day }} {{ today().first_day }}"
            ),
            "2026-10-31 2026-10-31 2026-11-01"
        );
    }

    #[test]
    fn days_are_as_long_as_the_clocks_say() {
        // The clock was put back on 25 October and forward on 29 March.
        assert_eq!(
            span("2026-10-25T12:00:00Z", "today(tz='Europe/Berlin')"),
            "2026-10-24T22:00:00Z 2026-10-25T23:00:00Z"
        );
        assert_eq!(
            span("2026-03-29T12:00:00Z", "today(tz='Europe/Berlin')"),
            "2026-03-28T23:00:00Z 2026-03-29T22:00:00Z"
        );
        // That day had no midnight there.
        assert_eq!(
            span("2018-11-04T12:00:00Z", "today(tz='America/Sao_Paulo')"),
            "2018-11-04T03:00:00Z 2018-11-05T02:00:00Z"
        );
    }

    #[test]
    fn buckets_begin_where_the_zone_says() {
        for (call, start) in [
            ("time_bucket('1d')", "2026-10-25T00:00:00Z"),
            ("time_bucket('15m')", "2026-10-25T00:30:00Z"),
            ("time_bucket('1w')", "2026-10-19T00:00:00Z"),
            ("time_bucket('1mo')", "2026-10-01T00:00:00Z"),
            ("time_bucket('3mo')", "2026-10-01T00:00:00Z"),
            ("time_bucket('6mo')", "2026-07-01T00:00:00Z"),
            (
                "time_bucket('1d', tz='Europe/Berlin')",
                "2026-10-25T00:00:00+02:00",
            ),
            (
                "time_bucket('1h', tz='Europe/Berlin')",
                "2026-10-25T02:00:00+02:00",
            ),
            (
                "time_bucket('1h', tz='Asia/Kolkata')",
                "2026-10-25T06:00:00+05:30",
            ),
        ] {
            assert_eq!(
                render(&format!("{{{{ '2026-10-25T00:44:59Z' | {call} }}}}")),
                start,
                "{call}"
            );
        }
        assert_eq!(
            render("{{ '2026-10-25T01:10:00Z' | time_bucket('1h', tz='Europe/Berlin') }}"),
            "2026-10-25T02:00:00+01:00"
        );
        assert_eq!(
            render("{{ '1969-12-30T05:00:00Z' | time_bucket('1w') }}"),
            "1969-12-29T00:00:00Z"
        );
        assert_eq!(render("{{ (none | time_bucket('1d')) is none }}"), "true");
    }

    #[test]
    fn the_last_day_of_the_year_9999_has_buckets() {
        for (call, start) in [
            ("time_bucket('1h')", "9999-12-31T23:00:00Z"),
            ("time_bucket('1d')", "9999-12-31T00:00:00Z"),
            ("time_bucket('1w')", "9999-12-27T00:00:00Z"),
            ("time_bucket('1mo')", "9999-12-01T00:00:00Z"),
            (
                "time_bucket('1d', tz='America/New_York')",
                "9999-12-31T00:00:00-05:00",
            ),
            ("time_bucket('1d', tz='Europe/Berlin', default='-')", "-"),
        ] {
            assert_eq!(
                render(&format!("{{{{ '9999-12-31T23:59:59Z' | {call} }}}}")),
                start,
                "{call}"
            );
        }
    }

    #[test]
    fn wrong_input_is_named() {
        for size in ["7m", "25h", "1y", "", "d", "0d", "-1d", "99999999999d"] {
            let error = render(&format!("{{{{ now() | time_bucket('{size}') }}}}"));
            assert!(
                error.ends_with(&format!("or `1d`, `1w`, `1mo`, got `{size}`")),
                "{error}"
            );
        }
        assert_eq!(
            render("{{ today(tz='Mars') }}"),
            "error: no time zone `Mars`; an example is `Europe/Berlin`"
        );
        assert!(render("{{ last_days(0) }}").contains("from 1 to 36525, got 0"));
    }

    #[test]
    fn zones_are_bundled() {
        assert!(
            jiff::tz::TimeZoneDatabase::bundled()
                .get("Europe/Berlin")
                .is_ok()
        );
    }

    #[test]
    fn hours_follow_the_clock_on_the_day_it_changes() {
        let bucket = |time: &str, size: &str| {
            let source = format!("{{{{ '{time}' | time_bucket('{size}', tz='Europe/Berlin') }}}}");
            at("2026-11-02T09:30:00Z", &source)
        };
        // Put forward at two: 02:00 does not exist.
        assert_eq!(
            bucket("2026-03-29T04:30:00Z", "6h"),
            "2026-03-29T06:00:00+02:00"
        );
        assert_eq!(
            bucket("2026-03-29T03:59:00Z", "6h"),
            "2026-03-29T00:00:00+01:00"
        );
        assert_eq!(
            bucket("2026-03-29T01:30:00Z", "1h"),
            "2026-03-29T03:00:00+02:00"
        );
        assert_eq!(
            bucket("2026-03-29T01:30:00Z", "2h"),
            "2026-03-29T03:00:00+02:00"
        );
        // Put back at three: 02:00 occurs twice.
        assert_eq!(
            bucket("2026-10-25T00:30:00Z", "1h"),
            "2026-10-25T02:00:00+02:00"
        );
        assert_eq!(
            bucket("2026-10-25T01:30:00Z", "1h"),
            "2026-10-25T02:00:00+01:00"
        );
        assert_eq!(
            bucket("2026-10-25T01:45:00Z", "15m"),
            "2026-10-25T02:45:00+01:00"
        );
        assert_eq!(
            bucket("2026-10-25T01:30:00Z", "2h"),
            "2026-10-25T02:00:00+02:00"
        );
        assert_eq!(
            bucket("2026-10-25T05:30:00Z", "6h"),
            "2026-10-25T06:00:00+01:00"
        );
        assert_eq!(
            bucket("2026-10-25T04:59:00Z", "6h"),
            "2026-10-25T00:00:00+02:00"
        );
    }
}
