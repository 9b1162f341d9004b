//! The header field `Content-Range` (RFC 9110, section 14.4).

use crate::http::HeaderMap;

/// The position of a response in a list, as in `items 0-24/319`. The unit is optional, since
/// `PostgREST` omits it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentRange {
    /// The number of the last item, from 0.
    pub last: u64,
    /// The total number of items.
    pub total: u64,
}

impl ContentRange {
    /// Parses the field; `None` if it is missing, in another form, or without a total.
    pub fn of(headers: &HeaderMap) -> Option<Self> {
        let field = headers.get("content-range")?.to_str().ok()?.trim();
        let range = field.rsplit(' ').next()?;
        let (range, total) = range.split_once('/')?;
        let (_, last) = range.split_once('-')?;
        Some(Self {
            last: last.parse().ok()?,
            total: total.parse().ok()?,
        })
    }

    /// Returns true if there are items after the last one.
    pub fn has_more(self) -> bool {
        self.last.saturating_add(1) < self.total
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_and_the_total_are_read() {
        for (field, range) in [
            ("items 0-24/319", Some((24, 319))),
            ("0-24/319", Some((24, 319))),
            ("items 0-24/*", None),
            ("items */319", None),
            ("id a..b; max=200", None),
            ("items 0-24", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert("content-range", field.parse().expect("a value"));
            let found = ContentRange::of(&headers).map(|range| (range.last, range.total));
            assert_eq!(found, range, "{field}");
        }
        let range = |last, total| ContentRange { last, total };
        assert!(range(1, 500).has_more() && !range(499, 500).has_more());
    }
}
