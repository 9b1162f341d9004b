//! `query: { name, value }`: a URL parameter.

use std::sync::Arc;

use crate::auth::{
    Auth, Authenticate, Context, Credential, CredentialError, Form, Obtaining, PARAM, TokenScheme,
    at_once, filled, named_value,
};
use crate::core::diagnostic::Diagnostics;
use crate::core::document::Entry;
use crate::core::key::ValueForm;
use crate::core::secret::Secret;
use crate::template::{RenderError, Scope, Template};

pub const FORM: Form = Form {
    key: "query",
    takes: ValueForm::Keys(PARAM, &[]),
    doc: "a token, sent as a URL parameter",
    grammar: None,
    check,
};

fn check(entry: &Entry, _: Option<TokenScheme>, faults: &mut Diagnostics) -> Option<Auth> {
    let (name, value) = named_value(&entry.value, FORM.key, PARAM, faults)?;
    Some(Arc::new(InQuery {
        name: name.text("name", faults)?.value.to_string(),
        value,
    }))
}

/// A URL parameter.
#[derive(Debug)]
struct InQuery {
    name: String,
    value: Template,
}

impl InQuery {
    fn credential(&self, scope: &Scope) -> Result<Credential, CredentialError> {
        let value = Secret::new(filled(&self.value, scope)?);
        Ok(Credential::param(self.name.as_str(), value))
    }
}

impl Authenticate for InQuery {
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
        format!("?{}={}", self.name, self.value.source())
    }
}
