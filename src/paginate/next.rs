//! `next: $.next`: the response contains the URL of the next page.

use std::sync::Arc;

use serde_json::Value;

use crate::core::diagnostic::Diagnostics;
use crate::core::document::{Content, Node};
use crate::core::json;
use crate::core::key::ValueForm;
use crate::paginate::{Form, NEXT, Next, Page, Paginate, Style, follow, path};
use crate::template::selector::Selector;

pub const FORM: Form = Form {
    key: "next",
    check,
    alone: None,
    takes: ValueForm::Either(&[ValueForm::Path, ValueForm::Keys(NEXT, &[])]),
    doc: "the next page is at a URL in the response",
};

/// A URL in the response body.
#[derive(Debug, Clone)]
pub struct Address {
    /// The path of the URL. Null, empty or absent on the last page.
    path: Selector,
}

fn check(node: &Node, faults: &mut Diagnostics) -> Option<Style> {
    let path = match &node.content {
        Content::Map(_) => {
            let mut fields = node.fields_of(FORM.key, NEXT, faults);
            let address = fields.get("path");
            fields.finish(faults);
            let Some(address) = address else {
                faults.push(node.mismatch(FORM.key, "a path such as `$.next`"));
                return None;
            };
            path(address, "path", faults)?
        }
        _ => path(node, FORM.key, faults)?,
    };
    Some(Arc::new(Address { path }))
}

impl Paginate for Address {
    fn decide(&self, page: &Page<'_>) -> Next {
        let without = || page.end_without(&format!("URL at `{}`", self.path.source()));
        match self.path.first(page.body) {
            None | Some(Value::Null | Value::Bool(false)) => without(),
            Some(Value::String(target)) if target.trim().is_empty() => without(),
            Some(Value::String(target)) => follow(page, target.trim()),
            Some(other) => {
                let kind = json::kind(other);
                let path = self.path.source();
                Next::Broken(format!("the next URL `{path}` is {kind}, not a string"))
            }
        }
    }

    fn reads(&self) -> Option<&Selector> {
        Some(&self.path)
    }
}
