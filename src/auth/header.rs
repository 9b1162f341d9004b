//! `header: { name, value }`: a header field with any name.

use std::sync::Arc;

use crate::auth::{
    Auth, Authenticate, Context, Credential, CredentialError, FIELD, Form, Obtaining, TokenScheme,
    at_once, filled, in_header, named_value,
};
use crate::core::diagnostic::Diagnostics;
use crate::core::document::Entry;
use crate::core::key::ValueForm;
use crate::http::{HeaderName, headers};
use crate::template::{RenderError, Scope, Template};

pub const FORM: Form = Form {
    key: "header",
    takes: ValueForm::Keys(FIELD, &[]),
    doc: "a token, sent in a header field",
    grammar: None,
    check,
};

fn check(entry: &Entry, _: Option<TokenScheme>, faults: &mut Diagnostics) -> Option<Auth> {
    let (name, value) = named_value(&entry.value, FORM.key, FIELD, faults)?;
    let text = name.text("name", faults)?;
    let header = HeaderName::from_bytes(text.value.as_bytes()).ok();
    let Some(header) = header.filter(|header| !headers::is_framing(header)) else {
        faults.push(name.mismatch(
            "name",
            "the name of a header field that is not set by the connection",
        ));
        return None;
    };
    Some(InHeader::auth(header, "", value))
}

/// A value in a header field.
#[derive(Debug)]
pub struct InHeader {
    name: HeaderName,
    prefix: &'static str,
    value: Template,
}

impl InHeader {
    /// Returns the `auth` that sends a value in this field, after a prefix.
    pub fn auth(name: HeaderName, prefix: &'static str, value: Template) -> Auth {
        Arc::new(Self {
            name,
            prefix,
            value,
        })
    }

    fn credential(&self, scope: &Scope) -> Result<Credential, CredentialError> {
        let text = filled(&self.value, scope)?;
        in_header(self.name.clone(), self.prefix, &text, self.value.place())
    }
}

impl Authenticate for InHeader {
    fn templates(&self) -> Vec<&Template> {
        vec![&self.value]
    }

    fn ready(&self, scope: &Scope) -> Result<(), CredentialError> {
        self.credential(scope).map(drop)
    }

    fn obtain<'a>(&'a self, context: Context<'a>) -> Obtaining<'a> {
        at_once(self.credential(context.scope))
    }

    fn shown(&self, scope: &Scope, _: &dyn Fn(&str) -> String) -> Result<Credential, RenderError> {
        Ok(self.credential(scope).unwrap_or_default())
    }

    fn words(&self) -> String {
        format!("{}: {}{}", self.name, self.prefix, self.value.source())
    }
}
