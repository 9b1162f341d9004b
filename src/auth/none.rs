//! `none`: nothing is sent.

use std::sync::Arc;

use crate::auth::{Auth, Authenticate, Context, Credential, CredentialError, Obtaining, at_once};
use crate::template::{RenderError, Scope, Template};

#[derive(Debug)]
struct Nothing;

/// Returns the `auth` that sends nothing.
pub fn none() -> Auth {
    Arc::new(Nothing)
}

impl Authenticate for Nothing {
    fn templates(&self) -> Vec<&Template> {
        Vec::new()
    }

    fn ready(&self, _: &Scope) -> Result<(), CredentialError> {
        Ok(())
    }

    fn obtain<'a>(&'a self, _: Context<'a>) -> Obtaining<'a> {
        at_once(Ok(Credential::default()))
    }

    fn shown(&self, _: &Scope, _: &dyn Fn(&str) -> String) -> Result<Credential, RenderError> {
        Ok(Credential::default())
    }

    fn words(&self) -> String {
        "none".to_owned()
    }

    fn is_none(&self) -> bool {
        true
    }

    fn origin(&self) -> String {
        "the resource has no `auth`, and the API requires it".to_owned()
    }
}
