//! `header: { name, value }`: a header field of any name.

use crate::auth::{Auth, Form, TokenScheme, named_value};
use crate::core::diagnostic::Diagnostics;
use crate::core::document::Node;
use crate::http::{HeaderName, headers};

pub const FORM: Form = Form {
    key: "header",
    check,
};

fn check(node: &Node, _: TokenScheme, faults: &mut Diagnostics) -> Option<Auth> {
    let (name, value) = named_value(node, FORM.key, faults)?;
    let text = name.text("name", faults)?;
    let header = HeaderName::from_bytes(text.value.as_bytes()).ok();
    let Some(header) = header.filter(|header| !headers::is_framing(header)) else {
        faults.push(name.mismatch(
            "name",
            "the name of a header field that is not the connection's",
        ));
        return None;
    };
    Some(Auth::Header {
        name: header,
        prefix: "",
        value,
    })
}
