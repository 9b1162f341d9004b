//! Who asks: the forms of `auth`, one file a form.
//!
//! A form is read from the resource file by its `check`, becomes a [`Credential`] in a scope, and
//! the layer [`Authenticated`] puts that on every attempt. A credential goes to the resource's own
//! origin only, and over plain HTTP to this machine only.
//!
//! This module knows neither kinds of API nor queries.

mod basic;
mod bearer;
mod command;
mod header;
mod layer;
mod query;
mod token;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Node};
use crate::core::name;
use crate::core::secret::Secret;
use crate::core::source::Place;
use crate::http::{HeaderName, HeaderValue};
use crate::template::{RenderError, Scope, Template};

pub use command::run as run_command;
pub use layer::{Authenticated, CredentialSource};

/// How a token of the kind of API is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenScheme {
    /// As the value of this header field.
    Header(&'static str),
    /// As `Authorization: Bearer` (RFC 6750, section 2.1).
    Bearer,
}

/// A checked `auth`.
#[derive(Debug, Clone)]
pub enum Auth {
    /// Nothing is sent.
    None,
    /// A value in a header field.
    Header {
        /// The field.
        name: HeaderName,
        /// What stands before the value.
        prefix: &'static str,
        /// The value.
        value: Template,
    },
    /// `Authorization: Basic` (RFC 7617).
    Basic {
        /// The user's name.
        username: Template,
        /// The password.
        password: Template,
    },
    /// A URL parameter.
    Query {
        /// The parameter.
        name: String,
        /// The value.
        value: Template,
    },
    /// What a program prints.
    Command {
        /// The program and its arguments.
        command: Vec<String>,
        /// Where the token goes.
        scheme: TokenScheme,
        /// Where it stands in the file.
        place: Place,
    },
}

/// What is put on a request.
#[derive(Debug, Clone)]
pub enum Credential {
    /// Nothing.
    None,
    /// A header field.
    Header(HeaderName, Secret),
    /// A URL parameter.
    Query(String, Secret),
}

/// Why there is no credential.
#[derive(Debug)]
pub enum CredentialError {
    /// A template could not be rendered, most often since a variable is not set.
    Render(RenderError),
    /// The value is there and cannot be used; the words say why.
    Unusable(String, Place),
}

impl From<RenderError> for CredentialError {
    fn from(error: RenderError) -> Self {
        Self::Render(error)
    }
}

/// A form of `auth`: how it is read.
struct Form {
    key: &'static str,
    check: fn(&Node, TokenScheme, &mut Diagnostics) -> Option<Auth>,
}

/// All forms. Grammar and messages come from this list.
const FORMS: [Form; 6] = [
    token::FORM,
    bearer::FORM,
    basic::FORM,
    header::FORM,
    query::FORM,
    command::FORM,
];

/// The keys of all forms.
pub fn keys() -> impl Iterator<Item = &'static str> {
    FORMS.iter().map(|form| form.key)
}

impl Auth {
    /// Reads `auth`. `scheme` is that of the kind of API; without one, `token` has no meaning.
    pub fn check(
        node: &Node,
        scheme: Option<TokenScheme>,
        faults: &mut Diagnostics,
    ) -> Option<Self> {
        let before = faults.len();
        let auth = Self::read(node, scheme, faults);
        // Whatever is wrong here, a secret may stand in its line.
        faults.conceal_since(before);
        auth
    }

    fn read(node: &Node, scheme: Option<TokenScheme>, faults: &mut Diagnostics) -> Option<Self> {
        match &node.content {
            Content::Text(word) if word == "none" => return Some(Self::None),
            Content::Map(entries) if entries.len() == 1 => {
                let entry = &entries[0];
                if let Some(form) = FORMS.iter().find(|form| form.key == entry.key) {
                    if form.key == token::FORM.key && scheme.is_none() {
                        faults.push(
                            Diagnostic::at(
                                &entry.key_place,
                                Code::AuthWithoutScheme,
                                "`token` is the scheme of a kind of API, and `rest` has none",
                            )
                            .help("say how it is sent: `bearer`, `header`, `query` or `basic`"),
                        );
                        return None;
                    }
                    let scheme = scheme.unwrap_or(TokenScheme::Bearer);
                    return (form.check)(&entry.value, scheme, faults);
                }
                faults.push(
                    Diagnostic::at(
                        &entry.key_place,
                        Code::UnknownKey,
                        format!("there is no form of `auth` called `{}`", entry.key),
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

    /// The templates that it is made of.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::None | Self::Command { .. } => Vec::new(),
            Self::Header { value, .. } | Self::Query { value, .. } => vec![value],
            Self::Basic { username, password } => vec![username, password],
        }
    }

    /// Whether anything is sent.
    pub fn is_none(&self) -> bool {
        matches!(self, Self::None)
    }

    /// The credential in a scope; for a command, once its `output` is known.
    ///
    /// # Errors
    ///
    /// If a template cannot be rendered, or a value is empty or cannot stand in a header.
    pub fn credential(
        &self,
        scope: &Scope,
        output: Option<&Secret>,
    ) -> Result<Credential, CredentialError> {
        match self {
            Self::None => Ok(Credential::None),
            Self::Header {
                name,
                prefix,
                value,
            } => in_header(name.clone(), prefix, &filled(value, scope)?, value.place()),
            Self::Basic { username, password } => {
                let user = username.text(scope)?;
                let pair = format!("{user}:{}", password.text(scope)?);
                let encoded = basic::encode(&pair);
                in_header(
                    HeaderName::from_static("authorization"),
                    "Basic ",
                    &encoded,
                    username.place(),
                )
            }
            Self::Query { name, value } => Ok(Credential::Query(
                name.clone(),
                Secret::new(filled(value, scope)?),
            )),
            Self::Command { scheme, place, .. } => {
                let token = output.map_or("", Secret::expose);
                let (name, prefix) = scheme.header();
                in_header(name, prefix, token, place)
            }
        }
    }

    /// The secrets in it, raw, for the scrubber.
    pub fn secrets(&self, scope: &Scope) -> Vec<Secret> {
        let text = |template: &Template| template.text(scope).ok().map(Secret::new);
        match self {
            Self::None | Self::Command { .. } => Vec::new(),
            Self::Header { value, .. } | Self::Query { value, .. } => {
                text(value).into_iter().collect()
            }
            Self::Basic { username, password } => {
                let (user, word) = (text(username), text(password));
                let pair = match (&user, &word) {
                    (Some(user), Some(word)) => Some(Secret::new(basic::encode(&format!(
                        "{}:{}",
                        user.expose(),
                        word.expose()
                    )))),
                    _ => None,
                };
                // A token may be the user's name, with an empty password.
                let user = user.filter(|_| username.mentions().has("env"));
                [user, word, pair].into_iter().flatten().collect()
            }
        }
    }
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
        Ok(_) => Ok(Credential::Header(name, Secret::new(text))),
        Err(_) => Err(CredentialError::Unusable(
            "the token holds a line break or another control character".to_owned(),
            place.clone(),
        )),
    }
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
    let template = match Template::parse(&text) {
        Ok(template) => template,
        Err(errors) => {
            for error in errors {
                let place = text.locate(error.range);
                faults
                    .push(Diagnostic::at(&place, error.code, error.message).maybe_help(error.help));
            }
            return None;
        }
    };
    if template.is_constant() {
        faults.push(
            Diagnostic::at(
                &node.place,
                Code::LiteralSecret,
                format!("`{key}` stands in the file as it is, where everybody can read it"),
            )
            .help("take it from the environment: `\"{{ env.CIRCLE_TOKEN }}\"`")
            .concealed(),
        );
        return None;
    }
    Some(template)
}
