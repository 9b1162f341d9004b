//! The page size in the request: `size_param` or `size_body`, and `size`.

use serde_json::Value;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Fields, Node};
use crate::paginate::{Change, Next, Page, Place};

/// The requested page size, if the file sets one.
#[derive(Debug, Clone, Default)]
pub struct Size {
    asked: Option<(Place, u64)>,
}

impl Size {
    /// Reads the keys of `node`: both a place and a size, or neither.
    pub fn check(node: &Node, fields: &mut Fields<'_>, faults: &mut Diagnostics) -> Option<Self> {
        let param = fields.get("size_param");
        let body = fields.get("size_body");
        let size = fields.get("size");
        let place = match (param, body) {
            (None, None) => None,
            (Some(param), None) => Some(Place::param(param, "size_param", faults)?),
            (None, Some(body)) => Some(Place::body(body, "size_body", faults)?),
            (Some(_), Some(body)) => {
                let words = "the page size goes either to `size_param` or to `size_body`";
                faults.push(Diagnostic::at(&body.place, Code::Paginate, words));
                return None;
            }
        };
        match (place, size) {
            (None, None) => Some(Self::default()),
            (Some(place), Some(size)) => {
                let size = size.integer("size", 1..=1_000_000, faults)?;
                Some(Self {
                    asked: Some((place, size)),
                })
            }
            _ => {
                let words = "`size` needs `size_param` or `size_body`, and vice versa";
                faults.push(Diagnostic::at(&node.place, Code::MissingKey, words));
                None
            }
        }
    }

    /// Returns the values of the first request: a number at its place, and the size.
    pub fn first_with(&self, place: &Place, number: u64) -> Vec<(Place, Value)> {
        let mut values = vec![(place.clone(), Value::from(number))];
        values.extend(self.first());
        values
    }

    /// Returns the value that requests the size.
    pub fn first(&self) -> Option<(Place, Value)> {
        let (place, size) = self.asked.as_ref()?;
        Some((place.clone(), Value::from(*size)))
    }

    /// Returns true if a page is known to be the last: it is empty, or shorter than requested
    /// although an earlier page was full. A server that never fills a page may have a limit of its
    /// own, so its short pages prove nothing.
    fn is_last(&self, page: &Page<'_>) -> bool {
        let is_short = || {
            let (place, size) = self.asked.as_ref()?;
            let size = place.number_in(page.request).unwrap_or(*size);
            Some(page.rows < size && page.most_rows >= size)
        };
        page.rows == 0 || is_short().unwrap_or(false)
    }

    /// Returns true if a page is shorter than requested, though not known to be the last.
    fn is_short(&self, page: &Page<'_>) -> bool {
        let asked = self.asked.as_ref();
        asked
            .is_some_and(|(place, size)| page.rows < place.number_in(page.request).unwrap_or(*size))
    }

    /// Decides how to continue after a page, given the change for the next one.
    pub fn next(&self, page: &Page<'_>, change: Change) -> Next {
        if page.goes_on == Some(true) {
            return Next::More(change);
        }
        if self.is_last(page) {
            return Next::End;
        }
        if self.is_short(page) {
            return Next::Perhaps(change);
        }
        Next::More(change)
    }
}
