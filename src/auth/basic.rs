//! `basic: { username, password }`: `Authorization: Basic` (RFC 7617).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::auth::{
    Auth, Authenticate, Context, Credential, CredentialError, Form, Obtaining, TokenScheme,
    at_once, in_header, open_template, secret_template,
};
use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry};
use crate::core::key::{ValueForm, keys};
use crate::core::secret::Secret;
use crate::http::{HeaderName, header};
use crate::template::{RenderError, Scope, Template};

pub const FORM: Form = Form {
    key: "basic",
    takes: ValueForm::Keys(KEYS, &[]),
    doc: "a user name and a password (RFC 7617)",
    grammar: Some(("### Basic", KEYS)),
    check,
};

keys! {
    /// The keys of `basic`.
    const KEYS {
        username: ValueForm::Template, "template", "required", "the user name, which is not secret";
        password: ValueForm::Template, "template", "empty", "the password; a literal is refused";
    }
}

/// Encodes `user:password` (RFC 7617, section 2).
fn encode(pair: &str) -> String {
    STANDARD.encode(pair)
}

fn check(entry: &Entry, _: Option<TokenScheme>, faults: &mut Diagnostics) -> Option<Auth> {
    let node = &entry.value;
    let mut fields = node.fields_of(FORM.key, KEYS, faults);
    let username = fields.get("username");
    let password = fields.entry("password");
    fields.finish(faults);
    let Some(username) = username else {
        faults.push(Diagnostic::at(
            &node.place,
            Code::MissingKey,
            "`basic` needs a `username`",
        ));
        return None;
    };
    // The user name is not secret and may be in the file. An empty password is common if a token is
    // the user name.
    let username = open_template(username, "username", faults)?;
    let password = match password.map(|entry| &entry.value) {
        None => Template::parse(&crate::core::source::Text::new("", &node.place)).ok()?,
        Some(empty) if matches!(&empty.content, Content::Text(text) if text.is_empty()) => {
            Template::parse(&crate::core::source::Text::new("", &node.place)).ok()?
        }
        Some(node) => secret_template(node, "password", faults)?,
    };
    Some(Arc::new(Basic { username, password }))
}

/// A user name and a password.
#[derive(Debug)]
struct Basic {
    username: Template,
    password: Template,
}

impl Basic {
    fn pair(&self, scope: &Scope) -> Result<String, RenderError> {
        let user = self.username.text(scope)?;
        Ok(format!("{user}:{}", self.password.text(scope)?))
    }

    fn credential(&self, scope: &Scope) -> Result<Credential, CredentialError> {
        let encoded = encode(&self.pair(scope)?);
        let place = self.username.place();
        in_header(header::AUTHORIZATION, "Basic ", &encoded, place)
    }
}

impl Authenticate for Basic {
    fn templates(&self) -> Vec<&Template> {
        vec![&self.username, &self.password]
    }

    fn ready(&self, scope: &Scope) -> Result<(), CredentialError> {
        self.credential(scope).map(drop)
    }

    fn obtain<'a>(&'a self, context: Context<'a>) -> Obtaining<'a> {
        at_once(self.credential(context.scope))
    }

    fn shown(&self, scope: &Scope, _: &dyn Fn(&str) -> String) -> Result<Credential, RenderError> {
        // Shown as `user:password`, so that a shell can compose it.
        let pair = Secret::new(self.pair(scope)?);
        Ok(Credential::header(header::AUTHORIZATION, "Basic ", pair))
    }

    fn words(&self) -> String {
        format!("basic, as {}", self.username.source())
    }

    fn secrets(&self, scope: &Scope) -> Vec<Secret> {
        let text = |template: &Template| template.text(scope).ok().map(Secret::new);
        let pair = self.pair(scope).ok().map(|pair| Secret::new(encode(&pair)));
        // A token may be the user name, with an empty password.
        let user = text(&self.username).filter(|_| self.username.mentions().has("env"));
        [user, text(&self.password), pair]
            .into_iter()
            .flatten()
            .collect()
    }

    fn curl(&self, _: &HeaderName, _: &str, shown: &Secret) -> (&'static str, String) {
        ("--user", shown.expose().to_owned())
    }
}
