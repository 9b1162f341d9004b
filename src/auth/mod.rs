//! Who asks: the forms of `auth`, one file a form.
//!
//! A form is read from the resource file by its `check`. A [`Wallet`] obtains its [`Credential`] once
//! a run, and the layer [`Authenticated`] signs every attempt with that. A credential goes to the
//! resource's own origin only, and over plain HTTP to this machine only.
//!
//! A form is a file with a `FORM` and a line in `kinds!`. Everything that others ask about it is a
//! method of [`Authenticate`].
//!
//! This module knows neither kinds of API nor queries.

pub mod attempt;
mod credential;
mod layer;
mod none;
#[cfg(test)]
mod testing;
mod wallet;

use std::fmt::Debug;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Fields, Key, Node};
use crate::core::name;
use crate::core::secret::{Scrubber, Secret, holds_literal_secret};
use crate::core::source::{Place, Text};
use crate::http::{HeaderName, HeaderValue, Request, TransportError, TransportErrorKind};
use crate::template::{RenderError, Scope, Template};

pub use credential::{Credential, CredentialError, Field};
pub use header::InHeader;
pub use layer::Authenticated;
pub use none::none;
pub use wallet::{BareTransport, Held, Obtained, Sending, Surroundings, Wallet};

/// How a token of the kind of API is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenScheme {
    /// As the value of this header field.
    Header(&'static str),
    /// As `Authorization: Bearer` (RFC 6750, section 2.1).
    Bearer,
}

/// A checked `auth`.
pub type Auth = Arc<dyn Authenticate>;

/// A credential that comes later.
pub type Obtaining<'a> = Pin<Box<dyn Future<Output = Result<Obtained, TransportError>> + 'a>>;

/// The outside of a form of `auth`.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The names that templates see.
    pub scope: &'a Scope,
    /// The project's folder.
    pub folder: &'a Path,
    /// Learns the secrets that no template holds.
    pub scrubber: &'a Scrubber,
    /// The time of day.
    pub clock: fn() -> SystemTime,
    /// Reaches servers that give credentials.
    pub transport: &'a dyn BareTransport,
}

/// A form of `auth`. What has no default cannot be guessed.
pub trait Authenticate: Debug + Send + Sync {
    /// The templates of its secrets.
    fn templates(&self) -> Vec<&Template>;

    /// The templates of what is no secret: names and addresses.
    fn open_templates(&self) -> Vec<&Template> {
        Vec::new()
    }

    /// The templates that are rendered for every attempt. They see the [`attempt`] besides.
    fn request_templates(&self) -> Vec<&Template> {
        Vec::new()
    }

    /// Makes sure, before a byte leaves, that there is a credential, as far as this can be known.
    ///
    /// # Errors
    ///
    /// If a template cannot be rendered, or a value is empty or cannot stand in a header.
    fn ready(&self, scope: &Scope) -> Result<(), CredentialError>;

    /// Obtains the credential: before the first request, when the last one has ended, and when it
    /// was refused and [`can_renew`](Self::can_renew) says so.
    fn obtain<'a>(&'a self, context: Context<'a>) -> Obtaining<'a>;

    /// Puts the credential on an attempt.
    ///
    /// # Errors
    ///
    /// In words, if that is not possible.
    fn sign(
        &self,
        request: &mut Request,
        credential: &Credential,
        _: &Context<'_>,
    ) -> Result<(), String> {
        credential.apply(request)
    }

    /// Returns true if a credential that was answered with 401 may have ended, so that another one
    /// is obtained.
    fn can_renew(&self) -> bool {
        false
    }

    /// Stands for the caller among answers that later runs use; `None` if the credential does.
    fn identity(&self, _: &Scope) -> Option<Secret> {
        None
    }

    /// The credential as a dry run shows it. `mark` stands for what a shell has to fill in.
    ///
    /// # Errors
    ///
    /// If a template cannot be rendered.
    fn shown(
        &self,
        scope: &Scope,
        mark: &dyn Fn(&str) -> String,
    ) -> Result<Credential, RenderError>;

    /// The words of `runner show`.
    fn words(&self) -> String;

    /// The address of the server that the secrets go to, where it is not the resource's own.
    fn server(&self) -> Option<&Template> {
        None
    }

    /// Returns true if nothing is sent.
    fn is_none(&self) -> bool {
        false
    }

    /// Returns true if a program of this machine is run for it.
    fn runs_program(&self) -> bool {
        false
    }

    /// The secrets in it, raw, for the scrubber.
    fn secrets(&self, scope: &Scope) -> Vec<Secret> {
        let text = |template: &Template| template.text(scope).ok().map(Secret::new);
        self.templates().into_iter().filter_map(text).collect()
    }

    /// The option with which curl sends a header field, and its value.
    fn curl(&self, name: &HeaderName, prefix: &str, shown: &Secret) -> (&'static str, String) {
        ("--header", format!("{name}: {prefix}{}", shown.expose()))
    }

    /// Says, when it was refused, where the credential came from; never what it is.
    fn origin(&self) -> String {
        let mut names: Vec<String> = self
            .templates()
            .iter()
            .flat_map(|template| template.mentions().attributes("env"))
            .map(|name| format!("`{name}`"))
            .collect();
        names.dedup();
        if names.is_empty() {
            return "check that the token is still valid".to_owned();
        }
        let names = names.join(" and ");
        format!("the token is from {names}: check that it is still valid")
    }
}

/// A credential that is known at once.
fn at_once<'a>(credential: Result<Credential, CredentialError>) -> Obtaining<'a> {
    let obtained = credential.map(Obtained::from);
    Box::pin(std::future::ready(
        obtained.map_err(|error| unusable(error.message())),
    ))
}

/// A failure before the request was sent.
fn unusable(words: impl Into<String>) -> TransportError {
    TransportError::before(TransportErrorKind::Credentials(words.into()))
}

/// A form of `auth`: how it is read.
struct Form {
    key: &'static str,
    /// The keys of its mapping, and the heading under which the file reference has them.
    grammar: Option<(&'static str, &'static [Key])>,
    /// Without a scheme the kind of API has none of its own.
    check: fn(&Entry, Option<TokenScheme>, &mut Diagnostics) -> Option<Auth>,
}

/// Declares the kinds: a module each, and the list that grammar and messages come from.
macro_rules! kinds {
    ($($kind:ident),+ $(,)?) => {
        $(mod $kind;)+

        const FORMS: &[Form] = &[$($kind::FORM),+];
    };
}

kinds![token, bearer, basic, header, query, command, oauth2, hmac];

/// The keys of the mappings of all forms, with the headings under which the file reference has them.
pub fn grammars() -> impl Iterator<Item = (&'static str, &'static [Key])> {
    FORMS.iter().filter_map(|form| form.grammar)
}

/// The keys of all forms.
pub fn keys() -> impl Iterator<Item = &'static str> {
    FORMS.iter().map(|form| form.key)
}

/// Reads `auth`. `scheme` is that of the kind of API; without one, `token` has no meaning.
pub fn check(node: &Node, scheme: Option<TokenScheme>, faults: &mut Diagnostics) -> Option<Auth> {
    let before = faults.len();
    let auth = read(node, scheme, faults);
    // Whatever is wrong here, a secret may stand in its line.
    faults.conceal_since(before);
    auth
}

fn read(node: &Node, scheme: Option<TokenScheme>, faults: &mut Diagnostics) -> Option<Auth> {
    match &node.content {
        Content::Text(word) if word == "none" => return Some(none()),
        Content::Map(entries) if entries.len() == 1 => {
            let entry = &entries[0];
            if let Some(form) = FORMS.iter().find(|form| form.key == entry.key) {
                return (form.check)(entry, scheme, faults);
            }
            faults.push(
                Diagnostic::at(
                    &entry.key_place,
                    Code::UnknownKey,
                    format!("no kind of `auth` is named `{}`", entry.key),
                )
                .maybe_help(name::hint(&entry.key, keys())),
            );
            return None;
        }
        _ => {}
    }
    let expected = format!(
        "`none`, or one of {}",
        name::one_of(&keys().collect::<Vec<_>>())
    );
    // What stands here may be a token: it is not repeated.
    let words = format!("`auth` takes {expected}, got {}", node.kind());
    let diagnostic = Diagnostic::at(&node.place, Code::WrongType, words).concealed();
    faults.push(diagnostic.help("write `auth: { token: \"{{ env.CIRCLE_TOKEN }}\" }`"));
    None
}

impl TokenScheme {
    /// The header field and what stands before the token.
    pub fn header(self) -> (HeaderName, &'static str) {
        match self {
            Self::Header(name) => (HeaderName::from_static(name), ""),
            Self::Bearer => (HeaderName::from_static("authorization"), "Bearer "),
        }
    }
}

/// The text of a value that must not be empty: an empty token would be sent as no token, and the
/// server's answer would not say why.
fn filled(value: &Template, scope: &Scope) -> Result<String, CredentialError> {
    let text = value.text(scope)?.trim().to_owned();
    if text.is_empty() {
        return Err(CredentialError::Unusable(
            format!("`{}` is empty", value.source()),
            value.place().clone(),
        ));
    }
    Ok(text)
}

fn in_header(
    name: HeaderName,
    prefix: &str,
    value: &str,
    place: &Place,
) -> Result<Credential, CredentialError> {
    let text = format!("{prefix}{value}");
    match HeaderValue::from_bytes(text.as_bytes()) {
        Ok(_) => Ok(Credential::header(name, prefix, Secret::new(value))),
        Err(_) => Err(CredentialError::Unusable(
            "the token contains a line break or another control character".to_owned(),
            place.clone(),
        )),
    }
}

/// Reads a key that the mapping of a form must have.
fn needed<'n>(
    fields: &mut Fields<'n>,
    [form, key]: [&'static str; 2],
    node: &Node,
    faults: &mut Diagnostics,
) -> Option<&'n Node> {
    let found = fields.get(key);
    if found.is_none() {
        let words = format!("`{form}` needs the key `{key}`");
        faults.push(Diagnostic::at(&node.place, Code::MissingKey, words));
    }
    found
}

/// Reads `{ name, value }`: the name, and the value that must hold a secret.
fn named_value<'n>(
    node: &'n Node,
    form: &'static str,
    faults: &mut Diagnostics,
) -> Option<(&'n Node, Template)> {
    let mut fields = node.fields(form, faults);
    let name = fields.get("name");
    let value = fields.get("value");
    fields.finish(faults);
    let (Some(name), Some(value)) = (name, value) else {
        let words = format!("`{form}` needs a `name` and a `value`");
        faults.push(Diagnostic::at(&node.place, Code::MissingKey, words));
        return None;
    };
    Some((name, secret_template(value, "value", faults)?))
}

/// Reads a template that must hold a secret: one that is the same everywhere is a secret in a file.
fn secret_template(node: &Node, key: &str, faults: &mut Diagnostics) -> Option<Template> {
    let Some(text) = node.as_text() else {
        // What stands here may be a secret: it is not repeated.
        let words = format!("`{key}` takes a template, got {}", node.kind());
        let diagnostic = Diagnostic::at(&node.place, Code::WrongType, words).concealed();
        let source = &node.place.file.text()[node.place.span.start..];
        faults.push(if source.starts_with("{{") {
            diagnostic.help("a value that begins with `{{` must be quoted: `\"{{ … }}\"`")
        } else {
            diagnostic.help("write `\"{{ env.CIRCLE_TOKEN }}\"`")
        });
        return None;
    };
    let template = parsed(&text, faults)?;
    if template.is_constant() || holds_literal_secret(template.source()) {
        faults.push(
            Diagnostic::at(
                &node.place,
                Code::LiteralSecret,
                format!("`{key}` is in plain text in the file"),
            )
            .help("read it from the environment: `\"{{ env.CIRCLE_TOKEN }}\"`")
            .concealed(),
        );
        return None;
    }
    Some(template)
}

/// Reads a template that may be the same everywhere: a name or an address.
fn open_template(node: &Node, key: &str, faults: &mut Diagnostics) -> Option<Template> {
    parsed(&node.text(key, faults)?, faults)
}

fn parsed(text: &Text, faults: &mut Diagnostics) -> Option<Template> {
    let errors = match Template::parse(text) {
        Ok(template) => return Some(template),
        Err(errors) => errors,
    };
    for error in errors {
        let place = text.locate(error.range);
        faults.push(Diagnostic::at(&place, error.code, error.message).maybe_help(error.help));
    }
    None
}
