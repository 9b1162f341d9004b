//! Authentication: the kinds of `auth`, one file per kind.
//!
//! A kind is read from the resource file by its `check`. A [`Wallet`] obtains its [`Credential`] once
//! per run, and the layer [`Authenticated`] signs every attempt with it. A credential is only sent to
//! the resource's own origin, and over plain HTTP only to this machine.
//!
//! A kind is a file with a `FORM` and a line in `kinds!`. Everything that other modules need to know
//! about it is a method of [`Authenticate`].
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
use crate::core::document::{Content, Entry, Fields, Node, quoting_hint};
use crate::core::key::{FIELD_NAME, Key, ValueForm, keys};
use crate::core::name;
use crate::core::secret::{Scrubber, Secret, holds_literal_secret};
use crate::core::source::{Place, Text};
use crate::http::{HeaderName, HeaderValue, Request, TransportError, TransportErrorKind};
use crate::template::{RenderError, Scope, Template};

pub use command::run as output_of_command;
pub use credential::{Credential, CredentialError, Field};
pub use header::InHeader;
pub use layer::Authenticated;
pub use none::none;
pub use wallet::{BareTransport, Held, Obtained, Sending, Surroundings, Wallet};

/// The scheme for tokens of a kind of API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenScheme {
    /// As the value of this header field.
    Header(&'static str),
    /// As `Authorization: Bearer` (RFC 6750, section 2.1).
    Bearer,
}

/// A checked `auth`.
pub type Auth = Arc<dyn Authenticate>;

/// A future credential.
pub type Obtaining<'a> = Pin<Box<dyn Future<Output = Result<Obtained, TransportError>> + 'a>>;

/// The outside of a kind of `auth`.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The names available to templates.
    pub scope: &'a Scope,
    /// The project's folder.
    pub folder: &'a Path,
    /// Records secrets that are not in a template.
    pub scrubber: &'a Scrubber,
    /// The time of day.
    pub clock: fn() -> SystemTime,
    /// Sends requests to servers that issue credentials.
    pub transport: &'a dyn BareTransport,
}

/// A kind of `auth`. Methods without a default must be implemented.
pub trait Authenticate: Debug + Send + Sync {
    /// Returns the templates of its secrets.
    fn templates(&self) -> Vec<&Template>;

    /// Returns the templates of non-secret values: names and URLs.
    fn open_templates(&self) -> Vec<&Template> {
        Vec::new()
    }

    /// Returns the templates that are rendered for every attempt. They can also use the
    /// [`attempt`].
    fn request_templates(&self) -> Vec<&Template> {
        Vec::new()
    }

    /// Checks, before the first request, that the credential is available, as far as this can be
    /// known.
    ///
    /// # Errors
    ///
    /// If a template cannot be rendered, or a value is empty or invalid in a header.
    fn ready(&self, scope: &Scope) -> Result<(), CredentialError>;

    /// Obtains the credential: before the first request, when the previous one has expired, and
    /// when it was refused and [`can_renew`](Self::can_renew) returns true.
    fn obtain<'a>(&'a self, context: Context<'a>) -> Obtaining<'a>;

    /// Adds the credential to an attempt.
    ///
    /// # Errors
    ///
    /// A message, if that is not possible.
    fn sign(
        &self,
        request: &mut Request,
        credential: &Credential,
        _: &Context<'_>,
    ) -> Result<(), String> {
        credential.apply(request)
    }

    /// Returns true if a credential refused with a 401 may have expired, so that a new one should
    /// be obtained.
    fn can_renew(&self) -> bool {
        false
    }

    /// Returns the identity of the caller for the cache; `None` to use the credential itself.
    fn identity(&self, _: &Scope) -> Option<Secret> {
        None
    }

    /// Returns the identity of the caller for a budget that processes share: the same in all of
    /// them, even if each obtains another credential. `None` to use the credential itself.
    fn lasting_identity(&self, scope: &Scope) -> Option<Secret> {
        self.identity(scope)
    }

    /// Returns the credential for display. `mark` replaces values that a shell has to fill in.
    ///
    /// # Errors
    ///
    /// If a template cannot be rendered.
    fn shown(
        &self,
        scope: &Scope,
        mark: &dyn Fn(&str) -> String,
    ) -> Result<Credential, RenderError>;

    /// Returns the description for `runner show`.
    fn words(&self) -> String;

    /// Returns the URL of the server that receives the secrets, if it is not the resource's own.
    fn server(&self) -> Option<&Template> {
        None
    }

    /// Returns true if nothing is sent.
    fn is_none(&self) -> bool {
        false
    }

    /// Returns true if it runs a local program.
    fn runs_program(&self) -> bool {
        false
    }

    /// Returns its raw secrets, for the scrubber.
    fn secrets(&self, scope: &Scope) -> Vec<Secret> {
        let text = |template: &Template| template.text(scope).ok().map(Secret::new);
        self.templates().into_iter().filter_map(text).collect()
    }

    /// Returns the curl option for a header field, and its value.
    fn curl(&self, name: &HeaderName, prefix: &str, shown: &Secret) -> (&'static str, String) {
        ("--header", format!("{name}: {prefix}{}", shown.expose()))
    }

    /// Returns a hint about the origin of a refused credential, without its value.
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

/// Returns a credential that is known immediately.
fn at_once<'a>(credential: Result<Credential, CredentialError>) -> Obtaining<'a> {
    let obtained = credential.map(Obtained::from);
    Box::pin(std::future::ready(
        obtained.map_err(|error| unusable(error.message())),
    ))
}

/// Creates an error that happened before the request was sent.
fn unusable(words: impl Into<String>) -> TransportError {
    TransportError::before(TransportErrorKind::Credentials(words.into()))
}

/// The syntax of a kind of `auth`.
struct Form {
    key: &'static str,
    /// The keys of its mapping, with their heading in the file reference.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "the file reference is held to it")
    )]
    grammar: Option<(&'static str, &'static [Key])>,
    /// The scheme is `None` if the kind of API has none.
    check: fn(&Entry, Option<TokenScheme>, &mut Diagnostics) -> Option<Auth>,
    /// The form of its value.
    takes: ValueForm,
    /// The meaning, for people.
    doc: &'static str,
}

/// The form of the key `auth`.
pub const VALUE: ValueForm =
    ValueForm::Either(&[ValueForm::Words(&["none"]), ValueForm::OneKey(kinds)]);

fn kinds() -> Vec<Key> {
    let key = |form: &Form| Key {
        name: form.key,
        form: form.takes,
        takes: "",
        default: "",
        doc: form.doc,
    };
    FORMS.iter().map(key).collect()
}

keys! {
    /// The keys of `header`.
    const FIELD {
        name: FIELD_NAME, "name", "required", "the name of the header field";
        value: ValueForm::Template, "template", "required", "the token; a literal is refused";
    }

    /// The keys of `query`.
    const PARAM {
        name: ValueForm::Text, "name", "required", "the name of the parameter";
        value: ValueForm::Template, "template", "required", "the token; a literal is refused";
    }
}

/// Declares the kinds: a module each, and the list for grammar and messages.
macro_rules! kinds {
    ($($kind:ident),+ $(,)?) => {
        $(mod $kind;)+

        const FORMS: &[Form] = &[$($kind::FORM),+];
    };
}

kinds![token, bearer, basic, header, query, command, oauth2, hmac];

#[cfg(test)]
/// Returns the keys of all mappings, with their headings in the file reference.
pub fn grammars() -> impl Iterator<Item = (&'static str, &'static [Key])> {
    FORMS.iter().filter_map(|form| form.grammar)
}

/// Returns the keys of all kinds.
pub fn keys() -> impl Iterator<Item = &'static str> {
    FORMS.iter().map(|form| form.key)
}

/// Reads `auth`. `scheme` is that of the kind of API; without one, `token` is refused.
pub fn check(node: &Node, scheme: Option<TokenScheme>, faults: &mut Diagnostics) -> Option<Auth> {
    let before = faults.len();
    let auth = read(node, scheme, faults);
    // The line of any fault here may contain a secret.
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
    // The value may be a token, so it is not repeated.
    let words = format!("`auth` takes {expected}, got {}", node.kind());
    let diagnostic = Diagnostic::at(&node.place, Code::WrongType, words).concealed();
    faults.push(diagnostic.help("write `auth: { token: \"{{ env.CIRCLE_TOKEN }}\" }`"));
    None
}

impl TokenScheme {
    /// Returns the header field and the prefix of the token.
    pub fn header(self) -> (HeaderName, &'static str) {
        match self {
            Self::Header(name) => (HeaderName::from_static(name), ""),
            Self::Bearer => (HeaderName::from_static("authorization"), "Bearer "),
        }
    }
}

/// Renders a value that must not be empty: an empty token would be sent as no token, and the
/// server's error would not explain that.
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

/// Reads a required key of a mapping.
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

/// Reads `{ name, value }` with a secret value.
fn named_value<'n>(
    node: &'n Node,
    form: &'static str,
    keys: &'static [Key],
    faults: &mut Diagnostics,
) -> Option<(&'n Node, Template)> {
    let mut fields = node.fields_of(form, keys, faults);
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

/// Reads a template that must contain a secret: a constant would be a secret in the file.
fn secret_template(node: &Node, key: &str, faults: &mut Diagnostics) -> Option<Template> {
    let Some(text) = node.as_text() else {
        // The value may be a secret, so it is not repeated.
        let words = format!("`{key}` takes a template, got {}", node.kind());
        let diagnostic = Diagnostic::at(&node.place, Code::WrongType, words).concealed();
        let hint = quoting_hint(&node.place).unwrap_or("write `\"{{ env.CIRCLE_TOKEN }}\"`");
        faults.push(diagnostic.help(hint));
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

/// Reads a template that may be constant: a name or a URL.
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
