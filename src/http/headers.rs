//! Header fields with the time to retry, and those that no file may set.

use std::time::{Duration, SystemTime};

use crate::http::{HeaderMap, HeaderName};

/// Header fields that frame a message (RFC 9112, section 6) or belong to the connection.
const FRAMING: [&str; 13] = [
    "accept-encoding",
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Returns true if a field frames a message or belongs to the connection, so that no file may set
/// it.
pub fn is_framing(name: &HeaderName) -> bool {
    FRAMING.contains(&name.as_str())
}

/// Longer than any wait, and short enough to be added to any time.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

/// Returns the delay in `Retry-After` (RFC 9110, section 10.2.3): seconds, or an HTTP date relative
/// to the response's own `Date` (section 6.6.1), so that a wrong clock on either side does not
/// matter, or else to `now`.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if text
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.')
        && let Ok(seconds) = text.parse::<f64>()
    {
        // Some servers send a fraction, which the specification does not allow.
        let seconds = seconds.min(LONGEST.as_secs_f64());
        return Some(Duration::from_secs_f64(seconds));
    }
    let then = httpdate::parse_http_date(text).ok()?;
    let base = date(headers).unwrap_or(now);
    Some(then.duration_since(base).unwrap_or_default().min(LONGEST))
}

/// Returns the time of the response by the server's clock (RFC 9110, section 6.6.1).
pub fn date(headers: &HeaderMap) -> Option<SystemTime> {
    httpdate::parse_http_date(headers.get("date")?.to_str().ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| {
                (
                    name.parse().expect("a name"),
                    value.parse().expect("a value"),
                )
            })
            .collect()
    }

    #[test]
    fn seconds_and_dates_are_both_understood() {
        let now = SystemTime::UNIX_EPOCH;
        let wait = |pairs: &[_]| retry_after(&headers(pairs), now);
        assert_eq!(wait(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(wait(&[("retry-after", " 0 ")]), Some(Duration::ZERO));
        assert_eq!(
            wait(&[("retry-after", "1.5")]),
            Some(Duration::from_millis(1_500))
        );
        assert_eq!(wait(&[("retry-after", ".")]), None);
        assert_eq!(wait(&[("retry-after", "1.2.3")]), None);
        assert_eq!(
            wait(&[
                ("retry-after", "Mon, 02 Nov 2026 09:00:30 GMT"),
                ("date", "Mon, 02 Nov 2026 09:00:00 GMT"),
            ]),
            Some(Duration::from_secs(30))
        );
        let past = [
            ("retry-after", "Mon, 02 Nov 2026 08:00:00 GMT"),
            ("date", "Mon, 02 Nov 2026 09:00:00 GMT"),
        ];
        assert_eq!(wait(&past), Some(Duration::ZERO));
        assert_eq!(
            wait(&[("retry-after", "99999999999999999999")]),
            Some(LONGEST)
        );
        assert_eq!(wait(&[("retry-after", "1e3")]), None);
        assert_eq!(wait(&[("retry-after", "soon")]), None);
        assert_eq!(wait(&[("retry-after", "-3")]), None);
        assert_eq!(wait(&[]), None);
    }
}
