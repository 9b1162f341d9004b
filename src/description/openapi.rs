//! Reads OpenAPI documents, versions 3.0 and 3.1.
//!
//! An operation is converted when it is asked for, and a named schema once, so that a document of
//! 10 MB costs little more than its parsing.

mod convert;
mod id;
mod reference;
mod server;

use std::cell::RefCell;
use std::collections::BTreeMap;

use serde_json::Value;

use self::id::Ids;
use self::reference::At;
use self::server::Server;
use crate::description::Entry;
use crate::description::operation::{BodyKind, Operation, Parameter, ParameterPlace, RequestBody};
use crate::description::schema::Schema;

pub use self::id::derived_id;

/// The methods of a path item.
const METHODS: [&str; 7] = ["get", "head", "post", "put", "patch", "delete", "options"];

/// Header fields that are no parameters: content and credentials set them, or the connection.
const SET_ELSEWHERE: [&str; 11] = [
    "accept",
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "content-type",
    "host",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The maximum number of operations.
const MOST_OPERATIONS: usize = 20_000;

/// The longest description that is kept, in characters.
const LONGEST_DESCRIPTION: usize = 100;

/// An OpenAPI document.
pub struct OpenApi {
    /// The document and the files that it refers to, by their paths relative to it.
    documents: Vec<(String, Value)>,
    /// Converted schemas by file and pointer; `None` while one is being converted.
    schemas: RefCell<BTreeMap<(usize, String), Option<Schema>>>,
    listed: Vec<Listed>,
    /// The part of the paths that the base URL lacks.
    prefix: String,
    ids: Ids,
}

/// An operation of the document.
struct Listed {
    entry: Entry,
    /// The path in the document.
    path: String,
}

impl OpenApi {
    /// Reads a document. `base_path` is the path of the URL to which endpoints are appended; if it is
    /// not known, it is that of the document's server. `read_file` reads a file that the document
    /// refers to, by its path relative to it.
    ///
    /// # Errors
    ///
    /// A message, if it is not an OpenAPI document of version 3, or a file cannot be read.
    pub fn read(
        root: Value,
        base_path: Option<&str>,
        read_file: &mut dyn FnMut(&str) -> Result<Value, String>,
    ) -> Result<Self, String> {
        check_version(&root)?;
        let mut document = Self {
            documents: reference::with_files(root, read_file)?,
            schemas: RefCell::default(),
            listed: Vec::new(),
            prefix: String::new(),
            ids: Ids::default(),
        };
        document.list(base_path)?;
        Ok(document)
    }

    /// Returns the operations, in the order of the document.
    pub fn entries(&self) -> Vec<Entry> {
        self.listed.iter().map(|one| one.entry.clone()).collect()
    }

    /// Returns the index of an operation by its route as the document writes it: `GET /pets`.
    pub fn index_of(&self, route: &str) -> Option<usize> {
        self.listed.iter().position(|one| {
            route
                .strip_prefix(&one.entry.method)
                .and_then(|rest| rest.strip_prefix(' '))
                == Some(&one.path)
        })
    }

    /// Returns the part of the paths that the base URL lacks.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// Makes an id unique among those of the document.
    pub fn unique_id(&mut self, id: &str) -> String {
        self.ids.unique(&id::plain(id))
    }

    fn root(&self) -> At<'_> {
        At {
            document: 0,
            value: &self.documents[0].1,
        }
    }

    fn list(&mut self, base_path: Option<&str>) -> Result<(), String> {
        let Some(Value::Object(paths)) = self.root().value.get("paths") else {
            return Err("it has no `paths`".to_owned());
        };
        let of_document = Server::first(self.root().get("servers")).unwrap_or_default();
        let prefix =
            |server: &Server| base_path.map_or_else(String::new, |base| server.prefix(base));
        let mut ids = Ids::default();
        let mut listed = Vec::new();
        for path in paths.keys().filter(|path| !path.starts_with("x-")) {
            if !path.starts_with('/') {
                return Err(format!("its path `{path}` does not begin with `/`"));
            }
            let item = self.resolve(self.root().get("paths").get(path));
            for method in METHODS {
                let operation = item.get(method);
                if !operation.value.is_object() {
                    continue;
                }
                if listed.len() >= MOST_OPERATIONS {
                    return Err(format!("it has more than {MOST_OPERATIONS} operations"));
                }
                let servers = [operation.get("servers"), item.get("servers")];
                let own = servers.into_iter().find_map(Server::first);
                let server = own.as_ref().unwrap_or(&of_document);
                // A request to another host would be another resource's.
                if !server.is_at(&of_document) {
                    continue;
                }
                let path_below = format!("{}{path}", prefix(server));
                listed.push(Listed {
                    entry: entry(method, path_below, path, operation, &mut ids),
                    path: path.clone(),
                });
            }
        }
        self.prefix = prefix(&of_document);
        self.listed = listed;
        self.ids = ids;
        Ok(())
    }

    /// Converts an operation.
    pub fn operation(&self, index: usize) -> Operation {
        let Listed { entry, path } = &self.listed[index];
        let item = self.resolve(self.root().get("paths").get(path));
        let operation = item.get(&entry.method.to_lowercase());
        let deprecated = operation.get("deprecated").value == &Value::Bool(true);
        Operation {
            method: entry.method.clone(),
            path: entry.path.clone(),
            id: entry.id.clone(),
            tag: entry.tag.clone(),
            summary: entry.summary.clone(),
            deprecated: deprecated.then(String::new),
            is_safe: matches!(entry.method.as_str(), "GET" | "HEAD" | "OPTIONS"),
            has_loose_keys: false,
            paginate: None,
            decode: None,
            secrets: Vec::new(),
            parameters: self.parameters(item, operation),
            body: self.body(operation),
            answer: self.answer(operation),
        }
    }

    /// Returns the parameters of an operation and of its path, which the former replace.
    fn parameters(&self, item: At<'_>, operation: At<'_>) -> Vec<Parameter> {
        let mut parameters: Vec<Parameter> = Vec::new();
        let lists = [operation.get("parameters"), item.get("parameters")];
        for parameter in lists.iter().flat_map(|list| list.items()) {
            let Some(parameter) = self.parameter(self.resolve(parameter)) else {
                continue;
            };
            let is_known = parameters
                .iter()
                .any(|known| known.place == parameter.place && known.name == parameter.name);
            if !is_known {
                parameters.push(parameter);
            }
        }
        parameters
    }

    fn parameter(&self, at: At<'_>) -> Option<Parameter> {
        let place = match at.get("in").value.as_str()? {
            "path" => ParameterPlace::Path,
            "query" => ParameterPlace::Query,
            "header" => ParameterPlace::Header,
            _ => return None,
        };
        let name = at.get("name").value.as_str()?;
        let is_set_elsewhere = SET_ELSEWHERE
            .iter()
            .any(|known| name.eq_ignore_ascii_case(known));
        if name.is_empty() || place == ParameterPlace::Header && is_set_elsewhere {
            return None;
        }
        let declared = at.get("schema");
        let content = self.resolve(at.get("content").first());
        let schema = if declared.value.is_null() {
            content.get("schema")
        } else {
            declared
        };
        let resolved = self.resolve(schema);
        let value = |key: &str| {
            let own = at.get(key).value;
            let value = if own.is_null() {
                resolved.get(key).value
            } else {
                own
            };
            (!value.is_null()).then(|| value.clone())
        };
        let shape = self.schema(schema);
        let example = value("example").or_else(|| {
            let first = self.resolve(at.get("examples").first());
            let first = first.get("value").value;
            (!first.is_null()).then(|| first.clone())
        });
        Some(Parameter {
            place,
            name: name.into(),
            is_required: place == ParameterPlace::Path
                || at.get("required").value == &Value::Bool(true),
            schema: shape,
            description: at
                .get("description")
                .value
                .as_str()
                .and_then(sentence)
                .map(Into::into),
            default: value("default"),
            example,
        })
    }

    fn body(&self, operation: At<'_>) -> Option<RequestBody> {
        let body = self.resolve(operation.get("requestBody"));
        let content = body.get("content");
        let kinds = content.value.as_object()?.keys();
        let kind_of = |media: &str| match media.split(';').next().unwrap_or_default().trim() {
            "application/x-www-form-urlencoded" => BodyKind::Form,
            "multipart/form-data" => BodyKind::Multipart,
            media if is_json(media) => BodyKind::Json,
            _ => BodyKind::Other,
        };
        let mut kinds: Vec<(&String, BodyKind)> =
            kinds.map(|media| (media, kind_of(media))).collect();
        kinds.sort_by_key(|(_, kind)| *kind as u8);
        let (media, kind) = *kinds.first()?;
        let media = self.resolve(content.get(media));
        let example = media.get("example").value;
        Some(RequestBody {
            kind,
            is_required: body.get("required").value == &Value::Bool(true),
            schema: self.schema(media.get("schema")),
            example: (!example.is_null()).then(|| example.clone()),
        })
    }

    /// Returns the shape of the answers with a success status.
    fn answer(&self, operation: At<'_>) -> Option<Schema> {
        let responses = operation.get("responses");
        let statuses = responses.value.as_object()?.keys();
        let mut shapes = Vec::new();
        for status in statuses.filter(|status| status.starts_with('2')) {
            let response = self.resolve(responses.get(status));
            let content = response.get("content");
            let medias = content
                .value
                .as_object()
                .into_iter()
                .flat_map(|map| map.keys());
            let Some(json) = medias.into_iter().find(|media| is_json(media)) else {
                continue;
            };
            shapes.push(self.schema(self.resolve(content.get(json)).get("schema")));
        }
        (!shapes.is_empty()).then(|| Schema::union(shapes))
    }
}

fn check_version(root: &Value) -> Result<(), String> {
    let version = |key: &str| {
        root.get(key)
            .map(|value| value.to_string().replace('"', ""))
    };
    match version("openapi") {
        Some(version) if version.starts_with("3.0") || version.starts_with("3.1") => Ok(()),
        Some(version) => Err(format!(
            "OpenAPI {version} is not supported: 3.0 and 3.1 are"
        )),
        None => Err(match version("swagger") {
            Some(version) => {
                format!("it is a Swagger {version} document: convert it to OpenAPI 3.0 or 3.1")
            }
            None => "it is not an OpenAPI document: it has no `openapi: 3.…`".to_owned(),
        }),
    }
}

/// Returns true for `application/json` and types whose name ends in `+json`.
fn is_json(media: &str) -> bool {
    let media = media
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_lowercase();
    media == "application/json" || media.ends_with("+json") || media == "*/*"
}

/// Describes an operation before it is converted. `path` is that of the document.
fn entry(method: &str, path_below: String, path: &str, operation: At<'_>, ids: &mut Ids) -> Entry {
    let text = |key: &str| operation.get(key).value.as_str();
    let id = text("operationId")
        .map(id::plain)
        .filter(|id| !id.is_empty());
    let id = id.unwrap_or_else(|| derived_id(method, path));
    let tag = operation.get("tags").value.get(0).and_then(Value::as_str);
    let summary = [text("summary"), text("description")];
    Entry {
        method: method.to_uppercase(),
        path: path_below,
        id: ids.unique(&id),
        tag: tag.map(one_line).filter(|tag| !tag.is_empty()),
        summary: summary.into_iter().flatten().find_map(sentence),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Returns the first sentence of a text, without Markdown's backticks and a full stop.
fn sentence(text: &str) -> Option<String> {
    let text = one_line(text).replace('`', "");
    let end = text.find(". ").unwrap_or(text.len());
    let mut sentence = text[..end].trim_end_matches('.').to_owned();
    if sentence.chars().count() > LONGEST_DESCRIPTION {
        sentence = sentence.chars().take(LONGEST_DESCRIPTION).collect();
        let end = sentence.rfind(' ').unwrap_or(sentence.len());
        sentence.truncate(end);
        sentence.push('…');
    }
    (!sentence.is_empty()).then_some(sentence)
}

#[cfg(test)]
mod tests;
