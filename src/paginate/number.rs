//! `page: { param: page }`: pages are numbered.

use std::sync::Arc;

use serde_json::Value;

use crate::core::diagnostic::Diagnostics;
use crate::core::document::Node;
use crate::paginate::size::Size;
use crate::paginate::{Form, Next, Page, Paginate, Place, Style, number_place, path};
use crate::template::selector::Selector;

pub const FORM: Form = Form {
    key: "page",
    check,
    alone: None,
};

/// Numbered pages.
#[derive(Debug, Clone)]
pub struct Number {
    place: Place,
    start: u64,
    size: Size,
    /// The list that is paged, if `rows` does not name it.
    list: Option<Selector>,
}

fn check(node: &Node, faults: &mut Diagnostics) -> Option<Style> {
    let mut fields = node.fields(FORM.key, faults);
    let place = number_place(&mut fields, "page", faults);
    let start = fields.get("start");
    let list = fields.get("list");
    let size = Size::check(node, &mut fields, faults);
    fields.finish(faults);
    let start = match start {
        None => 1,
        Some(node) => node.integer("start", 0..=u64::MAX, faults)?,
    };
    Some(Arc::new(Number {
        place: place?,
        start,
        size: size?,
        list: match list {
            None => None,
            Some(node) => Some(path(node, "list", faults)?),
        },
    }))
}

impl Paginate for Number {
    fn first(&self) -> Vec<(Place, Value)> {
        self.size.first_with(&self.place, self.start)
    }

    fn decide(&self, page: &Page<'_>) -> Next {
        // If the query sets the first page itself, counting continues from there.
        let number = match self.place.number_of(page.request) {
            Ok(Some(sent)) => sent.saturating_add(1),
            Ok(None) => self.start.saturating_add(page.pages),
            Err(words) => return Next::Broken(words),
        };
        let change = self.place.change(&Value::from(number));
        self.size.next(page, change)
    }

    fn list(&self) -> Option<&Selector> {
        self.list.as_ref()
    }

    fn knows_of_more(&self) -> bool {
        false
    }
}
