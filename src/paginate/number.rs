//! `page: { param: page }`: pages are numbered.

use crate::core::diagnostic::Diagnostics;
use crate::core::document::Node;
use crate::paginate::size::Size;
use crate::paginate::{Change, Form, Next, Page, Paginate, Style, word};

pub const FORM: Form = Form { key: "page", check };

/// Numbered pages.
#[derive(Debug, Clone)]
pub struct Number {
    param: String,
    start: u64,
    size: Size,
}

fn check(node: &Node, faults: &mut Diagnostics) -> Option<Style> {
    let mut fields = node.fields(FORM.key, faults);
    let param = fields.get("param");
    let start = fields.get("start");
    let size_param = fields.get("size_param");
    let size = fields.get("size");
    fields.finish(faults);
    let start = match start {
        None => 1,
        Some(node) => node.integer("start", 0..=u64::MAX, faults)?,
    };
    Some(Style::Number(Number {
        param: param.map_or(Some("page".to_owned()), |node| word(node, "param", faults))?,
        start,
        size: Size::check(node, size_param, size, faults)?,
    }))
}

impl Paginate for Number {
    fn first(&self) -> Vec<(String, String)> {
        let mut params = vec![(self.param.clone(), self.start.to_string())];
        params.extend(self.size.param());
        params
    }

    fn next(&self, page: &Page<'_>) -> Next {
        if self.size.is_last(page.rows) {
            return Next::End;
        }
        let number = self.start.saturating_add(page.pages);
        Next::More(Change::Param(self.param.clone(), number.to_string()))
    }
}
