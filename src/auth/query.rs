//! `query: { name, value }`: a URL parameter.

use std::sync::Arc;

use crate::auth::{
    Auth, Authenticate, Credential, CredentialError, Desk, Form, Obtaining, TokenScheme, at_once, filled,
    named_value,
};
use crate::core::diagnostic::Diagnostics;
use crate::core::document::Node;
use crate::core::secret::Secret;
use crate::template::{RenderError, Scope, Template};

pub const FORM: Form = Form {
    key: "query",
    check,
};

fn check(node: &Node, _: TokenScheme, faults: &mut Diagnostics) -> Option<Auth> {
    let (name, value) = named_value(node, FORM.key, faults)?;
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
        Ok(Credential::Query(self.name.clone(), value))
    }
}

impl Authenticate for InQuery {
    fn templates(&self) -> Vec<&Template> {
        vec![&self.value]
    }

    fn ready(&self, scope: &Scope) -> Result<(), CredentialError> {
        self.credential(scope).map(drop)
    }

    fn obtain<'a>(&'a self, desk: Desk<'a>) -> Obtaining<'a> {
        at_once(self.credential(desk.scope))
    }

    fn shown(&self, scope: &Scope, _: &dyn Fn(&str) -> String) -> Result<Credential, RenderError> {
        Ok(self.credential(scope).unwrap_or(Credential::None))
    }

    fn words(&self) -> String {
        format!("?{}={}", self.name, self.value.source())
    }
}
