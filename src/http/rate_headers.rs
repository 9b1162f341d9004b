//! Parses rate limit headers.
//!
//! Three dialects are in use, none of them a standard: `RateLimit-Remaining` and related fields (with
//! or without `X-`, with or without a suffix that names the window), and the structured fields
//! `RateLimit` and `RateLimit-Policy` in two versions of draft-ietf-httpapi-ratelimit-headers. Values
//! differ, too: seconds or the time of day, integers or not. Nonsensical values are ignored: an
//! incomprehensible limit is no reason to stop.

use std::time::{Duration, SystemTime};

use crate::http::{HeaderMap, headers};

/// A limit reported in a response.
#[derive(Debug, Clone, PartialEq)]
pub struct Allowance {
    /// Distinguishes the limits of a server.
    pub name: String,
    /// The number of requests allowed per window.
    pub limit: Option<u32>,
    /// The number of requests remaining.
    pub remaining: u32,
    /// The time until the reset.
    pub reset: Option<Duration>,
    /// The length of a window.
    pub window: Option<Duration>,
}

/// Suffixes that name a window, with its length.
const SUFFIXES: [(&str, Option<u64>); 5] = [
    ("", None),
    ("-second", Some(1)),
    ("-minute", Some(60)),
    ("-hour", Some(3_600)),
    ("-day", Some(86_400)),
];

/// Numbers from here on are a time of day in seconds since 1970, and from a thousand times this on
/// in milliseconds.
const EPOCH: f64 = 1e9;
/// An upper bound of times.
const LONGEST: f64 = 366.0 * 86_400.0;

/// Returns all limits in a response. `now` is used for resets given as a time of day, if the
/// response has no `Date`.
pub fn allowances(headers: &HeaderMap, now: SystemTime) -> Vec<Allowance> {
    let mut found = counts(headers, now);
    // A limit that lasts for more than a day is not worth tracking.
    found.retain(|allowance| allowance.reset.is_none_or(|reset| reset <= LONGEST_RESET));
    found
}

/// Returns true if a limit in a response is used up.
pub fn is_used_up(headers: &HeaderMap) -> bool {
    counts(headers, SystemTime::UNIX_EPOCH)
        .iter()
        .any(|allowance| allowance.remaining == 0)
}

/// Returns all limits in a response, of any length.
fn counts(headers: &HeaderMap, now: SystemTime) -> Vec<Allowance> {
    let now = headers::date(headers).unwrap_or(now);
    let mut found = Vec::new();
    for prefix in ["ratelimit", "x-ratelimit"] {
        for (suffix, seconds) in SUFFIXES {
            let text = |field: &str| text(headers, &format!("{prefix}-{field}{suffix}"));
            let Some(remaining) = text("remaining").and_then(count) else {
                continue;
            };
            let limit = text("limit");
            if limit.is_some_and(is_unlimited) {
                continue;
            }
            found.push(Allowance {
                name: format!("{prefix}{suffix}"),
                limit: limit.and_then(count),
                remaining,
                reset: text("reset").and_then(|text| reset(text, now)),
                window: seconds
                    .map(Duration::from_secs)
                    .or_else(|| limit.and_then(|text| span(parameter(text, "w")?))),
            });
        }
    }
    found.extend(structured(headers));
    // A limit of zero is not a limit.
    found.retain(|allowance| allowance.limit != Some(0));
    found
}

/// The longest window that is tracked: a day.
const LONGEST_RESET: Duration = Duration::from_secs(86_400);

/// Returns the delay after a refusal: `Retry-After`, or else the last reset of the limits that are
/// used up.
pub fn refusal(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    // A wrong clock on either side does not matter. What is refused is not from a cache.
    let now = headers::date(headers).unwrap_or(now);
    headers::retry_after(headers, now).or_else(|| {
        allowances(headers, now)
            .iter()
            .filter(|allowance| allowance.remaining == 0)
            .filter_map(|allowance| allowance.reset)
            .max()
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Parses `RateLimit: limit=100, remaining=50, reset=30` of the draft's third version, or
/// `RateLimit: "burst";r=50;t=30` with `RateLimit-Policy: "burst";q=100;w=60` of later ones.
fn structured(headers: &HeaderMap) -> Vec<Allowance> {
    let Some(field) = text(headers, "ratelimit") else {
        return Vec::new();
    };
    let policies = text(headers, "ratelimit-policy").unwrap_or("");
    if let Some(remaining) = parameter(field, "remaining").and_then(count) {
        return vec![Allowance {
            name: "ratelimit:".to_owned(),
            limit: parameter(field, "limit").and_then(count),
            remaining,
            reset: parameter(field, "reset").and_then(span),
            window: parameter(policies, "w").and_then(span),
        }];
    }
    field
        .split(',')
        .filter_map(|member| {
            let name = item(member);
            let policy = policies.split(',').find(|policy| item(policy) == name);
            Some(Allowance {
                name: format!("ratelimit:{name}"),
                limit: policy
                    .and_then(|policy| parameter(policy, "q"))
                    .and_then(count),
                remaining: parameter(member, "r").and_then(count)?,
                reset: parameter(member, "t").and_then(span),
                window: policy
                    .and_then(|policy| parameter(policy, "w"))
                    .and_then(span),
            })
        })
        .collect()
}

/// Returns the part of a list member before its parameters.
fn item(member: &str) -> &str {
    let item = member.split(';').next().unwrap_or(member);
    item.trim().trim_matches('"')
}

/// Returns the value of `name=value` among parts separated by `,` or `;`.
fn parameter<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    text.split([',', ';']).find_map(|part| {
        let (key, value) = part.split_once('=')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim())
    })
}

/// Returns the first number in `100`, `100.0`, `100, 100;w=60`.
fn number(text: &str) -> Option<f64> {
    let first = text.split([',', ';']).next()?.trim().trim_matches('"');
    first
        .parse::<f64>()
        .ok()
        .filter(|number| number.is_finite())
}

/// Returns true for -1, which some servers send for no limit.
fn is_unlimited(text: &str) -> bool {
    number(text).is_some_and(|number| (number + 1.0).abs() < f64::EPSILON)
}

/// Parses a count: negative numbers are zero, and fractions are truncated. "No limit" is not a
/// count.
fn count(text: &str) -> Option<u32> {
    if is_unlimited(text) {
        return None;
    }
    let number = number(text)?.clamp(0.0, f64::from(u32::MAX));
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "clamped to the range"
    )]
    Some(number as u32)
}

fn span(text: &str) -> Option<Duration> {
    let number = number(text).filter(|number| *number >= 0.0)?;
    Some(Duration::from_secs_f64(number.min(LONGEST)))
}

/// Parses a reset: seconds from now, or a time of day as a number or an HTTP date.
fn reset(text: &str, now: SystemTime) -> Option<Duration> {
    let Some(number) = number(text) else {
        let then = httpdate::parse_http_date(text.trim()).ok()?;
        return Some(then.duration_since(now).unwrap_or_default());
    };
    if number < EPOCH {
        return span(text);
    }
    let seconds = if number < EPOCH * 1e3 {
        number
    } else {
        number / 1e3
    };
    let then = Duration::try_from_secs_f64(seconds).ok()?;
    let since = now.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    Some(
        then.saturating_sub(since)
            .min(Duration::from_secs_f64(LONGEST)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_800_000_000;

    fn read(pairs: &[(&'static str, &'static str)]) -> Vec<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().expect("a value"));
        }
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(NOW);
        allowances(&headers, now)
            .iter()
            .map(|found| {
                let seconds = |span: Option<Duration>| span.map(|span| span.as_secs_f64());
                format!(
                    "{} {}/{:?} reset {:?} window {:?}",
                    found.name,
                    found.remaining,
                    found.limit,
                    seconds(found.reset),
                    seconds(found.window),
                )
            })
            .collect()
    }

    #[test]
    fn every_dialect_is_understood() {
        let plain = [
            ("ratelimit-limit", "30"),
            ("ratelimit-remaining", "7"),
            ("ratelimit-reset", "1"),
        ];
        assert_eq!(
            read(&plain),
            ["ratelimit 7/Some(30) reset Some(1.0) window None"]
        );
        let suffixed = [
            ("x-ratelimit-limit-second", "30"),
            ("x-ratelimit-remaining-second", "29"),
            ("x-ratelimit-limit-hour", "5000"),
            ("x-ratelimit-remaining-hour", "4000"),
            ("x-ratelimit-reset-hour", "1800"),
        ];
        assert_eq!(
            read(&suffixed),
            [
                "x-ratelimit-second 29/Some(30) reset None window Some(1.0)",
                "x-ratelimit-hour 4000/Some(5000) reset Some(1800.0) window Some(3600.0)",
            ]
        );
        assert_eq!(
            read(&[("ratelimit", "limit=100, remaining=50, reset=30")]),
            ["ratelimit: 50/Some(100) reset Some(30.0) window None"]
        );
        let named = [
            ("ratelimit", "\"burst\";r=3;t=1, \"day\";r=900;t=86000"),
            (
                "ratelimit-policy",
                "\"burst\";q=100;w=60, \"day\";q=1000;w=86400",
            ),
        ];
        assert_eq!(
            read(&named),
            [
                "ratelimit:burst 3/Some(100) reset Some(1.0) window Some(60.0)",
                "ratelimit:day 900/Some(1000) reset Some(86000.0) window Some(86400.0)",
            ]
        );
        let list = [
            ("ratelimit-limit", "100, 100;w=60"),
            ("ratelimit-remaining", "99"),
        ];
        assert_eq!(
            read(&list),
            ["ratelimit 99/Some(100) reset None window Some(60.0)"]
        );
    }

    #[test]
    fn a_large_reset_is_a_time_of_day() {
        let reset = |value| {
            let found = read(&[("x-ratelimit-remaining", "1"), ("x-ratelimit-reset", value)]);
            found[0].clone()
        };
        assert!(reset("1800000060").contains("reset Some(60.0)"));
        assert!(reset("1800000060000").contains("reset Some(60.0)"));
        assert!(reset("1700000000").contains("reset Some(0.0)"));
        assert!(reset("0.5").contains("reset Some(0.5)"));
        assert!(reset("Fri, 15 Jan 2027 08:01:00 GMT").contains("reset Some(60.0)"));
    }

    #[test]
    fn rubbish_is_passed_over() {
        let with = |remaining, reset| {
            read(&[
                ("ratelimit-remaining", remaining),
                ("ratelimit-reset", reset),
                ("ratelimit-limit", "many"),
            ])
        };
        assert_eq!(
            with("-3", "-1"),
            ["ratelimit 0/None reset None window None"]
        );
        assert_eq!(
            with("1e99", "soon"),
            ["ratelimit 4294967295/None reset None window None"]
        );
        assert_eq!(with("2.9", ""), ["ratelimit 2/None reset None window None"]);
        assert!(with("NaN", "1").is_empty());
        assert!(with("", "1").is_empty());
        assert!(read(&[("ratelimit", "???;;=,r=")]).is_empty());
        assert!(read(&[]).is_empty());
    }

    #[test]
    fn no_limit_is_no_count() {
        for (limit, remaining) in [("-1", "-1"), ("5000", "-1"), ("-1", "0")] {
            let found = read(&[
                ("x-ratelimit-limit", limit),
                ("x-ratelimit-remaining", remaining),
                ("x-ratelimit-reset", "60"),
            ]);
            assert!(found.is_empty(), "{found:?}");
        }
        assert!(read(&[("ratelimit", "\"all\";r=-1;t=60")]).is_empty());
    }

    #[test]
    fn what_is_used_up_is_known_however_long_it_lasts() {
        let is_used_up = |remaining, reset| {
            let mut headers = HeaderMap::new();
            for (name, value) in [
                ("x-ratelimit-limit", "60"),
                ("x-ratelimit-remaining", remaining),
                ("x-ratelimit-reset", reset),
            ] {
                headers.insert(name, value.parse().expect("a value"));
            }
            is_used_up(&headers)
        };
        assert!(is_used_up("0", "9"));
        assert!(is_used_up("0", "2000000"));
        assert!(!is_used_up("1", "9"));
        assert!(!is_used_up("-1", "9"));
    }

    #[test]
    fn a_refused_request_waits_as_the_response_says() {
        let wait = |pairs: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in pairs {
                headers.insert(*name, value.parse().expect("a value"));
            }
            refusal(&headers, SystemTime::UNIX_EPOCH).map(|wait| wait.as_secs())
        };
        let left = ("x-ratelimit-remaining", "0");
        assert_eq!(wait(&[left, ("x-ratelimit-reset", "9")]), Some(9));
        let both = [left, ("x-ratelimit-reset", "9"), ("retry-after", "2")];
        assert_eq!(wait(&both), Some(2));
        let other = [("ratelimit-remaining", "5"), ("ratelimit-reset", "9")];
        assert_eq!(wait(&other), None);
        assert_eq!(wait(&[]), None);
    }

    #[test]
    fn a_limit_that_nobody_can_mean_is_passed_over() {
        for (limit, reset) in [("0", "5"), ("30", "86401"), ("30", "99999999999999999999")] {
            let found = read(&[
                ("ratelimit-limit", limit),
                ("ratelimit-remaining", "0"),
                ("ratelimit-reset", reset),
            ]);
            assert!(
                found.iter().all(|found| !found.contains("/Some(0)")
                    && !found.contains("reset Some(86401")),
                "{found:?}"
            );
        }
        let a_day = read(&[
            ("ratelimit-limit", "30"),
            ("ratelimit-remaining", "0"),
            ("ratelimit-reset", "86400"),
        ]);
        assert_eq!(a_day.len(), 1);
    }
}
