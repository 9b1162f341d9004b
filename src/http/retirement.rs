//! The announced end of a route: `Deprecation` (RFC 9745) and `Sunset` (RFC 8594).

use jiff::Timestamp;
use jiff::tz::TimeZone;
use url::Url;

use crate::core::text::one_line;
use crate::http::{HeaderMap, link};

/// The announced end of a route.
#[derive(Debug, Clone, PartialEq)]
pub struct Retirement {
    /// The time of deprecation, or just its fact.
    deprecation: Option<Deprecation>,
    /// The expected time of removal.
    sunset: Option<Timestamp>,
    /// A URL with details.
    link: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Deprecation {
    At(Timestamp),
    Undated,
}

impl Retirement {
    /// Reads the fields of a response to a request for `url`; `None` if there are none.
    pub fn of(headers: &HeaderMap, url: &Url) -> Option<Self> {
        let deprecation = text(headers, "deprecation").and_then(deprecation);
        let sunset = text(headers, "sunset").and_then(http_date);
        if deprecation.is_none() && sunset.is_none() {
            return None;
        }
        let link = ["deprecation", "sunset"]
            .iter()
            .find_map(|relation| link::target(headers, relation))
            .and_then(|target| url.join(&target).ok());
        Some(Self {
            deprecation,
            sunset,
            link: link.map(|url| one_line(url.as_str()).into_owned()),
        })
    }

    /// Describes it for a message: `is deprecated since 2023-06-30 and will be gone after
    /// 2026-12-31, see …`.
    pub fn words(&self, now: Timestamp) -> String {
        let mut words = Vec::new();
        match self.deprecation {
            None => {}
            Some(Deprecation::Undated) => words.push("is deprecated".to_owned()),
            Some(Deprecation::At(time)) => {
                let since = if time > now {
                    "will be deprecated from"
                } else {
                    "is deprecated since"
                };
                words.push(format!("{since} {}", day(time)));
            }
        }
        if let Some(time) = self.sunset {
            let verb = if time > now { "will" } else { "was due to" };
            words.push(format!("{verb} be removed after {}", day(time)));
        }
        let words = words.join(" and ");
        match &self.link {
            Some(link) => format!("{words}, see {link}"),
            None => words,
        }
    }
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    Some(headers.get(name)?.to_str().ok()?.trim())
}

/// Parses a date (RFC 9651, section 3.3.7) such as `@1688169599`; drafts of the specification used
/// an HTTP date or `true`.
fn deprecation(text: &str) -> Option<Deprecation> {
    if let Some(seconds) = text.strip_prefix('@') {
        let seconds = seconds.split(';').next()?.trim().parse().ok()?;
        return Timestamp::from_second(seconds).ok().map(Deprecation::At);
    }
    match text {
        "true" | "?1" => Some(Deprecation::Undated),
        _ => http_date(text).map(Deprecation::At),
    }
}

fn http_date(text: &str) -> Option<Timestamp> {
    Timestamp::try_from(httpdate::parse_http_date(text).ok()?).ok()
}

fn day(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC).date().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(fields: &[(&'static str, &'static str)]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().expect("a value"));
        }
        let now = "2026-11-26T12:00:00Z".parse().expect("a time");
        let url = "https://api.test/v1/x".parse().expect("a URL");
        Retirement::of(&headers, &url).map(|retirement| retirement.words(now))
    }

    #[test]
    fn dates_and_links_are_read() {
        let since = ("deprecation", "@1688169599");
        let sunset = ("sunset", "Thu, 31 Dec 2026 23:59:59 GMT");
        for (fields, expected) in [
            (&[since][..], "is deprecated since 2023-06-30"),
            (
                &[("deprecation", "@1893456000")],
                "will be deprecated from 2030-01-01",
            ),
            (&[("deprecation", "true")], "is deprecated"),
            (
                &[("deprecation", "Fri, 30 Jun 2023 23:59:59 GMT")],
                "is deprecated since 2023-06-30",
            ),
            (&[sunset], "will be removed after 2026-12-31"),
            (
                &[("sunset", "Sun, 31 Dec 2023 23:59:59 GMT")],
                "was due to be removed after 2023-12-31",
            ),
            (
                &[
                    since,
                    sunset,
                    (
                        "link",
                        "</docs>; rel=\"sunset\", <https://d.test/x>; rel=deprecation",
                    ),
                ],
                "is deprecated since 2023-06-30 and will be removed after 2026-12-31, see https://d.test/x",
            ),
            (
                &[sunset, ("link", "</docs>; rel=\"sunset\"")],
                "will be removed after 2026-12-31, see https://api.test/docs",
            ),
        ] {
            assert_eq!(words(fields).as_deref(), Some(expected), "{fields:?}");
        }
        for none in [
            &[][..],
            &[("deprecation", "false")],
            &[("deprecation", "@soon")],
            &[("deprecation", "@99999999999999999")],
            &[("sunset", "soon")],
            &[("link", "</docs>; rel=\"sunset\"")],
        ] {
            assert_eq!(words(none), None, "{none:?}");
        }
    }
}
