//! `header: { name, value }`: a header field of any name.

use crate::auth::{Auth, Form, TokenScheme, secret_template};
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::Node;
use crate::http::HeaderName;

pub const FORM: Form = Form {
    key: "header",
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
            "`header` needs a `name` and a `value`",
        ));
        return None;
    };
    let text = name.text("name", faults)?;
    let Ok(header) = HeaderName::from_bytes(text.value.as_bytes()) else {
        faults.push(name.mismatch("name", "the name of a header field"));
        return None;
    };
    Some(Auth::Header {
        name: header,
        prefix: "",
        value: secret_template(value, "value", faults)?,
    })
}
