//! Times and durations as people and APIs write them.
//!
//! Nothing here asks a clock: "now" is an argument.

use std::fmt::Write as _;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// Units of a duration with their milliseconds; a day is 24 hours, a week 7 days.
const UNITS: [(&str, u64); 6] = [
    ("ms", 1),
    ("s", 1_000),
    ("m", 60_000),
    ("h", 3_600_000),
    ("d", 86_400_000),
    ("w", 604_800_000),
];

/// What a duration looks like, for messages.
pub const DURATION_EXAMPLE: &str = "a duration such as `30s`, `5m`, `1h30m` or `7d`";

/// What a time looks like, for messages.
pub const TIME_EXAMPLE: &str =
    "a time such as `2026-11-02T09:00:00Z`, `2026-11-02`, `today` or `7d` (7 days ago)";

/// Reads `30s`, `500ms`, `1h30m`, `1.5h`, `7d`. `None` for anything else, also for a bare number.
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
    // 10,000 years: beyond it arithmetic on times would overflow.
    (millis.is_finite() && millis <= 3.2e14).then(|| Duration::from_secs_f64(millis / 1000.0))
}

/// A duration for people: `350 ms`, `12.3s`, `4m 10s`, `2h 5m`, `3d 4h`.
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

/// Reads a moment: RFC 3339 (section 5.6; a blank for the `T` and `+0000` for the offset are
/// accepted, since APIs send them), a date (its first moment in UTC), `now`, `today`, `yesterday`,
/// or a duration, which means that long before `now`.
pub fn parse_time(text: &str, now: Timestamp) -> Option<Timestamp> {
    let text = text.trim();
    let midnight = |date: Date| date.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    let today = now.to_zoned(TimeZone::UTC).date();
    match text {
        "now" => return Some(now),
        "today" => return midnight(today),
        "yesterday" => return midnight(today.yesterday().ok()?),
        _ => {}
    }
    if let Some(time) = parse_timestamp(text) {
        return Some(time);
    }
    if text.len() == 10
        && let Ok(date) = text.parse::<Date>()
    {
        return midnight(date);
    }
    let ago = text.strip_suffix("ago").unwrap_or(text);
    let span = jiff::SignedDuration::try_from(parse_duration(ago)?).ok()?;
    now.checked_sub(span).ok()
}

/// Reads a moment as APIs write it: RFC 3339, or with `+0000`, or a bare date.
pub fn parse_timestamp(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f%z"]
            .iter()
            .find_map(|format| {
                jiff::fmt::strtime::parse(format, text)
                    .ok()?
                    .to_timestamp()
                    .ok()
            })
    })
}

/// RFC 3339 in UTC, with a fraction only where there is one.
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
        assert_eq!(read("7d"), some("2026-10-26T09:30:00Z"));
        assert_eq!(read("2h ago"), some("2026-11-02T07:30:00Z"));
        assert_eq!(read("last week"), None);
        assert_eq!(read("7"), None);
        assert_eq!(read("9999999d"), None);
    }
}
