//! `query: { name, value }`: a URL parameter.

use crate::auth::{Auth, Form, TokenScheme, secret_template};
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::Node;

pub const FORM: Form = Form {
    key: "query",
    check,
};

fn check(node: &Node, _: TokenScheme, faults: &mut Diagnostics) -> Option<Auth> {
    let mut fields = node.fields(FORM.key, faults);
    let name = fields.get("name");
    let value = fields.get("value");
    fields.finish(faults);
    let (Some(name), Some(value)) = (name, value) else {
        faults.push(Diagnostic::at(
            &node.place,
            "missing-key",
            "`query` needs a `name` and a `value`",
        ));
        return None;
    };
    Some(Auth::Query {
        name: name.text("name", faults)?.value.to_string(),
        value: secret_template(value, "value", faults)?,
    })
}
