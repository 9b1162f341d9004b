//! `token: "{{ env.CIRCLE_TOKEN }}"`: sent as the kind of API wants it.

use crate::auth::{Auth, Form, InHeader, TokenScheme, secret_template};
use crate::core::diagnostic::Diagnostics;
use crate::core::document::Node;

pub const FORM: Form = Form {
    key: "token",
    check,
};

fn check(node: &Node, scheme: TokenScheme, faults: &mut Diagnostics) -> Option<Auth> {
    let value = secret_template(node, FORM.key, faults)?;
    let (name, prefix) = scheme.header();
    Some(InHeader::auth(name, prefix, value))
}
