//! `bearer: "{{ env.TOKEN }}"`: `Authorization: Bearer` (RFC 6750, section 2.1).

use crate::auth::{Auth, Form, InHeader, TokenScheme, secret_template};
use crate::core::diagnostic::Diagnostics;
use crate::core::document::Entry;
use crate::core::key::ValueForm;

pub const FORM: Form = Form {
    key: "bearer",
    takes: ValueForm::Template,
    doc: "a token, sent as `Authorization: Bearer …`",
    grammar: None,
    check,
};

fn check(entry: &Entry, _: Option<TokenScheme>, faults: &mut Diagnostics) -> Option<Auth> {
    let value = secret_template(&entry.value, FORM.key, faults)?;
    let (name, prefix) = TokenScheme::Bearer.header();
    Some(InHeader::auth(name, prefix, value))
}
