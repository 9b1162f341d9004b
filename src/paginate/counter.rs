//! A number that counts up from page to page, for numbered pages and counted rows.

use serde_json::Value;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Fields, Node};
use crate::paginate::size::Size;
use crate::paginate::{COUNTER, Next, Page, RequestPlace, path};
use crate::template::selector::Selector;

/// The settings of a style that counts.
#[derive(Debug, Clone)]
pub struct Counter {
    pub place: RequestPlace,
    /// The number of the first page or row.
    pub start: u64,
    pub size: Size,
    /// The list that is paged, if `rows` does not name it.
    pub list: Option<Selector>,
}

impl Counter {
    /// Reads the settings below `key`, which is also the usual parameter. `start` is the default.
    pub fn check(key: &str, start: u64, node: &Node, faults: &mut Diagnostics) -> Option<Self> {
        let mut fields = node.fields_of(key, COUNTER, faults);
        let place = number_place(&mut fields, key, faults);
        let own_start = fields.get("start");
        let list = fields.get("list");
        let size = Size::check(node, &mut fields, faults);
        fields.finish(faults);
        Some(Self {
            start: match own_start {
                None => start,
                Some(node) => node.integer("start", 0..=u64::MAX, faults)?,
            },
            place: place?,
            size: size?,
            list: match list {
                None => None,
                Some(node) => Some(path(node, "list", faults)?),
            },
        })
    }

    /// Returns the values of the first request: the number, and the size.
    pub fn first(&self) -> Vec<(RequestPlace, Value)> {
        let number = (self.place.clone(), Value::from(self.start));
        std::iter::once(number).chain(self.size.first()).collect()
    }

    /// Decides how to continue after a page that counts for `step` of `total` so far.
    pub fn next(&self, page: &Page<'_>, step: u64, total: u64) -> Next {
        // If the query sets the first number itself, counting continues from there.
        let number = match self.place.number_of(page.request) {
            Ok(Some(sent)) => sent.saturating_add(step),
            Ok(None) => self.start.saturating_add(total),
            Err(words) => return Next::Broken(words),
        };
        self.size
            .next(page, self.place.change(&Value::from(number)))
    }
}

/// Reads the place of a number: a URL parameter or a member of the JSON body.
fn number_place(
    fields: &mut Fields<'_>,
    usual: &str,
    faults: &mut Diagnostics,
) -> Option<RequestPlace> {
    match (fields.get("param"), fields.get("body")) {
        (None, None) => Some(RequestPlace::Param(usual.to_owned())),
        (Some(param), None) => RequestPlace::param(param, "param", faults),
        (None, Some(body)) => RequestPlace::body(body, "body", faults),
        (Some(_), Some(body)) => {
            let words = "the number goes either to `param` or to `body`";
            faults.push(Diagnostic::at(&body.place, Code::Paginate, words));
            None
        }
    }
}
