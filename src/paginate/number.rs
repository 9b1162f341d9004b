//! `page: { param: page }`: pages are numbered.

use std::sync::Arc;

use serde_json::Value;

use crate::core::diagnostic::Diagnostics;
use crate::core::document::Node;
use crate::core::key::ValueForm;
use crate::paginate::counter::Counter;
use crate::paginate::{COUNTER, COUNTER_RULES, Form, Next, Page, Paginate, RequestPlace, Style};
use crate::template::selector::Selector;

pub const FORM: Form = Form {
    key: "page",
    check,
    alone: None,
    takes: ValueForm::Keys(COUNTER, COUNTER_RULES),
    doc: "the next page is requested by its number",
};

/// Numbered pages.
#[derive(Debug, Clone)]
pub struct Number(Counter);

fn check(node: &Node, faults: &mut Diagnostics) -> Option<Style> {
    let counter = Counter::check(FORM.key, 1, node, faults)?;
    Some(Arc::new(Number(counter)))
}

impl Paginate for Number {
    fn first(&self) -> Vec<(RequestPlace, Value)> {
        self.0.first()
    }

    fn decide(&self, page: &Page<'_>) -> Next {
        self.0.next(page, 1, page.pages)
    }

    fn list(&self) -> Option<&Selector> {
        self.0.list.as_ref()
    }

    fn knows_of_more(&self) -> bool {
        false
    }
}
