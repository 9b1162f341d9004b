//! The request of a command line as a draft of a query file.

use serde_json::{Map, Value};

use crate::cli::api::ApiArgs;
use crate::cli::app::App;
use crate::cli::base_urls::{self, Below};
use crate::cli::failure::Failure;
use crate::cli::inputs;
use crate::core::code::Code;
use crate::core::{json, name, percent};
use crate::http::Method;
use crate::project::Project;
use crate::project::draft::{Draft, DraftBody, literal, literal_value};

/// The methods that a query file can have.
const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Returns the draft of a request.
///
/// # Errors
///
/// If an argument has another form, or no resource has the address.
pub fn draft(args: &ApiArgs, project: &Project, app: &App) -> Result<Draft, Failure> {
    let (named, address) = match args.words.as_slice() {
        [resource, endpoint] => (Some(resource.as_str()), endpoint.as_str()),
        [endpoint, ..] => (None, endpoint.as_str()),
        [] => return Err(Failure::usage(Code::Usage, "no endpoint given")),
    };
    let (resource, target) = target(named, address, args, project, app)?;
    let (endpoint, query) = split_query(&target);
    let mut params = params_of(query)?;
    for word in &args.params {
        params.push(pair(word, "--param")?);
    }
    let body = body(args)?;
    let method = method(args.method.as_deref(), body.is_some())?;
    Ok(Draft {
        resource: Some(resource),
        safe: args.safe.then_some(true).filter(|_| !method.is_safe()),
        method,
        endpoint: endpoint.to_owned(),
        params: merged(params),
        headers: args
            .headers
            .iter()
            .map(|header| field(header))
            .collect::<Result<_, _>>()?,
        body,
        rows: args.rows.clone(),
        ..Draft::default()
    })
}

/// Returns the resource of an address, and the path below its base URL.
fn target(
    named: Option<&str>,
    address: &str,
    args: &ApiArgs,
    project: &Project,
    app: &App,
) -> Result<(String, String), Failure> {
    let is_url = ["http://", "https://"]
        .iter()
        .any(|scheme| address.starts_with(scheme));
    if !is_url {
        let resource = base_urls::resource(named, project)?;
        if named.is_none() && project.resources().iter().any(|file| file.name == address) {
            let words = format!("`{address}` is a resource, and no endpoint is given");
            return Err(Failure::usage(Code::Endpoint, words)
                .help(format!("add one: `runner api {address} /me`")));
        }
        let slash = if address.starts_with('/') { "" } else { "/" };
        return Ok((resource, format!("{slash}{address}")));
    }
    match base_urls::below(address, named, project, &args.connect, app)? {
        Below::Resource { name, target } => Ok((name, target)),
        Below::None { known } => {
            let words = format!("`{address}` is not below the base URL of a resource");
            Err(Failure::usage(Code::Endpoint, words).helps(known))
        }
    }
}

/// Splits an endpoint at its `?`, which may also stand inside of an expression.
fn split_query(target: &str) -> (&str, &str) {
    let mut depth = 0;
    for (at, character) in target.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            '?' if depth <= 0 => return (&target[..at], &target[at + 1..]),
            _ => {}
        }
    }
    (target, "")
}

/// Returns the parameters of a query string.
fn params_of(query: &str) -> Result<Vec<(String, Value)>, Failure> {
    let query = query.split('#').next().unwrap_or_default();
    let pairs = query.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let decoded = |text: &str| percent::decode(&text.replace('+', " "));
            let name = decoded(name);
            if name.is_empty() {
                let words = format!("`?{query}` has a parameter without a name");
                return Err(Failure::usage(Code::Endpoint, words));
            }
            // What is percent-encoded is data; a template is written as one.
            let value = if value.contains("{{") {
                decoded(value)
            } else {
                literal(&decoded(value)).into_owned()
            };
            Ok((name, Value::from(value)))
        })
        .collect()
}

/// Combines the values of a repeated name to a list.
fn merged(params: Vec<(String, Value)>) -> Vec<(String, Value)> {
    let mut all: Vec<(String, Value)> = Vec::new();
    for (name, value) in params {
        match all.iter_mut().find(|(known, _)| *known == name) {
            None => all.push((name, value)),
            Some((_, Value::Array(values))) => values.push(value),
            Some((_, first)) => *first = Value::Array(vec![first.take(), value]),
        }
    }
    all
}

/// Parses `NAME=VALUE` or `NAME:=JSON`.
fn pair(word: &str, option: &str) -> Result<(String, Value), Failure> {
    let split = word.split_once('=').filter(|(name, _)| !name.is_empty());
    let Some((name, value)) = split else {
        let words = format!("`{option}` takes `NAME=VALUE` or `NAME:=JSON`, got `{word}`");
        return Err(Failure::usage(Code::Assignment, words));
    };
    let Some(name) = name.strip_suffix(':').filter(|name| !name.is_empty()) else {
        return Ok((name.to_owned(), Value::from(value)));
    };
    let value: Value = json::parse(value.as_bytes()).map_err(|error| {
        Failure::usage(Code::Assignment, format!("`{name}:=` takes JSON: {error}"))
            .help(format!("write a string as `{name}=…`"))
    })?;
    Ok((name.to_owned(), value))
}

fn field(header: &str) -> Result<(String, String), Failure> {
    let split = header.split_once(':');
    let split = split.filter(|(name, _)| !name.trim().is_empty());
    split
        .map(|(name, value)| (name.trim().to_owned(), value.trim().to_owned()))
        .ok_or_else(|| {
            let words = format!("`--header` takes `NAME: VALUE`, got `{header}`");
            Failure::usage(Code::HeaderName, words)
        })
}

fn body(args: &ApiArgs) -> Result<Option<DraftBody>, Failure> {
    if !args.json.is_empty() {
        let members = args.json.iter().map(|word| pair(word, "--json"));
        let members = members.collect::<Result<Map<_, _>, _>>()?;
        return Ok(Some(DraftBody::Json(Value::Object(members))));
    }
    if !args.form.is_empty() {
        let fields = args.form.iter().map(|word| pair(word, "--form"));
        let fields = merged(fields.collect::<Result<_, _>>()?);
        return Ok(Some(DraftBody::Form(fields)));
    }
    let Some(given) = &args.body else {
        return Ok(None);
    };
    let text = match given.strip_prefix('@') {
        Some(path) => inputs::content(path),
        None if given == "-" => inputs::content("-"),
        None => Ok(given.clone()),
    };
    let text = text.map_err(|words| Failure::usage(Code::Body, format!("`--body`: {words}")))?;
    // A body is data, even if it has braces.
    Ok(Some(match json::parse(text.as_bytes()) {
        Ok(value @ (Value::Object(_) | Value::Array(_))) => DraftBody::Json(literal_value(&value)),
        _ => DraftBody::Text(literal(&text).into_owned()),
    }))
}

fn method(given: Option<&str>, has_body: bool) -> Result<Method, Failure> {
    let word = match given {
        Some(word) => word.to_uppercase(),
        None if has_body => "POST".to_owned(),
        None => "GET".to_owned(),
    };
    let known = METHODS.contains(&word.as_str());
    word.parse().ok().filter(|_| known).ok_or_else(|| {
        let words = format!("`--method` takes {}, got `{word}`", name::one_of(&METHODS));
        Failure::usage(Code::Usage, words)
    })
}
