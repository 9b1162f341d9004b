//! `hmac: { key, header, over }`: a header field with a keyed hash of the request (HMAC, RFC 2104).

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use crate::auth::attempt;
use crate::auth::credential::identity_of;
use crate::auth::{
    Auth, Authenticate, Context, Credential, CredentialError, Form, Obtaining, TokenScheme,
    at_once, filled, needed, open_template, secret_template,
};
use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Entry, Node};
use crate::core::key::{FIELD_NAME, TextPattern, ValueForm, keys};
use crate::core::secret::Secret;
use crate::core::text::hex;
use crate::http::{HeaderName, HeaderValue, Request, headers};
use crate::template::{RenderError, Scope, Template};

pub const FORM: Form = Form {
    key: "hmac",
    takes: ValueForm::Keys(KEYS, &[]),
    doc: "a signature over each request",
    grammar: Some(("### Signatures", KEYS)),
    check,
};

/// A template that uses the request.
const OVER: ValueForm = ValueForm::Pattern(&TextPattern {
    regex: attempt::NAME,
    expected: "a template that uses `request`",
    examples: &["{{ request.method }}\n{{ request.body }}"],
});

keys! {
    /// The keys of `hmac`.
    const KEYS {
        key: ValueForm::Template, "template", "required", "the key; a literal is refused";
        key_encoding: ValueForm::Words(&Encoding::NAMES), "`hex` or `base64`", "the string is the key", "how the key is written";
        algorithm: ValueForm::Words(&["sha256", "sha512", "sha1"]), "`sha256`, `sha512` or `sha1`", "`sha256`", "the hash function";
        over: OVER, "template", "required", "the string to sign; it can use `request`";
        header: FIELD_NAME, "name", "required", "the header field of the signature";
        encoding: ValueForm::Words(&Encoding::NAMES), "`hex` or `base64`", "`hex`", "how the signature is written";
        prefix: ValueForm::Template, "template", "", "a prefix of the signature; it can use `request`";
        headers: ValueForm::Map(&ValueForm::Template), "mapping of templates", "", "additional header fields; they can use `request`";
    }
}

/// The hash functions by name. SHA-1 is still in use by APIs and is unbroken for HMAC (RFC 6194,
/// section 3.3).
const ALGORITHMS: [(&str, hmac::Algorithm); 3] = [
    ("sha256", hmac::HMAC_SHA256),
    ("sha512", hmac::HMAC_SHA512),
    ("sha1", hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY),
];

/// A text encoding of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    Hex,
    Base64,
}

impl Encoding {
    const NAMES: [&str; 2] = ["hex", "base64"];

    fn named(name: &str) -> Option<Self> {
        match name {
            "hex" => Some(Self::Hex),
            "base64" => Some(Self::Base64),
            _ => None,
        }
    }

    fn encode(self, bytes: &[u8]) -> String {
        match self {
            Self::Hex => hex(bytes),
            Self::Base64 => STANDARD.encode(bytes),
        }
    }

    fn decode(self, text: &str) -> Option<Vec<u8>> {
        match self {
            Self::Hex => {
                let digits: Option<Vec<u32>> = text.chars().map(|c| c.to_digit(16)).collect();
                let pairs = digits?;
                let is_whole = pairs.len().is_multiple_of(2);
                let byte = |pair: &[u32]| u8::try_from(pair[0] * 16 + pair[1]).ok();
                is_whole.then(|| pairs.chunks(2).map(byte).collect())?
            }
            Self::Base64 => STANDARD.decode(text).ok(),
        }
    }
}

fn check(entry: &Entry, _: Option<TokenScheme>, faults: &mut Diagnostics) -> Option<Auth> {
    let node = &entry.value;
    let mut fields = node.fields_of(FORM.key, KEYS, faults);
    let key = needed(&mut fields, [FORM.key, "key"], node, faults);
    let header = needed(&mut fields, [FORM.key, "header"], node, faults);
    let over = needed(&mut fields, [FORM.key, "over"], node, faults);
    let [algorithm, encoding, key_encoding, prefix, more] =
        ["algorithm", "encoding", "key_encoding", "prefix", "headers"].map(|key| fields.get(key));
    fields.finish(faults);
    let key = key.and_then(|node| secret_template(node, "key", faults));
    let header = header.and_then(|node| field_name(node, faults));
    let over = over.and_then(|node| signed_text(node, faults));
    let algorithm = match algorithm {
        None => ALGORITHMS[0],
        Some(node) => {
            let name = node.one_of("algorithm", &ALGORITHMS.map(|(name, _)| name), faults)?;
            *ALGORITHMS.iter().find(|(known, _)| *known == name)?
        }
    };
    let mut encoding_of = |node: Option<&Node>, key| match node {
        None => Some(None),
        Some(node) => {
            let name = node.one_of(key, &Encoding::NAMES, faults)?;
            Encoding::named(name).map(Some)
        }
    };
    let encoding = encoding_of(encoding, "encoding")?;
    let key_encoding = encoding_of(key_encoding, "key_encoding")?;
    let prefix = match prefix {
        None => None,
        Some(node) => Some(open_template(node, "prefix", faults)?),
    };
    let more = more.map_or(Some(Vec::new()), |node| more_fields(node, faults))?;
    Some(Arc::new(Signature {
        key: key?,
        key_encoding,
        algorithm,
        encoding: encoding.unwrap_or(Encoding::Hex),
        header: header?,
        prefix,
        over: over?,
        more,
    }))
}

fn field_name(node: &Node, faults: &mut Diagnostics) -> Option<HeaderName> {
    let text = node.text("header", faults)?;
    let name = HeaderName::from_bytes(text.value.as_bytes()).ok();
    let name = name.filter(|name| !headers::is_framing(name));
    if name.is_none() {
        let expected = "the name of a header field that is not set by the connection";
        faults.push(node.mismatch("header", expected));
    }
    name
}

fn signed_text(node: &Node, faults: &mut Diagnostics) -> Option<Template> {
    let template = open_template(node, "over", faults)?;
    if !attempt::is_in(&template) {
        let words = "`over` does not use the request";
        let fault = Diagnostic::at(&node.place, Code::WrongType, words);
        faults.push(fault.help("write `\"{{ request.body }}\"`"));
        return None;
    }
    Some(template)
}

fn more_fields(node: &Node, faults: &mut Diagnostics) -> Option<Vec<(HeaderName, Template)>> {
    let mut more = Vec::new();
    for entry in node.entries("headers", faults) {
        let name = HeaderName::from_bytes(entry.key.as_bytes()).ok();
        let Some(name) = name.filter(|name| !headers::is_framing(name)) else {
            let words = format!("`{}` is not the name of a header field", entry.key);
            faults.push(Diagnostic::at(&entry.key_place, Code::HeaderName, words));
            return None;
        };
        more.push((name, open_template(&entry.value, &entry.key, faults)?));
    }
    Some(more)
}

/// A signature over each attempt.
#[derive(Debug)]
struct Signature {
    key: Template,
    /// The encoding of the key; `None` if the string itself is the key.
    key_encoding: Option<Encoding>,
    algorithm: (&'static str, hmac::Algorithm),
    encoding: Encoding,
    header: HeaderName,
    prefix: Option<Template>,
    over: Template,
    /// Additional header fields, such as the time of signing.
    more: Vec<(HeaderName, Template)>,
}

impl Signature {
    fn hmac_key(&self, scope: &Scope) -> Result<hmac::Key, CredentialError> {
        let text = filled(&self.key, scope)?;
        let bytes = match self.key_encoding {
            None => Some(text.into_bytes()),
            Some(encoding) => encoding.decode(&text),
        };
        let bytes = bytes.ok_or_else(|| {
            let words = format!("`{}` does not match `key_encoding`", self.key.source());
            CredentialError::Unusable(words, self.key.place().clone())
        })?;
        Ok(hmac::Key::new(self.algorithm.1, &bytes))
    }
}

impl Authenticate for Signature {
    fn templates(&self) -> Vec<&Template> {
        vec![&self.key]
    }

    fn request_templates(&self) -> Vec<&Template> {
        let more = self.more.iter().map(|(_, value)| value);
        [&self.over]
            .into_iter()
            .chain(&self.prefix)
            .chain(more)
            .collect()
    }

    fn ready(&self, scope: &Scope) -> Result<(), CredentialError> {
        self.hmac_key(scope).map(drop)
    }

    /// Nothing is shared between requests.
    fn obtain<'a>(&'a self, _: Context<'a>) -> Obtaining<'a> {
        at_once(Ok(Credential::default()))
    }

    fn sign(
        &self,
        request: &mut Request,
        _: &Credential,
        context: &Context<'_>,
    ) -> Result<(), String> {
        if request.headers.contains_key(&self.header) {
            // As with every credential, a field set by the query itself is kept.
            return Ok(());
        }
        let key = self
            .hmac_key(context.scope)
            .map_err(CredentialError::message)?;
        let now = (context.clock)();
        let text = |template: &Template, scope: &Scope| {
            let text = template.text(scope);
            text.map_err(|error| format!("`{}`: {}", template.source(), error.message))
        };
        let templates = self.request_templates();
        let mut scope = attempt::seen(context.scope, &templates, request, now)?;
        for (name, value) in &self.more {
            let value = HeaderValue::try_from(text(value, &scope)?)
                .map_err(|_| format!("the value of `{name}` is not valid in a header"))?;
            request.headers.entry(name).or_insert(value);
        }
        if !self.more.is_empty() {
            // The added fields may be signed too.
            scope = attempt::seen(context.scope, &templates, request, now)?;
        }
        let tag = hmac::sign(&key, text(&self.over, &scope)?.as_bytes());
        let prefix = self.prefix.as_ref().map(|prefix| text(prefix, &scope));
        let prefix = prefix.transpose()?.unwrap_or_default();
        let signature = Secret::new(self.encoding.encode(tag.as_ref()));
        Credential::header(self.header.clone(), prefix, signature).apply(request)
    }

    fn identity(&self, scope: &Scope) -> Option<Secret> {
        let key = self.key.text(scope).ok()?;
        Some(identity_of([FORM.key, key.trim()]))
    }

    /// The signature differs for every attempt, so a shell has to compute it.
    fn shown(
        &self,
        scope: &Scope,
        mark: &dyn Fn(&str) -> String,
    ) -> Result<Credential, RenderError> {
        let prefix = match &self.prefix {
            Some(prefix) if !attempt::is_in(prefix) => prefix.text(scope)?,
            _ => String::new(),
        };
        let signature = Secret::new(mark("SIGNATURE"));
        let signature = Credential::header(self.header.clone(), prefix, signature);
        Ok(self.more.iter().fold(signature, |shown, (name, _)| {
            // A header name may contain characters that are special in a shell.
            let is_plain = |c: char| c.is_ascii_alphanumeric();
            let variable = name.as_str().to_ascii_uppercase();
            let variable = variable.replace(|c| !is_plain(c), "_");
            shown.and(Credential::header(
                name.clone(),
                "",
                Secret::new(mark(&variable)),
            ))
        }))
    }

    fn words(&self) -> String {
        format!("hmac, {} in {}", self.algorithm.0, self.header)
    }

    fn origin(&self) -> String {
        let names: Vec<&str> = self.key.mentions().attributes("env").collect();
        let key = names.first().map_or("the key", |name| name);
        format!(
            "the request was signed with `{key}`: check the key, `over`, and this machine's clock"
        )
    }
}
