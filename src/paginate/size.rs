//! How many rows a page has, where the request says so: `size_param` or `size_body`, and `size`.

use serde_json::Value;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Fields, Node};
use crate::paginate::{Change, Next, Page, Place};

/// The size of a page that is asked for; nothing if the server decides it.
#[derive(Debug, Clone, Default)]
pub struct Size {
    asked: Option<(Place, u64)>,
}

impl Size {
    /// Reads the keys of `node`: a place and a size, or neither.
    pub fn check(node: &Node, fields: &mut Fields<'_>, faults: &mut Diagnostics) -> Option<Self> {
        let param = fields.get("size_param");
        let body = fields.get("size_body");
        let size = fields.get("size");
        let place = match (param, body) {
            (None, None) => None,
            (Some(param), None) => Some(Place::param(param, "size_param", faults)?),
            (None, Some(body)) => Some(Place::body(body, "size_body", faults)?),
            (Some(_), Some(body)) => {
                let words = "the size of a page goes to one place: `size_param` or `size_body`";
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
                let words = "`size` goes with `size_param` or `size_body`, and they with it";
                faults.push(Diagnostic::at(&node.place, Code::MissingKey, words));
                None
            }
        }
    }

    /// The values of the first request: a number at its place, and the size.
    pub fn first_with(&self, place: &Place, number: u64) -> Vec<(Place, Value)> {
        let mut values = vec![(place.clone(), Value::from(number))];
        values.extend(self.first());
        values
    }

    /// The value that asks for it.
    pub fn first(&self) -> Option<(Place, Value)> {
        let (place, size) = self.asked.as_ref()?;
        Some((place.clone(), Value::from(*size)))
    }

    /// Returns true if a page is known to be the last one: it is empty, or shorter than asked though
    /// the server has kept to the size before. A server that never does may have a bound of its own,
    /// so that its short pages say nothing.
    fn is_last(&self, page: &Page<'_>) -> bool {
        let is_short = || {
            let (place, size) = self.asked.as_ref()?;
            let size = place.number_in(page.request).unwrap_or(*size);
            Some(page.rows < size && page.most_rows >= size)
        };
        page.rows == 0 || is_short().unwrap_or(false)
    }

    /// Returns true if a page is shorter than asked, though not known to be the last one.
    fn is_short(&self, page: &Page<'_>) -> bool {
        let asked = self.asked.as_ref();
        asked
            .is_some_and(|(place, size)| page.rows < place.number_in(page.request).unwrap_or(*size))
    }

    /// What comes after a page whose next one a change asks for.
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
