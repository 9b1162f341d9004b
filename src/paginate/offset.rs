//! `offset: { param: offset }`: rows are counted.

use std::sync::Arc;

use serde_json::Value;

use crate::core::diagnostic::Diagnostics;
use crate::core::document::Node;
use crate::paginate::size::Size;
use crate::paginate::{Form, Next, Page, Paginate, Place, Style, number_place, path};
use crate::template::selector::Selector;

pub const FORM: Form = Form {
    key: "offset",
    check,
    alone: None,
};

/// Counted rows.
#[derive(Debug, Clone)]
pub struct Offset {
    place: Place,
    /// The offset of the first row: 0, or 1 as in SCIM (RFC 7644, section 3.4.2.4).
    start: u64,
    size: Size,
    /// The list that is paged, if `rows` does not name it.
    list: Option<Selector>,
}

impl Offset {
    /// Creates the known style of a kind of API: an offset from 0 in a URL parameter.
    pub fn preset(param: &str) -> Style {
        Arc::new(Self {
            place: Place::Param(param.to_owned()),
            start: 0,
            size: Size::default(),
            list: None,
        })
    }
}

fn check(node: &Node, faults: &mut Diagnostics) -> Option<Style> {
    let mut fields = node.fields(FORM.key, faults);
    let place = number_place(&mut fields, "offset", faults);
    let start = fields.get("start");
    let list = fields.get("list");
    let size = Size::check(node, &mut fields, faults);
    fields.finish(faults);
    let start = match start {
        None => 0,
        Some(node) => node.integer("start", 0..=u64::MAX, faults)?,
    };
    Some(Arc::new(Offset {
        place: place?,
        start,
        size: size?,
        list: match list {
            None => None,
            Some(node) => Some(path(node, "list", faults)?),
        },
    }))
}

impl Paginate for Offset {
    fn first(&self) -> Vec<(Place, Value)> {
        self.size.first_with(&self.place, self.start)
    }

    fn decide(&self, page: &Page<'_>) -> Next {
        if page.rows == 0 {
            return page.end_without("rows to count");
        }
        // If the query sets the first offset itself, counting continues from there.
        let offset = match self.place.number_of(page.request) {
            Ok(Some(sent)) => sent.saturating_add(page.rows),
            Ok(None) => self.start.saturating_add(page.total_rows),
            Err(words) => return Next::Broken(words),
        };
        let change = self.place.change(&Value::from(offset));
        self.size.next(page, change)
    }

    fn list(&self) -> Option<&Selector> {
        self.list.as_ref()
    }

    fn overlap_advice(&self) -> Option<&'static str> {
        Some("set `start: 1` for an API whose offsets start at 1")
    }

    fn knows_of_more(&self) -> bool {
        false
    }
}
