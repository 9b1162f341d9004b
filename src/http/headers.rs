//! Header fields that say when to come again.

use std::time::{Duration, SystemTime};

use crate::http::HeaderMap;

/// How long to wait as `Retry-After` asks (RFC 9110, section 10.2.3): seconds, or an HTTP date,
/// which is counted from the answer's own `Date` (section 6.6.1) so that a wrong clock on either
/// side does no harm, or else from `now`.
pub fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<f64>() {
        return Duration::try_from_secs_f64(seconds).ok();
    }
    let then = httpdate::parse_http_date(text).ok()?;
    let base = headers
        .get("date")
        .and_then(|date| httpdate::parse_http_date(date.to_str().ok()?).ok())
        .unwrap_or(now);
    Some(then.duration_since(base).unwrap_or_default())
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
        assert_eq!(wait(&[("retry-after", "soon")]), None);
        assert_eq!(wait(&[("retry-after", "-3")]), None);
        assert_eq!(wait(&[]), None);
    }
}
