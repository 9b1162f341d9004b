//! `page: { param: page }`: pages are numbered.

use serde_json::Value;

use crate::core::diagnostic::Diagnostics;
use crate::core::document::Node;
use crate::paginate::size::Size;
use crate::paginate::{Form, Next, Page, Paginate, Place, Style, number_place};

pub const FORM: Form = Form { key: "page", check };

/// Numbered pages.
#[derive(Debug, Clone)]
pub struct Number {
    place: Place,
    start: u64,
    size: Size,
}

fn check(node: &Node, faults: &mut Diagnostics) -> Option<Style> {
    let mut fields = node.fields(FORM.key, faults);
    let place = number_place(&mut fields, "page", faults);
    let start = fields.get("start");
    let size = Size::check(node, &mut fields, faults);
    fields.finish(faults);
    let start = match start {
        None => 1,
        Some(node) => node.integer("start", 0..=u64::MAX, faults)?,
    };
    Some(Style::Number(Number {
        place: place?,
        start,
        size: size?,
    }))
}

impl Paginate for Number {
    fn first(&self) -> Vec<(Place, Value)> {
        let mut values = vec![(self.place.clone(), Value::from(self.start))];
        values.extend(self.size.first());
        values
    }

    fn next(&self, page: &Page<'_>) -> Next {
        if page.goes_on != Some(true) && self.size.is_last(page) {
            return Next::End;
        }
        // Where the query says the first page itself, it goes on from there.
        let number = match self.place.number_in(page.request) {
            Some(sent) => sent.saturating_add(1),
            None => self.start.saturating_add(page.pages),
        };
        Next::More(self.place.change(&Value::from(number)))
    }

    fn knows_of_more(&self) -> bool {
        false
    }
}
