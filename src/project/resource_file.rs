//! Reads a resource file into a [`Resource`], once without an environment and once for each
//! environment.

mod file;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::auth::{Auth, InHeader, TokenScheme, attempt};
use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Fields, Node};
use crate::core::name;
use crate::core::secret::{is_secret_name, is_secret_param};
use crate::core::source::{SourceFile, Text};
use crate::http::headers::is_framing;
use crate::http::pace::RateLimit;
use crate::http::retry::RetryPolicy;
use crate::http::{HeaderName, LinkHost, Links};
use crate::paginate::Pagination;
use crate::project::template::{Names, scalar_template, template};
use crate::project::{database_url, grammar, literal, redact, retry, size};
use crate::resource::{Access, CONCURRENCY, KINDS, Resource, Speak, TlsFiles};
use crate::template::Template;

pub use self::file::{OpenApiFiles, ResourceFile};

/// The default of `max_body`: 64 MiB.
const MAX_BODY: u64 = 64 * 1024 * 1024;

/// Reads a resource file. Faults are added to `faults`.
pub fn read(
    node: &Node,
    source: &Arc<SourceFile>,
    stem: &str,
    folder: Option<&str>,
    faults: &mut Diagnostics,
) -> Option<ResourceFile> {
    if !matches!(node.content, Content::Map(_)) {
        faults.push(node.mismatch("a resource file", "a mapping"));
        return None;
    }
    if let (Some(version), Some(_)) = (node.get("openapi"), node.get("paths")) {
        let words = format!("`{}` is an OpenAPI document, not a resource", source.name());
        let help = "keep it outside of `resources`, and write its path as `openapi` in a resource";
        faults.push(Diagnostic::at(&version.place, Code::UnknownKey, words).help(help));
        return None;
    }
    literal::check(node, faults);
    let overlays: Vec<&Entry> = match node.get("environments") {
        None => Vec::new(),
        Some(environments) => environments
            .entries("environments", faults)
            .iter()
            .collect(),
    };
    let mut file = ResourceFile {
        name: super::file_name(node, stem, faults),
        source: Arc::clone(source),
        place: node.get("name").unwrap_or(node).place.clone(),
        base: None,
        environments: BTreeMap::new(),
        openapi: node
            .get("openapi")
            .and_then(|node| file::openapi(node, faults)),
    };
    let context = Context {
        name: file.name.clone(),
        source: Arc::clone(source),
        folder: folder.map(str::to_owned),
    };
    // Only the environments may define what the file itself lacks.
    let needs_environment = node.get("base_url").is_none()
        && !overlays.is_empty()
        && overlays
            .iter()
            .all(|entry| entry.value.get("base_url").is_some());
    if !needs_environment {
        file.base = resource(node, &context, faults);
    }
    for entry in overlays {
        if !matches!(entry.value.content, Content::Map(_)) {
            faults.push(entry.value.mismatch(&entry.key, "a mapping"));
            continue;
        }
        if let Some(inner) = ["name", "environments", "openapi"]
            .iter()
            .find(|key| entry.value.get(key).is_some())
        {
            let words = format!("an environment cannot have its own `{inner}`");
            faults.push(Diagnostic::at(&entry.value.place, Code::UnknownKey, words));
            continue;
        }
        if let Some(resource) = resource(&merged(node, &entry.value), &context, faults) {
            file.environments.insert(entry.key.clone(), resource);
        }
    }
    Some(file)
}

/// Merges an overlay into the base: mappings key by key; null removes a key; anything else replaces
/// it. If a mapping selects one of several forms (`auth`), another form replaces it completely.
fn merged(base: &Node, overlay: &Node) -> Node {
    let (Content::Map(base_entries), Content::Map(overlay_entries)) =
        (&base.content, &overlay.content)
    else {
        return overlay.clone();
    };
    let mut entries: Vec<Entry> = base_entries.clone();
    for entry in overlay_entries {
        match entries.iter_mut().find(|known| known.key == entry.key) {
            None => entries.push(entry.clone()),
            Some(known) => {
                let is_choice =
                    entry.key == "auth" && known.value.get(first_key(&entry.value)).is_none();
                let value = if is_choice {
                    entry.value.clone()
                } else {
                    merged(&known.value, &entry.value)
                };
                *known = Entry {
                    value,
                    ..entry.clone()
                };
            }
        }
    }
    Node {
        place: base.place.clone(),
        content: Content::Map(entries),
    }
}

fn first_key(node: &Node) -> &str {
    match &node.content {
        Content::Map(entries) => entries.first().map_or("", |entry| &entry.key),
        _ => "",
    }
}

struct Context {
    name: String,
    source: Arc<SourceFile>,
    folder: Option<String>,
}

fn resource(node: &Node, context: &Context, faults: &mut Diagnostics) -> Option<Resource> {
    let names = Names::outside();
    let mut fields = node.fields_of("a resource file", grammar::RESOURCE, faults);
    fields.get("name");
    fields.get("environments");
    let openapi_node = fields.get("openapi");
    let folder = fields.text("folder", faults);
    let description = fields.text("description", faults);
    let type_node = fields.get("type");
    let api_node = fields.get("api");
    let kind = kind(node, type_node, api_node, faults);
    let base_url = fields.get("base_url");
    let auth_node = fields.get("auth");
    let headers = headers(fields.get("headers"), &names, faults);
    let params = params(fields.get("params"), &names, faults);
    let access = fields
        .one_of("access", &Access::names(), faults)
        .and_then(Access::named);
    let timeout = positive_duration(&mut fields, "timeout", faults);
    let connect_timeout = positive_duration(&mut fields, "connect_timeout", faults);
    let max_body = fields.read("max_body", size::bytes, faults);
    let retry = fields.get("retry").map(|node| retry::read(node, faults));
    let rate_limit = fields.read("rate_limit", rate_limit, faults);
    let concurrency = fields.integer("concurrency", 1..=1024, faults);
    let paginate = fields.read("paginate", Pagination::check, faults);
    let links = links_of(fields.get("links"), faults);
    let tls = fields.get("tls").map(|node| tls(node, faults));
    let proxy = proxy(fields.get("proxy"), &names, faults);
    let budget = fields
        .get("budget")
        .and_then(|node| database_url::budget(node, &names, faults));
    let redact_node = fields.get("redact");
    fields.finish(faults);

    let Some(kind) = kind else {
        // A token in the file is reported even so.
        if let Some(node) = auth_node {
            crate::auth::check(node, Some(TokenScheme::Bearer), faults);
        }
        return None;
    };
    if let Some(node) = openapi_node
        && !kind.takes_openapi()
    {
        let words = format!("a resource of type `{}` has no `openapi`", kind.kind());
        faults.push(Diagnostic::at(&node.place, Code::UnknownKey, words));
    }
    let base_url = base_url_template(node, base_url, kind, &names, faults);
    let auth = auth(node, auth_node, kind, &names, faults);
    Some(Resource {
        name: context.name.clone(),
        folder: folder
            .map(|text| text.value.to_string())
            .or_else(|| context.folder.clone()),
        description: description.map(|text| text.value.to_string()),
        source: Arc::clone(&context.source),
        kind,
        base_url: base_url?,
        auth: auth?,
        headers: headers
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .collect(),
        params,
        access: access.unwrap_or_default(),
        timeout: timeout.unwrap_or(Duration::from_secs(30)),
        connect_timeout: connect_timeout.unwrap_or(Duration::from_secs(10)),
        max_body: max_body.unwrap_or(MAX_BODY),
        retry: retry.unwrap_or_default().over(&RetryPolicy::default()),
        rate_limit,
        concurrency: concurrency
            .and_then(|most| usize::try_from(most).ok())
            .unwrap_or(CONCURRENCY),
        paginate: paginate.unwrap_or_default(),
        links: with_preset(links, kind),
        redact: redact::read(redact_node, kind, &node.place, faults),
        tls: tls.unwrap_or_default(),
        proxy,
        budget,
    })
}

/// Reads the hosts of `links`.
fn links_of(node: Option<&Node>, faults: &mut Diagnostics) -> Links {
    let mut links = Links::default();
    for item in node.map_or_else(Vec::new, Node::items) {
        let Some(text) = item.text("links", faults) else {
            continue;
        };
        match LinkHost::parse(&text.value) {
            Ok(host) => links.push(host),
            Err(words) => faults.push(Diagnostic::at(&item.place, Code::Links, words)),
        }
    }
    links
}

/// Adds the hosts that the kind of API knows.
fn with_preset(mut links: Links, kind: &dyn Speak) -> Links {
    for host in kind.links() {
        // A test parses those of all kinds.
        if let Ok(host) = LinkHost::parse(host) {
            links.push(host);
        }
    }
    links
}

fn kind(
    node: &Node,
    type_node: Option<&Node>,
    api_node: Option<&Node>,
    faults: &mut Diagnostics,
) -> Option<&'static dyn Speak> {
    let mut types: Vec<&'static str> = KINDS.iter().map(|kind| kind.kind()).collect();
    types.dedup();
    let Some(type_node) = type_node else {
        faults.push(
            Diagnostic::at(
                &node.file_start(),
                Code::MissingKey,
                "the resource has no `type`",
            )
            .help(format!("expected {}", name::one_of(&types))),
        );
        return None;
    };
    let word = type_node.one_of("type", &types, faults)?;
    let apis: Vec<&'static str> = KINDS
        .iter()
        .filter(|kind| kind.kind() == word)
        .filter_map(|kind| kind.api())
        .collect();
    let api = match api_node {
        None => None,
        Some(node) if apis.is_empty() => {
            let words = format!("`{word}` has no `api` setting");
            faults.push(Diagnostic::at(&node.place, Code::UnknownKey, words));
            return None;
        }
        Some(node) => Some(node.one_of("api", &apis, faults)?),
    };
    KINDS
        .iter()
        .find(|kind| kind.kind() == word && (api.is_none() || kind.api() == api))
        .copied()
}

fn base_url_template(
    node: &Node,
    base_url: Option<&Node>,
    kind: &'static dyn Speak,
    names: &Names,
    faults: &mut Diagnostics,
) -> Option<Template> {
    let Some(base_url) = base_url else {
        if let Some(preset) = kind.base_url() {
            return template(&Text::new(preset, &node.place), names, faults);
        }
        let words = format!("a resource of type `{}` needs a `base_url`", kind.kind());
        faults.push(Diagnostic::at(&node.file_start(), Code::MissingKey, words));
        return None;
    };
    let text = base_url.text("base_url", faults)?;
    let template = template(&text, names, faults)?;
    if template.is_constant()
        && let Err(words) = super::base_url(&text.value)
    {
        // It may contain a user and a password.
        faults.push(Diagnostic::at(&base_url.place, Code::BaseUrl, words).concealed());
        return None;
    }
    Some(template)
}

fn auth(
    node: &Node,
    auth_node: Option<&Node>,
    kind: &'static dyn Speak,
    names: &Names,
    faults: &mut Diagnostics,
) -> Option<Auth> {
    let Some(auth_node) = auth_node else {
        let (Some(preset), Some(scheme)) = (kind.default_token(), kind.token_scheme()) else {
            return Some(crate::auth::none());
        };
        let value = Template::parse(&Text::new(preset, &node.place)).ok()?;
        let (name, prefix) = scheme.header();
        return Some(InHeader::auth(name, prefix, value));
    };
    let auth = crate::auth::check(auth_node, kind.token_scheme(), faults)?;
    // The forms parse their templates; the names available to them are known here.
    let mut all_are = |templates: Vec<&Template>, names: &Names| {
        templates
            .into_iter()
            .all(|part| template(part.text_in_file(), names, faults).is_some())
    };
    let with_attempt = names.with_members(attempt::NAME, &attempt::members());
    let is_good = all_are(auth.templates(), names)
        && all_are(auth.open_templates(), names)
        && all_are(auth.request_templates(), &with_attempt);
    is_good.then_some(auth)
}

/// Reads `headers`; `None` as a value removes an inherited field.
pub fn headers(
    node: Option<&Node>,
    names: &Names,
    faults: &mut Diagnostics,
) -> Vec<(HeaderName, Option<Template>)> {
    let mut headers: Vec<(HeaderName, Option<Template>)> = Vec::new();
    let Some(node) = node else { return headers };
    for entry in node.entries("headers", faults) {
        let Ok(name) = HeaderName::from_bytes(entry.key.as_bytes()) else {
            let words = format!("`{}` is not the name of a header field", entry.key);
            faults.push(Diagnostic::at(&entry.key_place, Code::HeaderName, words));
            continue;
        };
        if is_framing(&name) {
            let words = format!("`{name}` is set by the connection and cannot be set in a file");
            faults.push(Diagnostic::at(&entry.key_place, Code::HeaderName, words));
            continue;
        }
        if headers.iter().any(|(known, _)| *known == name) {
            let words = format!("the field `{name}` is set twice, in different case");
            faults.push(Diagnostic::at(&entry.key_place, Code::DuplicateKey, words));
            continue;
        }
        if entry.value.is_null() {
            headers.push((name, None));
            continue;
        }
        let value = scalar_template(&entry.value, &entry.key, names, faults);
        if let Some(value) = value {
            if is_secret_name(name.as_str()) && literal::is_literal(&[&value]) {
                faults.push(literal::literal(&entry.value));
            }
            if value.is_constant() && value.source().chars().any(char::is_control) {
                let words = "the value contains a line break or another control character";
                faults.push(Diagnostic::at(&entry.value.place, Code::HeaderValue, words));
            }
            headers.push((name, Some(value)));
        }
    }
    headers
}

fn params(node: Option<&Node>, names: &Names, faults: &mut Diagnostics) -> Vec<(String, Template)> {
    let Some(node) = node else { return Vec::new() };
    let mut params = Vec::new();
    for entry in node.entries("params", faults) {
        if entry.value.is_null() {
            continue;
        }
        if let Some(value) = scalar_template(&entry.value, &entry.key, names, faults) {
            if is_secret_param(&entry.key) && literal::is_literal(&[&value]) {
                faults.push(literal::literal(&entry.value));
            }
            params.push((entry.key.clone(), value));
        }
    }
    params
}

fn proxy(node: Option<&Node>, names: &Names, faults: &mut Diagnostics) -> Option<Template> {
    let node = node?;
    let text = node.text("proxy", faults)?;
    let template = template(&text, names, faults)?;
    if template.is_constant() {
        match url::Url::parse(&text.value) {
            Ok(url) if url.password().is_some() => faults.push(literal::literal(node)),
            Ok(url) if url.has_host() => {}
            _ => {
                let words = "`proxy` takes a URL such as `http://proxy.example.com:3128`";
                faults.push(Diagnostic::at(&node.place, Code::Proxy, words).concealed());
            }
        }
    }
    Some(template)
}

fn positive_duration(
    fields: &mut Fields<'_>,
    key: &'static str,
    faults: &mut Diagnostics,
) -> Option<Duration> {
    let node = fields.get(key)?;
    let duration = node.duration(key, faults)?;
    if duration.is_zero() {
        faults.push(node.mismatch(key, "a duration longer than 0"));
        return None;
    }
    Some(duration)
}

fn rate_limit(node: &Node, faults: &mut Diagnostics) -> Option<RateLimit> {
    let mut fields = node.fields_of("rate_limit", grammar::RATE_LIMIT, faults);
    let requests_node = fields.get("requests");
    let requests = requests_node.and_then(|node| node.integer("requests", 1..=1_000_000, faults));
    let per = positive_duration(&mut fields, "per", faults);
    let burst = fields.integer("burst", 1..=1_000_000, faults);
    fields.finish(faults);
    if requests_node.is_none() {
        let words = "`rate_limit` needs `requests`, for example `{requests: 50, per: 1s}`";
        faults.push(Diagnostic::at(&node.place, Code::MissingKey, words));
    }
    let requests = u32::try_from(requests?).ok()?;
    Some(RateLimit {
        requests,
        per: per.unwrap_or(Duration::from_secs(1)),
        burst: burst
            .and_then(|burst| u32::try_from(burst).ok())
            .unwrap_or(1),
    })
}

fn tls(node: &Node, faults: &mut Diagnostics) -> TlsFiles {
    let mut fields = node.fields_of("tls", grammar::TLS, faults);
    let mut text = |key: &'static str, faults: &mut Diagnostics| fields.text(key, faults);
    let ca_file = text("ca_file", faults);
    let client_cert = text("client_cert", faults);
    let client_key = text("client_key", faults);
    let system_certs = fields.boolean("system_certs", faults);
    fields.finish(faults);
    if client_cert.is_some() != client_key.is_some() {
        let words = "`client_cert` and `client_key` must be set together";
        faults.push(Diagnostic::at(&node.place, Code::MissingKey, words));
    }
    TlsFiles {
        ca_file,
        client_cert,
        client_key,
        system_certs: system_certs.unwrap_or(false),
    }
}
