//! The page size in the request: `size_param` or `size_body`, and `size`.

use serde_json::Value;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Fields, Node};
use crate::paginate::{Change, Next, Page, RequestPlace};

/// The requested page size, if the file sets one.
#[derive(Debug, Clone, Default)]
pub struct Size {
    wanted: Option<(RequestPlace, u64)>,
}

impl Size {
    /// Reads the keys of `node`: both a place and a size, or neither.
    pub fn check(node: &Node, fields: &mut Fields<'_>, faults: &mut Diagnostics) -> Option<Self> {
        let param = fields.get("size_param");
        let body = fields.get("size_body");
        let size = fields.get("size");
        let place = match (param, body) {
            (None, None) => None,
            (Some(param), None) => Some(RequestPlace::param(param, "size_param", faults)?),
            (None, Some(body)) => Some(RequestPlace::body(body, "size_body", faults)?),
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
                    wanted: Some((place, size)),
                })
            }
            _ => {
                let words = "`size` needs `size_param` or `size_body`, and vice versa";
                faults.push(Diagnostic::at(&node.place, Code::MissingKey, words));
                None
            }
        }
    }

    /// Returns the value that requests the size.
    pub fn first(&self) -> Option<(RequestPlace, Value)> {
        let (place, size) = self.wanted.as_ref()?;
        Some((place.clone(), Value::from(*size)))
    }

    /// Decides how to continue after a page, given the change for the next one. A short page is the
    /// last if an earlier page was full. A server that never fills a page may have a limit of its
    /// own, so its short pages prove nothing.
    pub fn next(&self, page: &Page<'_>, change: Change) -> Next {
        let wanted = self.wanted.as_ref();
        let size = wanted.map(|(place, size)| place.number_in(page.request).unwrap_or(*size));
        let is_short = size.is_some_and(|size| page.rows < size);
        let was_full = size.is_some_and(|size| page.most_rows >= size);
        if page.goes_on == Some(true) {
            Next::More(change)
        } else if page.rows == 0 || is_short && was_full {
            Next::End
        } else if is_short {
            Next::Perhaps(change)
        } else {
            Next::More(change)
        }
    }
}
