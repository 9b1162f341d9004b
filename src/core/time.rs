//! Times and durations as people and APIs write them.
//!
//! Nothing here reads a clock: "now" is an argument.

use std::fmt::{self, Write as _};
use std::time::Duration;

use jiff::civil::{Date, DateTime};
use jiff::fmt::strtime::BrokenDownTime;
use jiff::fmt::temporal::Pieces;
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp, Zoned};

/// Duration units in milliseconds; a day is 24 hours, a week 7 days.
const UNITS: [(&str, u64); 6] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

/// Examples of durations, for messages.
pub const DURATION_EXAMPLE: &str = "a duration such as `30s`, `5m`, `1h30m` or `7d`";

/// Examples of times, for messages.
pub const TIME_EXAMPLE: &str =
    "a time such as `2026-11-02T09:00:00Z`, `2026-11-02`, `today` or `7d` (7 days ago)";

/// Parses `30s`, `500ms`, `1h30m`, `1.5h`, `7d`. Returns `None` for anything else, including a bare
/// number.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let mut rest = text.trim();
    if rest.is_empty() {
        return None;
    }
    let mut millis = 0.0_f64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let amount: f64 = rest[..digits].parse().ok()?;
        rest = rest[digits..].trim_start();
        let letters = rest
            .find(|c: char| !c.is_ascii_alphabetic())
            .unwrap_or(rest.len());
        let unit = &rest[..letters];
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
        #[expect(clippy::cast_precision_loss, reason = "units are far below 2^53")]
        let factor = *factor as f64;
        millis += amount * factor;
        rest = rest[letters..].trim_start();
    }
    // 10,000 years: beyond this, time arithmetic would overflow.
    (millis.is_finite() && millis <= 3.2e14).then(|| Duration::from_secs_f64(millis / 1000.0))
}

/// Formats a duration for people: `350 ms`, `12.3s`, `4m 10s`, `2h 5m`, `3d 4h`.
pub fn format_duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    if millis < 1_000 {
        return format!("{millis} ms");
    }
    let seconds = duration.as_secs();
    if seconds < 60 {
        let tenths = (millis % 1_000) / 100;
        return if tenths == 0 {
            format!("{seconds}s")
        } else {
            format!("{seconds}.{tenths}s")
        };
    }
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3_600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let first = parts
        .iter()
        .position(|(amount, _)| *amount > 0)
        .unwrap_or(3);
    let mut text = String::new();
    for (amount, unit) in parts.iter().skip(first).take(2) {
        if *amount > 0 {
            let blank = if text.is_empty() { "" } else { " " };
            let _ = write!(text, "{blank}{amount}{unit}");
        }
    }
    text
}

/// A time up to the end of the year 9999 in UTC, which APIs send for "never".
///
/// A [`Timestamp`] ends a day earlier, so that it is a valid date in every zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment {
    utc: DateTime,
}

impl From<Timestamp> for Moment {
    fn from(time: Timestamp) -> Self {
        let utc = Offset::UTC.to_datetime(time);
        Self { utc }
    }
}

impl Moment {
    /// Converts a date and time with an offset from UTC.
    fn new(local: DateTime, offset: Offset) -> Option<Self> {
        let ahead = SignedDuration::from_secs(i64::from(offset.seconds()));
        let utc = local.checked_sub(ahead).ok()?;
        Some(Self { utc })
    }

    /// Converts milliseconds since 1970.
    pub fn from_milliseconds(milliseconds: i64) -> Option<Self> {
        let epoch = Offset::UTC.to_datetime(Timestamp::UNIX_EPOCH);
        let utc = epoch
            .checked_add(SignedDuration::from_millis(milliseconds))
            .ok()?;
        Some(Self { utc })
    }

    /// Converts seconds since 1970; `None` if they are out of range.
    pub fn from_seconds(seconds: f64) -> Option<Self> {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the cast saturates, far beyond what is in range"
        )]
        Self::from_milliseconds((seconds * 1000.0).round() as i64)
    }

    /// Converts a date and time in UTC.
    pub fn from_utc(utc: DateTime) -> Self {
        Self { utc }
    }

    /// Returns the date and time in UTC.
    pub fn utc(self) -> DateTime {
        self.utc
    }

    /// Converts to a timestamp; `None` on the very last day.
    pub fn timestamp(self) -> Option<Timestamp> {
        Offset::UTC.to_timestamp(self.utc).ok()
    }

    /// Returns the time since 1970.
    pub fn since_1970(self) -> SignedDuration {
        let epoch = Offset::UTC.to_datetime(Timestamp::UNIX_EPOCH);
        self.utc.duration_since(epoch)
    }

    /// Returns the date and time in a zone, for formatting; `None` if it is after the year 9999
    /// there.
    pub fn in_zone(self, zone: &TimeZone) -> Option<BrokenDownTime> {
        if let Some(time) = self.timestamp() {
            return Some(BrokenDownTime::from(&time.to_zoned(zone.clone())));
        }
        let offset = zone.to_offset(Timestamp::MAX);
        let ahead = SignedDuration::from_secs(i64::from(offset.seconds()));
        let local = self.utc.checked_add(ahead).ok()?;
        let mut parts = BrokenDownTime::from(local);
        parts.set_offset(Some(offset));
        Some(parts)
    }
}

impl fmt::Display for Moment {
    /// Formats as RFC 3339 in UTC, with a fraction only if there is one.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}Z", self.utc)
    }
}

/// Parses RFC 3339 (section 5.6; a space for the `T` and `+0000` for the offset are accepted, since
/// APIs send them; without an offset it is UTC, as from SQLite's `datetime()`), a date, `now`,
/// `today`, `yesterday`, or a duration before `now`. Days begin at midnight in UTC, or in the zone
/// appended as in RFC 9557 (section 3.1): `yesterday[Europe/Berlin]`.
pub fn parse_moment(text: &str, now: Timestamp) -> Option<Moment> {
    let text = text.trim();
    if let Some((day, zone)) = with_zone(text) {
        let written = || Some(text.parse::<Zoned>().ok()?.timestamp());
        let moment = parse_day(day, &zone, now).or_else(written);
        return moment.map(Moment::from);
    }
    match text {
        "now" => return Some(now.into()),
        "today" | "yesterday" => return parse_day(text, &TimeZone::UTC, now).map(Moment::from),
        _ => {}
    }
    if let Some(moment) = parse_written(text) {
        return Some(moment);
    }
    let ago = text.strip_suffix("ago").unwrap_or(text);
    let span = SignedDuration::try_from(parse_duration(ago)?).ok()?;
    now.checked_sub(span).ok().map(Moment::from)
}

/// As [`parse_moment`], but `None` for the last day of the year 9999.
pub fn parse_time(text: &str, now: Timestamp) -> Option<Timestamp> {
    parse_moment(text, now)?.timestamp()
}

/// Splits a text that ends with a time zone name in brackets.
fn with_zone(text: &str) -> Option<(&str, TimeZone)> {
    let (day, zone) = text.strip_suffix(']')?.split_once('[')?;
    Some((day, TimeZone::get(zone).ok()?))
}

/// Returns the start of a day in a zone.
fn parse_day(text: &str, zone: &TimeZone, now: Timestamp) -> Option<Timestamp> {
    let today = now.to_zoned(zone.clone()).date();
    let day = match text {
        "today" => today,
        "yesterday" => today.yesterday().ok()?,
        _ if text.len() == 10 => text.parse::<Date>().ok()?,
        _ => return None,
    };
    Some(day.to_zoned(zone.clone()).ok()?.timestamp())
}

/// Parses a time as APIs write it: RFC 3339, possibly with `+0000`, or a date without a time.
pub fn parse_written(text: &str) -> Option<Moment> {
    let text = text.trim();
    // jiff accepts shorter forms than year, month, day, hours and minutes.
    let is_dash = |at: usize| text.as_bytes().get(at) == Some(&b'-');
    let is_colon = |at: usize| text.as_bytes().get(at) == Some(&b':');
    let is_whole = is_dash(4) && is_dash(7) && (text.len() == 10 || is_colon(13));
    if !is_whole {
        return text.parse::<Timestamp>().ok().map(Moment::from);
    }
    if let Ok(pieces) = Pieces::parse(text) {
        let time = pieces.time().unwrap_or(jiff::civil::Time::midnight());
        let offset = pieces.to_numeric_offset().unwrap_or(Offset::UTC);
        return Moment::new(pieces.date().to_datetime(time), offset);
    }
    ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z"]
        .iter()
        .find_map(|format| {
            let parsed = BrokenDownTime::parse(format, text).ok()?;
            Moment::new(parsed.to_datetime().ok()?, parsed.offset()?)
        })
}

/// As [`parse_written`], but `None` for the last day of the year 9999.
pub fn parse_timestamp(text: &str) -> Option<Timestamp> {
    parse_written(text)?.timestamp()
}

/// Formats a time as RFC 3339 in UTC, with a fraction only if there is one.
pub fn format_time(time: Timestamp) -> String {
    time.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> Timestamp {
        "2026-11-02T09:30:00Z".parse().expect("a fixed time")
    }

    #[test]
    fn the_year_9999_has_all_its_days() {
        let last = parse_moment("9999-12-31T23:59:59.999Z", now()).expect("a moment");
        assert_eq!(last.to_string(), "9999-12-31T23:59:59.999Z");
        assert_eq!(last.since_1970().as_secs(), 253_402_300_799);
        let text = |zone: &str| {
            let zone = TimeZone::get(zone).expect("a zone");
            let parts = last.in_zone(&zone)?;
            parts.to_string("%Y-%m-%d %H:%M %:z").ok()
        };
        assert_eq!(text("UTC").as_deref(), Some("9999-12-31 23:59 +00:00"));
        assert_eq!(
            text("America/New_York").as_deref(),
            Some("9999-12-31 18:59 -05:00")
        );
        assert_eq!(text("Europe/Berlin"), None);
        let first = parse_moment("0001-01-01T00:00:00Z", now()).expect("a moment");
        assert_eq!(
            first.timestamp().map(|time| time.to_string()).as_deref(),
            Some("0001-01-01T00:00:00Z")
        );
        assert_eq!(parse_written("9999-12-31T23:59:59-01:00"), None);
    }

    #[test]
    fn durations_need_a_unit() {
        let millis = |text| parse_duration(text).map(|duration| duration.as_millis());
        assert_eq!(millis("30s"), Some(30_000));
        assert_eq!(millis("500ms"), Some(500));
        assert_eq!(millis("1h30m"), Some(5_400_000));
        assert_eq!(millis("1h 30m"), Some(5_400_000));
        assert_eq!(millis("1.5h"), Some(5_400_000));
        assert_eq!(millis("7d"), Some(604_800_000));
        for wrong in [
            "30",
            "",
            "s",
            "fast",
            "-5s",
            "5 parsecs",
            "1..5s",
            "99999999999d",
        ] {
            assert_eq!(millis(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_read_well() {
        let text = |millis| format_duration(Duration::from_millis(millis));
        assert_eq!(text(0), "0 ms");
        assert_eq!(text(350), "350 ms");
        assert_eq!(text(12_340), "12.3s");
        assert_eq!(text(30_000), "30s");
        assert_eq!(text(250_000), "4m 10s");
        assert_eq!(text(3_600_000), "1h");
        assert_eq!(text(7_500_000), "2h 5m");
        assert_eq!(text(273_600_000), "3d 4h");
    }

    #[test]
    fn moments_are_read_in_every_form() {
        let read = |text| parse_time(text, now()).map(|time| time.to_string());
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("2026-11-01T08:00:00Z"), some("2026-11-01T08:00:00Z"));
        assert_eq!(
            read("2026-11-01T08:00:00.5+02:00"),
            some("2026-11-01T06:00:00.5Z")
        );
        assert_eq!(
            read("2026-11-01T08:00:00.000+0000"),
            some("2026-11-01T08:00:00Z")
        );
        assert_eq!(read("2026-11-01"), some("2026-11-01T00:00:00Z"));
        assert_eq!(read("today"), some("2026-11-02T00:00:00Z"));
        assert_eq!(read("yesterday"), some("2026-11-01T00:00:00Z"));
        assert_eq!(
            read("yesterday[Europe/Berlin]"),
            some("2026-10-31T23:00:00Z")
        );
        assert_eq!(
            read("today[America/New_York]"),
            some("2026-11-02T05:00:00Z")
        );
        assert_eq!(
            read("2026-07-01[Europe/Berlin]"),
            some("2026-06-30T22:00:00Z")
        );
        assert_eq!(
            read("2026-07-01T09:00[Europe/Berlin]"),
            some("2026-07-01T07:00:00Z")
        );
        assert_eq!(read("yesterday[Europe/Nowhere]"), None);
        assert_eq!(read("7d[Europe/Berlin]"), None);
        assert_eq!(read("7d"), some("2026-10-26T09:30:00Z"));
        assert_eq!(read("2h ago"), some("2026-11-02T07:30:00Z"));
        assert_eq!(read("2026-11-01 08:00:00"), some("2026-11-01T08:00:00Z"));
        assert_eq!(
            read("2026-11-01T08:00:00.25"),
            some("2026-11-01T08:00:00.25Z")
        );
        assert_eq!(read("2026-11-01T08:00"), some("2026-11-01T08:00:00Z"));
        for odd in [
            "",
            " ",
            "2026-11",
            "2026-11-31",
            "2026-11-01T25:00:00Z",
            "2026-11-01T08",
            "2026-11-01x",
            "20261101",
            "08:00:00",
        ] {
            assert_eq!(read(odd), None, "{odd}");
        }
        assert_eq!(read("last week"), None);
        assert_eq!(read("7"), None);
        assert_eq!(read("9999999d"), None);
    }
}
