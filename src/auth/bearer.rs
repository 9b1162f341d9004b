//! `bearer: "{{ env.TOKEN }}"`: `Authorization: Bearer` (RFC 6750, section 2.1).

use crate::auth::{Auth, Form, InHeader, TokenScheme, secret_template};
use crate::core::diagnostic::Diagnostics;
use crate::core::document::Node;

pub const FORM: Form = Form {
    key: "bearer",
    check,
};

fn check(node: &Node, _: TokenScheme, faults: &mut Diagnostics) -> Option<Auth> {
    let value = secret_template(node, FORM.key, faults)?;
    let (name, prefix) = TokenScheme::Bearer.header();
    Some(InHeader::auth(name, prefix, value))
}
