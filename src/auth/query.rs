//! `query: { name, value }`: a URL parameter.

use crate::auth::{Auth, Form, TokenScheme, named_value};
use crate::core::diagnostic::Diagnostics;
use crate::core::document::Node;

pub const FORM: Form = Form {
    key: "query",
    check,
};

fn check(node: &Node, _: TokenScheme, faults: &mut Diagnostics) -> Option<Auth> {
    let (name, value) = named_value(node, FORM.key, faults)?;
    Some(Auth::Query {
        name: name.text("name", faults)?.value.to_string(),
        value,
    })
}
