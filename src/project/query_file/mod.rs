//! Reads a query file into a [`Query`].

mod cache;
mod content;
mod data;
mod for_each;
mod graphql;
mod paging;
mod poll;
mod request;
mod result;
mod safe;
mod url;
mod writing;

use std::sync::Arc;

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Fields, Node};
use crate::core::name;
use crate::core::source::{SourceFile, Text};
use crate::format::CsvOptions;
use crate::http::is_safe_method;
use crate::paginate::Pagination;
use crate::project::query::{Ask, Call, Query};
use crate::project::settings::Settings;
use crate::project::template::{Names, template};
use crate::project::{grammar, literal, requirement, retry, var_declaration};
use crate::resource::Speak;
use crate::template::{Files, Template};

pub use data::statement;
pub use for_each::{FindQuery, writing_feed};

/// The members of `run`.
pub const RUN: [&str; 4] = ["started", "requests", "failures", "partial"];

/// The context from other files.
pub struct Surroundings<'p> {
    /// The names of the resources.
    pub resources: Vec<&'p str>,
    /// The resource files that could not be read: a missing name may be defined in one of them.
    pub broken_resources: Vec<&'p str>,
    /// Returns the kinds of API of a resource, one for each of its environments.
    pub kinds: &'p dyn Fn(&str) -> Vec<&'static dyn Speak>,
    /// The names of the formats.
    pub formats: &'p [&'static str],
    /// Finds a query that this one depends on.
    pub find: FindQuery<'p>,
    /// Reads a file of the project.
    pub files: Files,
    /// Returns the path of a template from the project's folder; without a name, that of the query
    /// itself.
    pub file_path: &'p dyn Fn(Option<&str>) -> String,
    /// The shared settings of the project.
    pub settings: &'p Settings,
}

/// Reads a query file. Faults are added to `faults`.
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
    let mut fields = node.fields_of("a query file", grammar::QUERY, faults);
    fields.get("name");
    let own_folder = text(&mut fields, "folder", faults);
    let description = text(&mut fields, "description", faults);
    let vars_node = fields.get("vars");
    let mut vars = var_declaration::read(vars_node, faults);
    around.settings.complete(&mut vars, &name, faults);
    let names = names_of_query(vars_node);
    let require = requirement::read(fields.get("require"), "require", &names, faults);

    let resource_node = fields.get("resource");
    let resource = resource_node.and_then(|node| resource(node, around, faults));
    let (for_each, of_item) =
        for_each::read(fields.get("for_each"), &vars, &names, around.find, faults);
    let data_node = fields.get("data");
    let data = data::data(data_node, &vars, &names, around, faults);
    let data_names = data_names(data_node);
    let of_query = with_data(&names, &data_names);
    let of_request = with_data(&of_item, &data_names);
    let request = request::read(&mut fields, &of_request, around, faults);
    let kinds = kinds(resource.as_ref(), around);
    let is_safe = safe::read(fields.get("safe"), &request, &kinds, faults);
    let paginate = fields.get("paginate");
    let paginate = paginate.and_then(|node| Pagination::check(node, faults));
    let decode_node = fields.get("decode");
    let decode = decode_node.and_then(|node| content::decode(node, faults));
    let download_node = fields.get("download");
    let download = download_node.and_then(|node| content::download(node, &of_request, faults));
    content::refuse_beside(node, download_node.is_some(), decode.is_some(), faults);
    let statement = text(&mut fields, "sql", faults)
        .and_then(|text| data::statement(text, &data, &data_names, Vec::new(), &vars, faults));
    let result = result::read(&mut fields, &of_query, &of_item, faults);
    paging::check(node, paginate.as_ref(), result.rows.as_ref(), faults);
    graphql::check(node, request.body.as_ref(), paginate.as_ref(), faults);
    let writes = request.method.as_ref().filter(|_| !is_safe);
    let polls = poll::Asks {
        of_record: &result.with_columns(&of_request),
        of_request: &of_request,
        writes,
    };
    let poll_entry = fields.entry("poll").filter(|entry| !entry.value.is_null());
    let poll = poll_entry.and_then(|entry| poll::read(entry, &polls, faults));
    writing::refuse_choices(node, writes.is_some(), faults);
    let retry = retry::of_query(fields.get("retry"), writes.is_some(), faults);
    let keeps = cache::Asks {
        writes,
        is_search: is_safe && !request.method.as_ref().is_none_or(is_safe_method),
        polls: poll_entry.is_some(),
        tells_finality: kinds.iter().all(|kind| kind.finality().is_some()),
    };
    let cache = fields.entry("cache");
    let cache = cache.and_then(|entry| cache::read(entry, &keeps, faults));
    let confirm = question(&mut fields, &names, !for_each.is_empty(), faults);
    let (output, csv) = looks(&mut fields, around, faults);
    let of_report = report_names(&of_query);
    let report = fields.get("report");
    let report = report.and_then(|node| data::report(node, &of_report, around, faults));
    fields.finish(faults);
    refuse_beside(node, request.has_address, faults);
    require_endpoint(node, request.has_address, around, faults);
    if faults.len() > before {
        return None;
    }
    let ask = match (request.address, statement) {
        (Some(address), _) => Ask::Request(Box::new(Call {
            resource: resource?,
            for_each,
            method: request.method?,
            is_safe,
            address,
            params: request.params,
            headers: request.headers,
            body: request.body,
            poll,
            retry,
            cache,
            paginate,
            decode,
            download,
            rows: result.rows,
            on_status: result.on_status,
            confirm,
        })),
        (None, Some(statement)) => Ask::Statement(statement),
        (None, None) => Ask::Nothing,
    };
    Some(Query {
        name,
        folder: plain(own_folder).or_else(|| folder.map(str::to_owned)),
        description: plain(description),
        source: Arc::clone(source),
        vars,
        require,
        data,
        ask,
        shape: result.shape,
        report,
        output,
        csv,
    })
}

fn plain(text: Option<Text>) -> Option<String> {
    text.map(|text| text.value.to_string())
}

/// Returns the names available to every template of a query. A var with a fault still counts as
/// declared, so that it is only reported once.
fn names_of_query(vars: Option<&Node>) -> Names {
    Names::outside().with_vars(vars.map_or_else(Vec::new, Node::keys))
}

/// Adds `data`, unless it is empty.
fn with_data(names: &Names, members: &[String]) -> Names {
    if members.is_empty() {
        return names.clone();
    }
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    names.with_members("data", &members)
}

/// Reads the confirmation prompt; that of a walk sees all items.
fn question(
    fields: &mut Fields<'_>,
    names: &Names,
    has_items: bool,
    faults: &mut Diagnostics,
) -> Option<Template> {
    let text = text(fields, "confirm", faults)?;
    if has_items {
        template(&text, &names.with("items"), faults)
    } else {
        template(&text, names, faults)
    }
}

/// Returns the kinds of API that its requests may go to.
fn kinds(resource: Option<&Text>, around: &Surroundings<'_>) -> Vec<&'static dyn Speak> {
    resource.map_or_else(Vec::new, |name| (around.kinds)(&name.value))
}

/// Reads the default format and the CSV options.
fn looks(
    fields: &mut Fields<'_>,
    around: &Surroundings<'_>,
    faults: &mut Diagnostics,
) -> (Option<&'static str>, CsvOptions) {
    (output(fields, around, faults), csv(fields, faults))
}

fn output(
    fields: &mut Fields<'_>,
    around: &Surroundings<'_>,
    faults: &mut Diagnostics,
) -> Option<&'static str> {
    let node = fields.get("output")?;
    let word = node.one_of("output", around.formats, faults)?;
    around.formats.iter().find(|known| **known == word).copied()
}

/// Returns true if it has a replacement for an endpoint.
fn has_other_way(node: &Node) -> bool {
    node.get("sql").or_else(|| node.get("report")).is_some()
}

fn csv(fields: &mut Fields<'_>, faults: &mut Diagnostics) -> CsvOptions {
    let Some(node) = fields.get("csv") else {
        return CsvOptions::default();
    };
    let mut fields = node.fields("csv", faults);
    let bom = fields
        .get("bom")
        .and_then(|node| node.boolean("bom", faults));
    let separator = fields.get("separator").and_then(|node| {
        let text = node.text("separator", faults)?;
        let separator = CsvOptions::separator_of(&text.value);
        if separator.is_none() {
            let expected = "one character such as `;`, not a letter, digit or quote";
            faults.push(node.mismatch("separator", expected));
        }
        separator
    });
    let formulas = fields
        .get("formulas")
        .and_then(|node| node.one_of("formulas", &["keep", "escape"], faults));
    fields.finish(faults);
    CsvOptions {
        bom,
        separator,
        escapes_formulas: formulas.map(|word| word == "escape"),
    }
}

/// Requires an endpoint or what stands in its place, and a resource with it.
fn require_endpoint(
    node: &Node,
    has_endpoint: bool,
    around: &Surroundings<'_>,
    faults: &mut Diagnostics,
) {
    if !has_endpoint && !has_other_way(node) {
        let (words, help) = if node.get("data").is_none() {
            (
                "the query has no `endpoint`",
                "add one, for example `endpoint: /me`",
            )
        } else {
            (
                "the query has `data` but does not use it",
                "add `sql`, `report` or an `endpoint`",
            )
        };
        faults.push(Diagnostic::at(&super::start(node), Code::MissingKey, words).help(help));
    }
    let has_resource = node.get("resource").is_some_and(|name| !name.is_null());
    if has_endpoint && !has_resource {
        let words = "the query has no `resource`";
        let known = &around.resources;
        let hint = (!known.is_empty()).then(|| format!("use one of {}", name::one_of(known)));
        faults.push(Diagnostic::at(&super::start(node), Code::MissingKey, words).maybe_help(hint));
    }
}

/// Refuses keys that have no effect beside `sql`, or without a request.
fn refuse_beside(node: &Node, has_endpoint: bool, faults: &mut Diagnostics) {
    const OF_REQUESTS: [&str; 15] = [
        "decode",
        "download",
        "retry",
        "cache",
        "method",
        "safe",
        "params",
        "headers",
        "body",
        "paginate",
        "for_each",
        "poll",
        "on_status",
        "confirm",
        "rows",
    ];
    let has_sql = node.get("sql").is_some();
    if has_sql && has_endpoint {
        let words = "a query has either an `endpoint` or `sql`";
        let place = node.get("sql").map_or(&node.place, |sql| &sql.place);
        faults.push(
            Diagnostic::at(place, Code::Sql, words)
                .help("move the request to its own query, and add that under `data`"),
        );
        return;
    }
    if has_endpoint || !has_other_way(node) {
        return;
    }
    for key in OF_REQUESTS {
        if let Some(value) = node.get(key).filter(|value| !value.is_null()) {
            let words = format!("`{key}` is for requests, and the query has no `endpoint`");
            faults.push(Diagnostic::at(&value.place, Code::NoRequest, words));
        }
    }
}

/// Returns the names under `data`. An entry with a fault still counts, so that it is only reported
/// once.
fn data_names(node: Option<&Node>) -> Vec<String> {
    let mut names = keys(node);
    names.retain(|name| name::is_identifier(name));
    names
}

fn keys(node: Option<&Node>) -> Vec<String> {
    let names = node.map_or_else(Vec::new, Node::keys);
    names.into_iter().map(str::to_owned).collect()
}

/// Returns the names available to a report.
fn report_names(names: &Names) -> Names {
    let own = |list: &[&str]| Some(list.iter().map(|name| (*name).to_owned()).collect());
    names
        .with("rows")
        .with_record("previous", None)
        .with_record("query", own(&["name", "folder", "description"]))
        .with_record("run", own(&RUN))
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
        Code::UnknownResource,
        format!("no resource `{}`", text.value),
    );
    faults.push(if let Some(file) = around.broken_resources.first() {
        diagnostic.help(format!(
            "it may be defined in `{file}`, which cannot be read"
        ))
    } else if around.resources.is_empty() {
        diagnostic.help("the project has no resources: add `resources/circleci.yaml`")
    } else {
        diagnostic.maybe_help(name::hint(&text.value, around.resources.iter().copied()))
    });
    None
}
