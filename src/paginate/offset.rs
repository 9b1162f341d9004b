//! `offset: { param: offset }`: rows are counted.

use std::sync::Arc;

use serde_json::Value;

use crate::core::diagnostic::Diagnostics;
use crate::core::document::Node;
use crate::core::key::ValueForm;
use crate::paginate::counter::Counter;
use crate::paginate::size::Size;
use crate::paginate::{COUNTER, COUNTER_RULES, Form, Next, Page, Paginate, RequestPlace, Style};
use crate::template::selector::Selector;

pub const FORM: Form = Form {
    key: "offset",
    check,
    alone: None,
    takes: ValueForm::Keys(COUNTER, COUNTER_RULES),
    doc: "the next page is requested with the number of rows so far",
};

/// Counted rows, from 0, or from 1 as in SCIM (RFC 7644, section 3.4.2.4).
#[derive(Debug, Clone)]
pub struct Offset(Counter);

impl Offset {
    /// Creates the known style of a kind of API: an offset from 0 in a URL parameter.
    pub fn preset(param: &str) -> Style {
        Arc::new(Self(Counter {
            place: RequestPlace::Param(param.to_owned()),
            start: 0,
            size: Size::default(),
            list: None,
        }))
    }
}

fn check(node: &Node, faults: &mut Diagnostics) -> Option<Style> {
    let counter = Counter::check(FORM.key, 0, node, faults)?;
    Some(Arc::new(Offset(counter)))
}

impl Paginate for Offset {
    fn first(&self) -> Vec<(RequestPlace, Value)> {
        self.0.first()
    }

    fn decide(&self, page: &Page<'_>) -> Next {
        if page.rows == 0 {
            return page.end_without("rows to count");
        }
        self.0.next(page, page.rows, page.total_rows)
    }

    fn list(&self) -> Option<&Selector> {
        self.0.list.as_ref()
    }

    fn overlap_advice(&self) -> Option<&'static str> {
        Some("set `start: 1` for an API whose offsets start at 1")
    }

    fn knows_of_more(&self) -> bool {
        false
    }
}
