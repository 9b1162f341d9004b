//! Credentials of a request.

use crate::core::secret::{MASK, Secret};
use crate::core::source::Place;
use crate::http::request::with_param;
use crate::http::{HeaderName, HeaderValue, Request};
use crate::template::RenderError;

/// Header fields and URL parameters that identify the caller; may be empty.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Credential(Vec<Field>);

/// One field of a credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Field {
    /// A header field.
    Header {
        /// The name of the field.
        name: HeaderName,
        /// The non-secret prefix of the value: `Bearer `.
        prefix: String,
        /// The secret part of the value.
        secret: Secret,
    },
    /// A URL parameter.
    Param {
        /// The name of the parameter.
        name: String,
        /// Its value.
        secret: Secret,
    },
}

impl Credential {
    /// Creates a header field from a prefix and a secret.
    pub fn header(name: HeaderName, prefix: impl Into<String>, secret: Secret) -> Self {
        let prefix = prefix.into();
        Self(vec![Field::Header {
            name,
            prefix,
            secret,
        }])
    }

    /// A URL parameter.
    pub fn param(name: impl Into<String>, secret: Secret) -> Self {
        let name = name.into();
        Self(vec![Field::Param { name, secret }])
    }

    /// Adds the fields of another credential.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Returns the fields, in the order in which they are set.
    pub fn fields(&self) -> &[Field] {
        &self.0
    }

    /// Sets the fields on a request. A header field set by the query itself is kept.
    ///
    /// # Errors
    ///
    /// A message, if a value is invalid in a header.
    pub fn apply(&self, request: &mut Request) -> Result<(), String> {
        for field in &self.0 {
            match field {
                Field::Header {
                    name,
                    prefix,
                    secret,
                } => {
                    if !request.headers.contains_key(name) {
                        let text = format!("{prefix}{}", secret.expose());
                        let mut value = HeaderValue::from_bytes(text.as_bytes())
                            .map_err(|_| "the token is not valid in a header".to_owned())?;
                        value.set_sensitive(true);
                        request.headers.insert(name.clone(), value);
                    }
                }
                Field::Param { name, secret } => {
                    // A link or a redirect may contain the parameter of the previous request.
                    let shown = request
                        .shown_url
                        .take()
                        .unwrap_or_else(|| request.url.to_string());
                    let (address, query) = shown.split_once('?').unwrap_or((&shown, ""));
                    let query = with_param(query, name, MASK);
                    request.shown_url = Some(format!("{address}?{query}"));
                    request.set_param(name, secret.expose());
                }
            }
        }
        Ok(())
    }

    /// Returns an identity shared by all runs with this credential, and by no others.
    pub fn identity(&self) -> Secret {
        let fields = self.0.iter().map(|field| match field {
            Field::Header {
                name,
                prefix,
                secret,
            } => ["header", name.as_str(), prefix, secret.expose()],
            Field::Param { name, secret } => ["query", name, "", secret.expose()],
        });
        identity_of(fields.flatten())
    }
}

/// Joins texts unambiguously.
pub fn identity_of<'a>(texts: impl IntoIterator<Item = &'a str>) -> Secret {
    let texts: serde_json::Value = texts.into_iter().collect();
    Secret::new(texts.to_string())
}

/// An error while creating a credential.
#[derive(Debug)]
pub enum CredentialError {
    /// A template could not be rendered, usually because a variable is not set.
    Render(RenderError),
    /// The value is unusable, with the reason.
    Unusable(String, Place),
}

impl From<RenderError> for CredentialError {
    fn from(error: RenderError) -> Self {
        Self::Render(error)
    }
}

impl CredentialError {
    /// The fault in one line.
    pub fn message(self) -> String {
        match self {
            Self::Render(error) => error.message,
            Self::Unusable(words, _) => words,
        }
    }
}
