//! `oauth2: { token_url, client_id, client_secret, scope }`: the client credentials grant of OAuth 2.0
//! (RFC 6749, section 4.4). Its access token is a bearer token (RFC 6750).

use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use tokio::time::Instant;
use url::Url;
use url::form_urlencoded::{Serializer, byte_serialize};

use crate::auth::credential::identity_of;
use crate::auth::{
    Auth, Authenticate, Context, Credential, CredentialError, Form, Obtained, Obtaining,
    TokenScheme, filled, needed, open_template, secret_template, unusable,
};
use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Entry, Node};
use crate::core::json;
use crate::core::key::{ValueForm, keys};
use crate::core::secret::{Scrubber, Secret, is_secret_param};
use crate::core::text::{one_line, truncate_to_width};
use crate::http::loopback::is_loopback;
use crate::http::{
    Body, HeaderValue, Method, Request, Response, TransportError, TransportErrorKind, header,
};
use crate::template::{RenderError, Scope, Template};

pub const FORM: Form = Form {
    key: "oauth2",
    takes: ValueForm::Keys(KEYS, &[]),
    doc: "an access token by the client credentials grant of OAuth 2.0",
    grammar: Some(("### OAuth 2.0", KEYS)),
    check,
};

keys! {
    /// The keys of `oauth2`.
    const KEYS {
        token_url: ValueForm::Template, "template", "required", "the token endpoint; `https`, or `http` on this machine";
        client_id: ValueForm::Template, "template", "required", "the client's id, which is not secret";
        client_secret: ValueForm::Template, "template", "required", "the client's secret; a literal is refused";
        client_auth: ValueForm::Words(&["basic", "body"]), "`basic` or `body`", "`basic`",
            "sends id and secret by HTTP Basic (form-encoded, as in section 2.3.1), or as parameters of the body";
        scope: ValueForm::Template, "template", "", "scopes, separated by spaces";
        params: ValueForm::Map(&ValueForm::Template), "mapping of templates", "",
            "additional parameters of the token request, such as `audience`";
    }
}

/// A token is renewed this long before it expires, so that none expires in transit.
const MARGIN: Duration = Duration::from_secs(30);
/// The margin of a short-lived token, as a fraction of its lifetime.
const MARGIN_PART: f64 = 0.1;
/// The maximum length of an access token in bytes. Servers usually accept header fields of up to 8
/// KiB.
const LONGEST_TOKEN: usize = 64 * 1024;
/// The maximum width of an error description.
const DESCRIPTION: usize = 300;

/// Parameters of the token request that have keys of their own.
const OWN_PARAMS: [&str; 4] = ["client_id", "client_secret", "grant_type", "scope"];

/// The client authentication at the token endpoint (RFC 6749, section 2.3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ClientAuth {
    /// HTTP Basic, which every server must support.
    Basic,
    /// Parameters of the body.
    Body,
}

impl ClientAuth {
    const ALL: [(&str, Self); 2] = [("basic", Self::Basic), ("body", Self::Body)];
}

fn check(entry: &Entry, _: Option<TokenScheme>, faults: &mut Diagnostics) -> Option<Auth> {
    let node = &entry.value;
    let mut fields = node.fields_of(FORM.key, KEYS, faults);
    let token_url = needed(&mut fields, [FORM.key, "token_url"], node, faults);
    let client_id = needed(&mut fields, [FORM.key, "client_id"], node, faults);
    let client_secret = needed(&mut fields, [FORM.key, "client_secret"], node, faults);
    let scope = fields.get("scope");
    let client_auth = fields.get("client_auth");
    let params = fields.get("params");
    fields.finish(faults);
    let token_url = token_url.and_then(|node| address(node, faults));
    let client_id = client_id.and_then(|node| open_template(node, "client_id", faults));
    let client_secret =
        client_secret.and_then(|node| secret_template(node, "client_secret", faults));
    let client_auth = match client_auth {
        None => ClientAuth::Basic,
        Some(node) => {
            let names = ClientAuth::ALL.map(|(name, _)| name);
            let name = node.one_of("client_auth", &names, faults)?;
            ClientAuth::ALL.into_iter().find(|one| one.0 == name)?.1
        }
    };
    let mut all = Vec::new();
    if let Some(node) = scope {
        all.push(("scope".to_owned(), open_template(node, "scope", faults)?));
    }
    if let Some(node) = params {
        all.extend(extra(node, faults)?);
    }
    Some(Arc::new(ClientCredentials {
        token_url: token_url?,
        client_id: client_id?,
        client_secret: client_secret?,
        client_auth,
        params: all,
    }))
}

fn address(node: &Node, faults: &mut Diagnostics) -> Option<Template> {
    let template = open_template(node, "token_url", faults)?;
    if template.is_constant()
        && let Err((code, words)) = token_url(template.source())
    {
        faults.push(Diagnostic::at(&node.place, code, words));
        return None;
    }
    Some(template)
}

fn extra(node: &Node, faults: &mut Diagnostics) -> Option<Vec<(String, Template)>> {
    let mut params = Vec::new();
    for entry in node.entries("params", faults) {
        if OWN_PARAMS.contains(&entry.key.as_str()) {
            let words = format!("`{}` is not allowed in `params`", entry.key);
            let fault = Diagnostic::at(&entry.key_place, Code::UnknownKey, words);
            faults.push(fault.help("it is set by the other keys of `oauth2`"));
            return None;
        }
        let template = if is_secret_param(&entry.key) {
            secret_template(&entry.value, &entry.key, faults)?
        } else {
            open_template(&entry.value, &entry.key, faults)?
        };
        params.push((entry.key.clone(), template));
    }
    Some(params)
}

/// Parses the URL of a token endpoint (RFC 6749, section 3.2).
fn token_url(text: &str) -> Result<Url, (Code, String)> {
    let url: Url = text.trim().parse().map_err(|error| {
        let words = format!("`token_url` is not a URL: {error}");
        (Code::BaseUrl, words)
    })?;
    let (code, words) = if url.scheme() == "http" && !is_loopback(&url) {
        let words = "the client's secret would be sent unencrypted: `token_url` must use `https`";
        (Code::PlainHttp, words)
    } else if !matches!(url.scheme(), "http" | "https") {
        (Code::BaseUrl, "`token_url` takes an `https` URL")
    } else if !url.username().is_empty() || url.password().is_some() {
        let words =
            "`token_url` cannot have a user or a password: use `client_id` and `client_secret`";
        (Code::BaseUrl, words)
    } else if url.fragment().is_some() {
        (Code::BaseUrl, "`token_url` cannot have `#`")
    } else {
        return Ok(url);
    };
    Err((code, words.to_owned()))
}

/// A client and its authorization server.
#[derive(Debug)]
struct ClientCredentials {
    token_url: Template,
    client_id: Template,
    client_secret: Template,
    client_auth: ClientAuth,
    /// The other parameters of the token request, including `scope`.
    params: Vec<(String, Template)>,
}

/// Encodes `client_id:client_secret`, each form-encoded (RFC 6749, section 2.3.1), in base64.
fn basic(id: &str, secret: &str) -> String {
    let form = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    STANDARD.encode(format!("{}:{}", form(id), form(secret)))
}

impl ClientCredentials {
    fn params_of(&self, secret: bool) -> impl Iterator<Item = &Template> {
        let params = self.params.iter();
        let params = params.filter(move |(name, _)| is_secret_param(name) == secret);
        params.map(|(_, value)| value)
    }

    /// Creates the token request (RFC 6749, section 4.4.2). It changes nothing, so it may be
    /// retried.
    fn request(&self, scope: &Scope) -> Result<Request, CredentialError> {
        let place = || self.token_url.place().clone();
        let url = token_url(&self.token_url.text(scope)?)
            .map_err(|(_, words)| CredentialError::Unusable(words, place()))?;
        let id = filled(&self.client_id, scope)?;
        let secret = filled(&self.client_secret, scope)?;
        let mut form = Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials");
        for (name, value) in &self.params {
            let value = value.text(scope)?;
            // A scope omitted by an empty variable is not an empty scope.
            if !value.trim().is_empty() {
                form.append_pair(name, value.trim());
            }
        }
        if self.client_auth == ClientAuth::Body {
            form.append_pair("client_id", &id);
            form.append_pair("client_secret", &secret);
        }
        let mut request = Request {
            body: Body::Bytes {
                content_type: "application/x-www-form-urlencoded".to_owned(),
                bytes: form.finish().into(),
            },
            is_safe: true,
            ..Request::new(Method::POST, url)
        };
        let json = HeaderValue::from_static("application/json");
        request.headers.insert(header::ACCEPT, json);
        if self.client_auth == ClientAuth::Basic {
            let pair = Secret::new(basic(&id, &secret));
            let credential = Credential::header(header::AUTHORIZATION, "Basic ", pair);
            let unusable = |words| CredentialError::Unusable(words, place());
            credential.apply(&mut request).map_err(unusable)?;
        }
        Ok(request)
    }

    async fn token(&self, context: Context<'_>) -> Result<Obtained, TransportError> {
        for secret in self.secrets(context.scope) {
            context.scrubber.add(&secret);
        }
        let request = self.request(context.scope);
        let request = request.map_err(|error| unusable(error.message()))?;
        let endpoint = Endpoint {
            url: shown(&request.url),
            scrubber: context.scrubber,
        };
        let asked_at = Instant::now();
        let response = context.transport.send(&request).await;
        let response = response.map_err(|error| endpoint.unreachable(error))?;
        let grant = endpoint.read(&response)?;
        context.scrubber.add(&grant.token);
        Ok(Obtained {
            credential: Credential::header(header::AUTHORIZATION, "Bearer ", grant.token),
            until: grant.lifetime.and_then(|lifetime| {
                let margin = MARGIN.min(lifetime.mul_f64(MARGIN_PART));
                asked_at.checked_add(lifetime.saturating_sub(margin))
            }),
        })
    }
}

/// Returns the URL without its query, which may contain secrets.
fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.to_string()
}

/// An access token (RFC 6749, section 5.1).
struct Grant {
    token: Secret,
    lifetime: Option<Duration>,
}

/// The token endpoint, for parsing its responses.
struct Endpoint<'a> {
    url: String,
    scrubber: &'a Scrubber,
}

impl Endpoint<'_> {
    /// Creates the error of an unusable response.
    fn refused(&self, words: impl std::fmt::Display) -> TransportError {
        unusable(format!("the token endpoint `{}` {words}", self.url))
    }

    fn unreachable(&self, error: TransportError) -> TransportError {
        if let TransportErrorKind::TooLarge(limit) = error.kind {
            let limit = crate::http::transport::megabytes(limit);
            return self.refused(format!("returned more than {limit}, too much for a token"));
        }
        TransportError {
            causes: error.causes,
            ..TransportError::before(TransportErrorKind::TokenEndpoint {
                url: self.url.clone(),
                kind: Box::new(error.kind),
            })
        }
    }

    fn read(&self, response: &Response) -> Result<Grant, TransportError> {
        let status = response.status;
        let body = response.json().ok();
        let error = body.as_ref().and_then(|body| self.error(body));
        if status.is_server_error() || response.is_rate_limited() {
            let kind = TransportErrorKind::Unavailable(status);
            return Err(self.unreachable(TransportError::before(kind)));
        }
        let line = format!(
            "{} {}",
            status.as_u16(),
            status.canonical_reason().unwrap_or("")
        );
        let line = line.trim_end();
        if status.is_redirection() {
            return Err(self.refused(format!(
                "returned {line}, a redirect, which is not followed"
            )));
        }
        if let Some(error) = error {
            // Some servers return errors with a 200.
            return Err(self.refused(format!("returned {line}: {error}")));
        }
        if !status.is_success() {
            return Err(self.refused(format!("returned {line}")));
        }
        let Some(body) = body else {
            return Err(self.refused(match response.media_type() {
                _ if response.body.is_empty() => format!("returned {line} without a token"),
                Some(media_type) => {
                    format!("returned `{}`, which is not JSON", self.line(media_type))
                }
                None => "returned something that is not JSON".to_owned(),
            }));
        };
        Ok(Grant {
            token: self.access_token(&body)?,
            lifetime: self.lifetime(&body)?,
        })
    }

    /// Returns the server's error message (RFC 6749, section 5.2).
    fn error(&self, body: &Value) -> Option<String> {
        let error = self.line(body["error"].as_str()?);
        let description = body["error_description"].as_str();
        Some(match description {
            Some(description) => format!("{error}: {}", self.line(description)),
            None => error,
        })
    }

    /// Scrubs and shortens foreign text for a message.
    fn line(&self, text: &str) -> String {
        let text = self.scrubber.text(text);
        truncate_to_width(&one_line(&text), DESCRIPTION).into_owned()
    }

    fn access_token(&self, body: &Value) -> Result<Secret, TransportError> {
        let token = match body["access_token"].as_str() {
            Some(token) if !token.is_empty() => token,
            _ => return Err(self.refused("returned no `access_token`")),
        };
        // RFC 6749, appendix A.12.
        let is_visible = |byte: u8| (0x20..=0x7e).contains(&byte);
        if !token.bytes().all(is_visible) {
            let words = "returned a token with a line break or another invalid character";
            return Err(self.refused(words));
        }
        if token.len() > LONGEST_TOKEN {
            let words = format!(
                "returned a token of {} bytes, which is too long",
                token.len()
            );
            return Err(self.refused(words));
        }
        // A token of an unknown type must not be used (RFC 6749, section 7.1). Some servers omit
        // the type of bearer tokens.
        match &body["token_type"] {
            Value::Null => {}
            Value::String(kind) if kind.eq_ignore_ascii_case("bearer") => {}
            other => {
                let kind = self.line(&json::plain(other));
                let words = format!("returned a token of the type `{kind}`, not `Bearer`");
                return Err(self.refused(words));
            }
        }
        Ok(Secret::new(token))
    }

    /// Returns the lifetime of the token; `None` if the server gives none. Some return 0 for no
    /// expiry.
    fn lifetime(&self, body: &Value) -> Result<Option<Duration>, TransportError> {
        let value = &body["expires_in"];
        if value.is_null() {
            return Ok(None);
        }
        let text = json::plain(value);
        match text.trim().parse::<f64>() {
            Ok(0.0) => Ok(None),
            // A value that does not fit a duration counts as no expiry.
            Ok(seconds) if seconds > 0.0 => Ok(Duration::try_from_secs_f64(seconds).ok()),
            _ => Err(self.refused(format!(
                "returned a token with `expires_in: {}`, which is not a number of seconds",
                self.line(&text)
            ))),
        }
    }
}

impl Authenticate for ClientCredentials {
    fn templates(&self) -> Vec<&Template> {
        let secrets = self.params_of(true);
        [&self.client_secret].into_iter().chain(secrets).collect()
    }

    fn open_templates(&self) -> Vec<&Template> {
        let known = [&self.token_url, &self.client_id].into_iter();
        known.chain(self.params_of(false)).collect()
    }

    fn ready(&self, scope: &Scope) -> Result<(), CredentialError> {
        self.request(scope).map(drop)
    }

    fn obtain<'a>(&'a self, context: Context<'a>) -> Obtaining<'a> {
        Box::pin(self.token(context))
    }

    fn can_renew(&self) -> bool {
        true
    }

    /// The token differs in every run, so the client identifies the caller.
    fn identity(&self, scope: &Scope) -> Option<Secret> {
        let names = self.params.iter().map(|(name, _)| name.clone());
        let mut texts: Vec<String> = [FORM.key.to_owned()].into_iter().chain(names).collect();
        for template in self.templates().into_iter().chain(self.open_templates()) {
            texts.push(template.text(scope).ok()?);
        }
        Some(identity_of(texts.iter().map(String::as_str)))
    }

    fn shown(&self, _: &Scope, mark: &dyn Fn(&str) -> String) -> Result<Credential, RenderError> {
        let token = Secret::new(mark("ACCESS_TOKEN"));
        Ok(Credential::header(header::AUTHORIZATION, "Bearer ", token))
    }

    fn words(&self) -> String {
        format!(
            "oauth2, as {}, by {}",
            self.client_id.source(),
            self.token_url.source()
        )
    }

    fn server(&self) -> Option<&Template> {
        Some(&self.token_url)
    }

    fn secrets(&self, scope: &Scope) -> Vec<Secret> {
        let text = |template: &Template| filled(template, scope).ok();
        let pair = text(&self.client_id).zip(text(&self.client_secret));
        let pair = pair.map(|(id, secret)| basic(&id, &secret));
        let own = self.templates().into_iter().filter_map(text);
        own.chain(pair).map(Secret::new).collect()
    }

    fn origin(&self) -> String {
        format!(
            "the token is from `{}`: check that this client may use the API and has the `scope`",
            self.token_url.source()
        )
    }
}
