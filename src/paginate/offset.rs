//! `offset: { param: offset }`: rows are counted.

use crate::core::diagnostic::Diagnostics;
use crate::core::document::Node;
use crate::paginate::size::Size;
use crate::paginate::{Change, Form, Next, Page, Paginate, Style, word};

pub const FORM: Form = Form {
    key: "offset",
    check,
};

/// Counted rows.
#[derive(Debug, Clone)]
pub struct Offset {
    param: String,
    size: Size,
}

fn check(node: &Node, faults: &mut Diagnostics) -> Option<Style> {
    let mut fields = node.fields(FORM.key, faults);
    let param = fields.get("param");
    let size_param = fields.get("size_param");
    let size = fields.get("size");
    fields.finish(faults);
    Some(Style::Offset(Offset {
        param: param.map_or(Some("offset".to_owned()), |node| {
            word(node, "param", faults)
        })?,
        size: Size::check(node, size_param, size, faults)?,
    }))
}

impl Paginate for Offset {
    fn first(&self) -> Vec<(String, String)> {
        let mut params = vec![(self.param.clone(), "0".to_owned())];
        params.extend(self.size.param());
        params
    }

    fn next(&self, page: &Page<'_>) -> Next {
        if self.size.is_last(page.rows) {
            return Next::End;
        }
        Next::More(Change::Param(
            self.param.clone(),
            page.total_rows.to_string(),
        ))
    }
}
