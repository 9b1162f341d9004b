//! `cursor: { path: $.next, param: cursor }`: a token from the response is sent with the next
//! request.

use std::sync::Arc;

use serde_json::Value;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::Node;
use crate::core::json;
use crate::core::key::ValueForm;
use crate::http::HeaderName;
use crate::paginate::{
    CURSOR, CURSOR_RULES, Form, Next, Page, Paginate, RequestPlace, Style, path, word,
};
use crate::template::selector::Selector;

pub const FORM: Form = Form {
    key: "cursor",
    check,
    alone: None,
    takes: ValueForm::Keys(CURSOR, CURSOR_RULES),
    doc: "the next page is requested with a token of the response",
};

/// A cursor.
#[derive(Debug, Clone)]
pub struct Cursor {
    /// The path of the token in the response. Null, empty or absent on the last page.
    path: Selector,
    /// The place of the token in the request.
    place: RequestPlace,
}

impl Cursor {
    /// Creates the known cursor of a kind of API.
    pub fn preset(path: &str, place: RequestPlace) -> Option<Style> {
        Some(Arc::new(Self {
            path: Selector::parse(path).ok()?,
            place,
        }))
    }
}

fn check(node: &Node, faults: &mut Diagnostics) -> Option<Style> {
    let mut fields = node.fields_of(FORM.key, CURSOR, faults);
    let token = fields.get("path");
    let param = fields.get("param");
    let header = fields.get("header");
    let body = fields.get("body");
    fields.finish(faults);
    let mut places = Vec::new();
    if let Some(node) = param {
        places.push(RequestPlace::param(node, "param", faults)?);
    }
    if let Some(node) = header {
        let text = word(node, "header", faults)?;
        let Ok(name) = HeaderName::from_bytes(text.as_bytes()) else {
            faults.push(node.mismatch("header", "the name of a header field"));
            return None;
        };
        places.push(RequestPlace::Header(name));
    }
    if let Some(node) = body {
        places.push(RequestPlace::body(node, "body", faults)?);
    }
    let (Some(token), 1) = (token, places.len()) else {
        let words = "`cursor` needs a `path` and one of `param`, `header` or `body`";
        faults.push(
            Diagnostic::at(&node.place, Code::MissingKey, words)
                .help("for example `cursor: { path: $.next_cursor, param: cursor }`"),
        );
        return None;
    };
    Some(Arc::new(Cursor {
        path: path(token, "path", faults)?,
        place: places.remove(0),
    }))
}

impl Paginate for Cursor {
    fn places(&self) -> Vec<RequestPlace> {
        vec![self.place.clone()]
    }

    fn decide(&self, page: &Page<'_>) -> Next {
        let without = || page.end_without(&format!("cursor `{}`", self.path.source()));
        let token = match self.path.first(page.body) {
            None | Some(Value::Null | Value::Bool(false)) => return without(),
            Some(Value::String(text)) if text.is_empty() => return without(),
            Some(token @ (Value::String(_) | Value::Number(_))) => token,
            Some(other) => {
                let kind = json::kind(other);
                let path = self.path.source();
                return Next::Broken(format!("the cursor `{path}` is {kind}, not a string"));
            }
        };
        Next::More(self.place.change(token))
    }

    fn reads(&self) -> Option<&Selector> {
        Some(&self.path)
    }
}
