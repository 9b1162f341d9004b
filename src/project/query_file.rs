//! Query file → [`Query`].

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Entry, Fields, Node};
use crate::core::name;
use crate::core::secret::is_secret_name;
use crate::core::source::{SourceFile, Text};
use crate::http::Method;
use crate::project::paginate::{not_yet_at, read as read_paginate};
use crate::project::query::{
    Body, Column, ColumnSource, Limit, MultipartField, Query, SortBy, SortKey, StatusMeaning, Take,
    Unique,
};
use crate::project::resource_file::headers;
use crate::project::template::{
    Names, ValueTemplate, expression, scalar_template, selector, template,
};
use crate::project::{literal, var_declaration};
use crate::template::{Piece, Template};

const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/// Keys that have a meaning which this version does not know.
const NOT_YET: [&str; 6] = ["for_each", "poll", "cache", "data", "sql", "report"];

/// What the files around it offer.
pub struct Surroundings<'p> {
    /// The resources' names.
    pub resources: Vec<&'p str>,
    /// Resource files that could not be understood: a missing name may stand in one of them.
    pub broken_resources: Vec<&'p str>,
    /// The formats' names.
    pub formats: &'p [&'static str],
}

/// Reads a query file. What is wrong goes into `faults`.
pub fn read(
    node: &Node,
    source: &Arc<SourceFile>,
    stem: &str,
    folder: Option<&str>,
    around: &Surroundings<'_>,
    faults: &mut Diagnostics,
) -> Option<Query> {
    if !matches!(node.content, Content::Map(_)) {
        faults.push(node.mismatch("a query file", "a mapping"));
        return None;
    }
    let before = faults.len();
    literal::check(node, faults);
    let name = super::file_name(node, stem, faults);
    let mut fields = node.fields("a query file", faults);
    fields.get("name");
    let mut is_later = false;
    for key in NOT_YET {
        if let Some(entry) = fields.entry(key) {
            is_later = true;
            faults.push(not_yet_at(&entry.key_place, key));
        }
    }
    let own_folder = text(&mut fields, "folder", faults);
    let description = text(&mut fields, "description", faults);
    let vars = var_declaration::read(fields.get("vars"), faults);
    // A var that is itself wrong is still declared: one fault is enough.
    let declared: Vec<&str> = node
        .get("vars")
        .map_or(&[][..], |vars| match &vars.content {
            Content::Map(entries) => entries,
            _ => &[],
        })
        .iter()
        .map(|entry| entry.key.as_str())
        .collect();
    let names = Names::outside().with_all(declared);

    let resource = fields
        .get("resource")
        .and_then(|node| resource(node, around, faults));
    let has_resource = fields.entry("resource").is_some();
    let method = fields
        .get("method")
        .and_then(|node| node.one_of("method", &METHODS, faults))
        .map_or(Some(Method::GET), |word| word.parse().ok())?;
    let endpoint_node = fields.get("endpoint");
    let endpoint = endpoint_node.and_then(|node| endpoint(node, &names, faults));
    let params = params(fields.get("params"), &names, faults);
    let headers = headers(fields.get("headers"), &names, faults);
    let body_entry = fields.entry("body").filter(|entry| !entry.value.is_null());
    let body = body_entry.and_then(|entry| body(entry, &method, &names, faults));
    let paginate = fields
        .get("paginate")
        .and_then(|node| read_paginate(node, faults));
    let rows = fields
        .get("rows")
        .and_then(|node| node.text("rows", faults))
        .and_then(|text| selector(&text, faults));
    let of_row = names.with_all(["row", "response"]);
    let extract = extract(fields.get("extract"), &of_row, faults);
    let columns: Vec<&str> = extract.iter().map(|column| column.name.as_str()).collect();
    let of_record = of_row.with_all(columns.iter().copied());
    let keep = fields
        .get("where")
        .and_then(|node| expression(node, "where", &of_record, faults));
    let stop_when = fields
        .get("stop_when")
        .and_then(|node| expression(node, "stop_when", &of_record, faults));
    let sort = sort(fields.get("sort"), &columns, &of_record, faults);
    let limit = fields
        .get("limit")
        .and_then(|node| limit(node, &names, faults));
    let unique = fields
        .get("unique")
        .and_then(|node| unique(node, &columns, faults));
    let of_result = names.with_all(["rows", "row", "response"]);
    let expect = fields.get("expect").map_or_else(Vec::new, |node| {
        node.items()
            .into_iter()
            .filter_map(|item| expression(item, "expect", &of_result, faults))
            .collect()
    });
    let on_status = on_status(fields.get("on_status"), faults);
    let confirm =
        text(&mut fields, "confirm", faults).and_then(|text| template(&text, &names, faults));
    let output = fields
        .get("output")
        .and_then(|node| node.one_of("output", around.formats, faults))
        .and_then(|word| around.formats.iter().find(|known| **known == word).copied());
    fields.finish(faults);

    if endpoint_node.is_none() && !is_later {
        faults.push(
            Diagnostic::at(&start(node), "missing-key", "the query has no `endpoint`")
                .help("add for example `endpoint: /me`"),
        );
    }
    if endpoint_node.is_some() && !has_resource {
        faults.push(
            Diagnostic::at(&start(node), "missing-key", "the query has no `resource`").maybe_help(
                (!around.resources.is_empty())
                    .then(|| format!("name one of {}", name::one_of(&around.resources))),
            ),
        );
    }
    if faults.len() > before {
        return None;
    }
    Some(Query {
        name,
        folder: own_folder
            .map(|text| text.value.to_string())
            .or_else(|| folder.map(str::to_owned)),
        description: description.map(|text| text.value.to_string()),
        source: Arc::clone(source),
        resource: resource?,
        vars,
        method,
        endpoint: endpoint?,
        params,
        headers,
        body,
        paginate,
        rows,
        extract,
        keep,
        stop_when,
        sort,
        limit,
        unique,
        expect,
        on_status,
        confirm,
        output,
    })
}

fn start(node: &Node) -> crate::core::source::Place {
    crate::core::source::Place {
        file: Arc::clone(&node.place.file),
        span: crate::core::source::Span::default(),
    }
}

fn text(fields: &mut Fields<'_>, key: &'static str, faults: &mut Diagnostics) -> Option<Text> {
    fields.get(key).and_then(|node| node.text(key, faults))
}

fn resource(node: &Node, around: &Surroundings<'_>, faults: &mut Diagnostics) -> Option<Text> {
    let text = node.text("resource", faults)?;
    if around.resources.contains(&&*text.value) {
        return Some(text);
    }
    let diagnostic = Diagnostic::at(
        &node.place,
        "unknown-resource",
        format!("there is no resource `{}`", text.value),
    );
    faults.push(if let Some(file) = around.broken_resources.first() {
        diagnostic.help(format!(
            "it may be the one of `{file}`, which cannot be read"
        ))
    } else if around.resources.is_empty() {
        diagnostic.help("the project has none: add `resources/circleci.yaml`")
    } else {
        diagnostic.maybe_help(name::hint(&text.value, around.resources.iter().copied()))
    });
    None
}

fn endpoint(node: &Node, names: &Names, faults: &mut Diagnostics) -> Option<Template> {
    let text = node.text("endpoint", faults)?;
    let trimmed = text.value.trim();
    let text = Text::new(trimmed, &text.place);
    let template = template(&text, names, faults)?;
    let Some(pieces) = template.pieces() else {
        faults.push(
            Diagnostic::at(
                &node.place,
                "endpoint",
                "an endpoint has no statements, only `{{ … }}`",
            )
            .help("write `{{ a if b else c }}`, or put optional parts under `params`"),
        );
        return None;
    };
    let literal: String = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Raw(raw) => raw.as_str(),
            Piece::Hole(_) => "x",
        })
        .collect();
    let path = literal.split('?').next().unwrap_or_default();
    let problem =
        if literal.contains("://") && !literal.starts_with('/') || literal.starts_with("//") {
            Some("an endpoint is relative to the resource's `base_url`, and never another host")
        } else if literal.contains('#') {
            Some("an endpoint has no `#`: a fragment is never sent")
        } else if literal.contains('\\') {
            Some("an endpoint has no `\\`")
        } else if literal.chars().any(char::is_control) {
            Some("an endpoint is one line")
        } else if path.split('/').any(is_dot_segment) {
            Some("an endpoint has no `.` or `..` segment, which would change the route")
        } else {
            None
        };
    if let Some(words) = problem {
        faults.push(Diagnostic::at(&node.place, "endpoint", words));
        return None;
    }
    Some(template)
}

/// `.` or `..`, also percent-encoded: URL parsers resolve both.
fn is_dot_segment(segment: &str) -> bool {
    let plain = segment.to_ascii_lowercase().replace("%2e", ".");
    plain == "." || plain == ".."
}

fn params(
    node: Option<&Node>,
    names: &Names,
    faults: &mut Diagnostics,
) -> Vec<(String, Option<ValueTemplate>)> {
    let Some(node) = node else { return Vec::new() };
    let mut params = Vec::new();
    for entry in node.entries("params", faults) {
        if entry.value.is_null() {
            params.push((entry.key.clone(), None));
            continue;
        }
        if !is_flat(&entry.value) {
            faults.push(
                entry
                    .value
                    .mismatch(&entry.key, "a value or a list of values"),
            );
            continue;
        }
        if let Some(value) = ValueTemplate::read(&entry.value, names, faults) {
            let is_constant = value.templates().iter().all(|part| part.is_constant());
            if is_constant && is_secret_name(&entry.key) && entry.key != "page-token" {
                faults.push(literal::literal(&entry.value));
            }
            params.push((entry.key.clone(), Some(value)));
        }
    }
    params
}

fn is_flat(node: &Node) -> bool {
    match &node.content {
        Content::Map(_) => false,
        Content::List(items) => items
            .iter()
            .all(|item| !matches!(item.content, Content::Map(_) | Content::List(_))),
        _ => true,
    }
}

fn body(entry: &Entry, method: &Method, names: &Names, faults: &mut Diagnostics) -> Option<Body> {
    const FORMS: [&str; 5] = ["json", "form", "multipart", "text", "file"];
    if matches!(*method, Method::GET | Method::HEAD) {
        faults.push(
            Diagnostic::at(
                &entry.key_place,
                "body",
                format!("a {method} has no body (RFC 9110, section 9.3.1)"),
            )
            .help("set `method: POST`, or send the values as `params`"),
        );
        return None;
    }
    let expected = format!("one of {}", name::one_of(&FORMS));
    let form = match &entry.value.content {
        Content::Map(entries) if entries.len() == 1 => &entries[0],
        _ => {
            faults.push(
                entry
                    .value
                    .mismatch("body", &expected)
                    .help("write `body: { json: { … } }`"),
            );
            return None;
        }
    };
    let value = &form.value;
    match form.key.as_str() {
        "json" => ValueTemplate::read(value, names, faults).map(Body::Json),
        "form" => {
            let mut fields = Vec::new();
            for field in value.entries("form", faults) {
                if is_flat(&field.value) {
                    let value = ValueTemplate::read(&field.value, names, faults)?;
                    fields.push((field.key.clone(), value));
                } else {
                    let fault = field
                        .value
                        .mismatch(&field.key, "a value or a list of values");
                    faults.push(fault);
                }
            }
            Some(Body::Form(fields))
        }
        "multipart" => {
            let mut fields = Vec::new();
            for field in value.entries("multipart", faults) {
                let read = multipart_field(&field.value, names, faults)?;
                fields.push((field.key.clone(), read));
            }
            Some(Body::Multipart(fields))
        }
        "text" => scalar_template(value, "text", names, faults).map(Body::Text),
        "file" => {
            let path = value.text("file", faults)?;
            template(&path, names, faults).map(Body::File)
        }
        other => {
            let words = format!("there is no form of `body` called `{other}`");
            faults.push(
                Diagnostic::at(&form.key_place, "unknown-key", words)
                    .maybe_help(name::hint(other, FORMS)),
            );
            None
        }
    }
}

fn multipart_field(node: &Node, names: &Names, faults: &mut Diagnostics) -> Option<MultipartField> {
    if !matches!(node.content, Content::Map(_)) {
        if !is_flat(node) {
            faults.push(node.mismatch("multipart", "a value, or `{file: …}`"));
            return None;
        }
        return ValueTemplate::read(node, names, faults).map(MultipartField::Value);
    }
    let mut fields = node.fields("multipart", faults);
    let mut part = |key: &'static str, faults: &mut Diagnostics| {
        fields
            .get(key)
            .and_then(|node| node.text(key, faults))
            .and_then(|text| template(&text, names, faults))
    };
    let path = part("file", faults);
    let file_name = part("file_name", faults);
    let content_type = part("content_type", faults);
    fields.finish(faults);
    if node.get("file").is_none() {
        let words = "a field that is a mapping needs `file`";
        faults.push(Diagnostic::at(&node.place, "missing-key", words));
    }
    Some(MultipartField::File {
        path: path?,
        file_name,
        content_type,
    })
}

fn extract(node: Option<&Node>, of_row: &Names, faults: &mut Diagnostics) -> Vec<Column> {
    let Some(node) = node else { return Vec::new() };
    let mut columns: Vec<Column> = Vec::new();
    for entry in node.entries("extract", faults) {
        let names = of_row.with_all(columns.iter().map(|column| column.name.as_str()));
        columns.extend(column(entry, &names, faults));
    }
    columns
}

fn column(entry: &Entry, names: &Names, faults: &mut Diagnostics) -> Option<Column> {
    let mut column = Column {
        name: entry.key.clone(),
        place: entry.value.place.clone(),
        source: ColumnSource::Template(Template::parse(&Text::new("", &entry.key_place)).ok()?),
        default: None,
        required: false,
    };
    let Content::Map(_) = &entry.value.content else {
        column.source = column_source(&entry.key, &entry.value, None, names, faults)?;
        return Some(column);
    };
    let mut fields = entry.value.fields(&entry.key, faults);
    let path = fields.get("path");
    let words: Vec<&str> = Take::ALL.iter().map(|(word, _)| *word).collect();
    let take = fields
        .get("take")
        .and_then(|node| node.one_of("take", &words, faults))
        .and_then(|word| Take::ALL.iter().find(|(known, _)| *known == word))
        .map(|(_, take)| *take);
    column.default = fields.get("default").map(Node::to_json);
    column.required = fields
        .get("required")
        .and_then(|node| node.boolean("required", faults))
        .unwrap_or(false);
    fields.finish(faults);
    let Some(path) = path else {
        let words = format!("the column `{}` has no `path`", entry.key);
        faults.push(Diagnostic::at(&entry.value.place, "missing-key", words));
        return None;
    };
    column.source = column_source("path", path, take, names, faults)?;
    Some(column)
}

fn column_source(
    key: &str,
    node: &Node,
    take: Option<Take>,
    names: &Names,
    faults: &mut Diagnostics,
) -> Option<ColumnSource> {
    let Some(text) = node.as_text() else {
        faults.push(node.mismatch(key, "a JSONPath such as `$.id`, or a template"));
        return None;
    };
    if text.value.trim_start().starts_with('$') {
        let selector = selector(&text, faults)?;
        let take = take.unwrap_or(if selector.is_singular() {
            Take::First
        } else {
            Take::All
        });
        return Some(ColumnSource::Path { selector, take });
    }
    if text.value.contains("{{") || text.value.contains("{%") {
        if take.is_some() {
            let words = "`take` belongs to a JSONPath, and this is a template";
            faults.push(Diagnostic::at(&node.place, "take", words));
        }
        return template(&text, names, faults).map(ColumnSource::Template);
    }
    let bare = text.value.trim_start_matches('.');
    faults.push(
        node.mismatch(
            key,
            "a JSONPath, which starts with `$`, or a template with `{{ … }}`",
        )
        .help(format!("write `$.{bare}`")),
    );
    None
}

fn sort(
    node: Option<&Node>,
    columns: &[&str],
    names: &Names,
    faults: &mut Diagnostics,
) -> Vec<SortKey> {
    let Some(node) = node else { return Vec::new() };
    let mut keys = Vec::new();
    for item in node.items() {
        let Some(text) = item.text("sort", faults) else {
            continue;
        };
        let (descending, by) = match text.value.trim().strip_prefix('-') {
            Some(rest) => (true, rest.trim()),
            None => (false, text.value.trim()),
        };
        if columns.contains(&by) || (columns.is_empty() && name::is_identifier(by)) {
            let by = SortBy::Column(by.to_owned());
            keys.push(SortKey { by, descending });
            continue;
        }
        if name::is_identifier(by) {
            faults.push(
                Diagnostic::at(
                    &item.place,
                    "unknown-column",
                    format!("there is no column `{by}` to sort by"),
                )
                .maybe_help(name::hint(by, columns.iter().copied())),
            );
            continue;
        }
        let inner = Node {
            place: item.place.clone(),
            content: Content::Text(by.to_owned()),
        };
        if let Some(expression) = expression(&inner, "sort", names, faults) {
            let by = SortBy::Expression(expression);
            keys.push(SortKey { by, descending });
        }
    }
    keys
}

fn limit(node: &Node, names: &Names, faults: &mut Diagnostics) -> Option<Limit> {
    match &node.content {
        Content::Text(text) if text.contains("{{") => {
            let text = Text::new(text.as_str(), &node.place);
            template(&text, names, faults).map(Limit::Template)
        }
        _ => node
            .integer("limit", 1..=u64::MAX, faults)
            .map(Limit::Number),
    }
}

fn unique(node: &Node, columns: &[&str], faults: &mut Diagnostics) -> Option<Unique> {
    match &node.content {
        Content::Bool(true) => return Some(Unique::Record),
        Content::Bool(false) => return None,
        _ => {}
    }
    let mut names = Vec::new();
    for item in node.items() {
        let text = item.text("unique", faults)?;
        if !columns.is_empty() && !columns.contains(&&*text.value) {
            faults.push(
                Diagnostic::at(
                    &item.place,
                    "unknown-column",
                    format!("there is no column `{}`", text.value),
                )
                .maybe_help(name::hint(&text.value, columns.iter().copied())),
            );
        }
        names.push(text.value.to_string());
    }
    Some(Unique::Columns(names))
}

fn on_status(node: Option<&Node>, faults: &mut Diagnostics) -> BTreeMap<u16, StatusMeaning> {
    let mut meanings = BTreeMap::new();
    let Some(node) = node else { return meanings };
    let words: Vec<&str> = StatusMeaning::ALL.iter().map(|(word, _)| *word).collect();
    for entry in node.entries("on_status", faults) {
        let status = entry.key.parse::<u16>().ok();
        let Some(status) = status.filter(|status| (100..=599).contains(status)) else {
            faults.push(Diagnostic::at(
                &entry.key_place,
                "on-status",
                format!("`{}` is not a status code from 100 to 599", entry.key),
            ));
            continue;
        };
        let meaning = entry
            .value
            .one_of(&entry.key, &words, faults)
            .and_then(|word| StatusMeaning::ALL.iter().find(|(known, _)| *known == word));
        if let Some((_, meaning)) = meaning {
            meanings.insert(status, *meaning);
        }
    }
    meanings
}
