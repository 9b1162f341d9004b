//! `token: "{{ env.CIRCLE_TOKEN }}"`: sent in the scheme of the kind of API.

use crate::auth::{Auth, Form, InHeader, TokenScheme, secret_template};
use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::Entry;
use crate::core::key::ValueForm;

pub const FORM: Form = Form {
    key: "token",
    takes: ValueForm::Template,
    doc: "a token, sent in the scheme of the kind of API",
    grammar: None,
    check,
};

fn check(entry: &Entry, scheme: Option<TokenScheme>, faults: &mut Diagnostics) -> Option<Auth> {
    let Some(scheme) = scheme else {
        let words = "`token` needs a kind of API with its own scheme, and `rest` has none";
        let fault = Diagnostic::at(&entry.key_place, Code::AuthWithoutScheme, words);
        faults.push(fault.help("use `bearer`, `header`, `query` or `basic` instead"));
        return None;
    };
    let value = secret_template(&entry.value, FORM.key, faults)?;
    let (name, prefix) = scheme.header();
    Some(InHeader::auth(name, prefix, value))
}
