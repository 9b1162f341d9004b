//! `runner show`: shows a query or a resource.

use std::collections::BTreeSet;
use std::rc::Rc;

use serde_json::{Map, Value, json};

use crate::cli::app::App;
use crate::cli::connect::World;
use crate::cli::describe::{
    body_source, cache_words, feed_words, keeping_json, keeping_words, retry_words, source_json,
    value_source, var_words,
};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::options::TextFormat;
use crate::cli::setup;
use crate::cli::shown_columns::ShownColumns;
use crate::core::text::{one_line, printable_lines};
use crate::core::time::format_duration;
use crate::http::retry::RetryChange;
use crate::plan::vars_to_give;
use crate::project::query::{Call, Items, Limit, Loop, Report, example_call};
use crate::project::requirement::Requirement;
use crate::project::{Project, Query, ResourceFile, Sent};
use crate::template::Template;

const EXAMPLES: &str = "\
Examples:
  runner show get-workflow
  runner show queries/get-workflow.yaml
  runner show circleci -o json";

/// Options of `show`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub struct ShowArgs {
    /// Query or resource, by name or path
    #[arg(value_name = "NAME")]
    pub name: String,

    /// Output format
    #[arg(short, long, value_enum, default_value_t, value_name = "FORMAT")]
    pub output: TextFormat,
}

/// Runs the verb.
///
/// # Errors
///
/// If there is nothing of that name, or its file is wrong.
pub fn run(args: &ShowArgs, app: &Rc<App>) -> Result<Exit, Stopped> {
    let is_path = setup::is_path(&args.name, app);
    let path = setup::resolved(&args.name, app);
    let project = if is_path {
        setup::project(&path, app)?
    } else {
        setup::project_here(app)?
    };
    let real = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone());
    let resource = project.resources().iter().find(|file| {
        if is_path {
            file.source.path() == real
        } else {
            file.name == args.name
        }
    });
    let query = if is_path {
        project.query_at(&path)
    } else {
        project.query_named(&args.name)
    };
    let text = match (query, resource) {
        (_, Some(file)) if is_path => {
            resource_text(&project, file, args.output == TextFormat::Json)?
        }
        (Ok(query), _) => {
            let facts = Facts {
                needed: vars_to_give(&query, &World::outside_of(app)),
                sends: project.sends(&query),
                shown: ShownColumns::of(&project, &query),
            };
            if args.output == TextFormat::Json {
                format!("{:#}\n", query_json(&query, &facts))
            } else {
                query_text(&query, &facts)
            }
        }
        (Err(_), Some(file)) => resource_text(&project, file, args.output == TextFormat::Json)?,
        (Err(faults), None) => return Err(Failure::from_diagnostics(faults).into()),
    };
    // The files may come from a stranger. The escapes are those of JSON.
    app.print(&printable_lines(&text))?;
    Ok(Exit::Done)
}

/// Facts about a query that are not in its file.
struct Facts {
    /// The vars that must be given.
    needed: Vec<String>,
    /// The variables that are sent.
    sends: BTreeSet<Sent>,
    /// The columns of its records.
    shown: ShownColumns,
}

fn query_text(query: &Query, facts: &Facts) -> String {
    let mut text = format!("{}\n", query.name);
    if let Some(description) = &query.description {
        text.push_str(&format!("  {}\n", description.trim().replace('\n', "\n  ")));
    }
    text.push_str(&format!("\nfile      {}\n", query.source.name()));
    if let Some(call) = query.call() {
        text.push_str(&format!("resource  {}\n", call.resource.value));
        text.push_str(&format!(
            "request   {} {}\n",
            call.method,
            call.address.source()
        ));
    }
    for sent in &facts.sends {
        let names: Vec<&str> = sent.variables.iter().map(String::as_str).collect();
        text.push_str(&format!(
            "sends     {} to {}\n",
            names.join(", "),
            sent.host
        ));
    }
    for feed in query.loops() {
        text.push_str(&format!("for each  {}\n", feed_words(feed)));
    }
    for data in &query.data {
        text.push_str(&format!("data      {} of {}\n", data.name, data.query.name));
    }
    if let Some(sql) = query.statement() {
        let source = sql.text.value.trim().replace('\n', "\n          ");
        text.push_str(&format!("sql       {source}\n"));
    }
    if let Some(keeping) = &query.keeping {
        text.push_str(&format!("store     {}\n", keeping_words(keeping)));
    }
    if let Some(report) = &query.report {
        let kinds: Vec<&str> = report_formats(report).collect();
        text.push_str(&format!("report    {}\n", kinds.join(", ")));
    }
    if let Some(call) = query.call() {
        text.push_str(&call_text(call));
    }
    if !query.vars.is_empty() {
        text.push_str("\nvars\n");
        let width = query.vars.iter().map(|var| var.name.len()).max();
        let width = width.unwrap_or(0);
        for var in &query.vars {
            text.push_str(&format!("  {:width$}  {}\n", var.name, var_words(var)));
            if let Some(description) = &var.description {
                text.push_str(&format!("  {:width$}  {}\n", "", description.trim()));
            }
        }
    }
    text.push_str(&require_text(&query.require));
    if let Some(rows) = query.rows() {
        text.push_str(&format!("\nrecords   {}\n", rows.source()));
    }
    text.push_str(&facts.shown.text(query));
    text.push_str(&format!(
        "\nexample\n  runner run {}\n",
        example_call(query, |var| facts.needed.contains(&var.name))
    ));
    text
}

/// Returns the formats of a report's documents.
fn report_formats(report: &Report) -> impl Iterator<Item = &str> {
    let documents = report.documents.iter();
    documents.map(|document| document.kind().format())
}

/// Describes a query's requests.
fn call_text(call: &Call) -> String {
    let mut text = String::new();
    for (name, value) in &call.params {
        let shown = value
            .as_ref()
            .map_or_else(|| "(not sent)".to_owned(), value_source);
        text.push_str(&format!("  param   {name} = {shown}\n"));
    }
    if let Some(body) = &call.body {
        let source = body_source(body).trim().replace('\n', "\n          ");
        text.push_str(&format!("  body    {source}\n"));
    }
    if let Some(poll) = &call.poll {
        if let Some(endpoint) = &poll.endpoint {
            text.push_str(&format!("  then    GET {}\n", endpoint.source()));
        }
        text.push_str(&format!("  until   {}\n", one_line(poll.until.source())));
    }
    if let Some(retry) = &call.retry {
        text.push_str(&format!("  retry   {}\n", retry_words(retry)));
    }
    if let Some(rule) = call.cache {
        text.push_str(&format!("  cache   {}\n", cache_words(rule)));
    }
    if !call.is_safe {
        text.push_str("  writes  asks first, or needs --yes\n");
    }
    if let Some(question) = &call.confirm {
        let source = question.source().trim().replace('\n', "\n          ");
        text.push_str(&format!("  asks    {source}\n"));
    }
    text
}

fn retry_json(retry: &RetryChange) -> Value {
    json!({
        "max_attempts": retry.max_attempts,
        "base_delay_seconds": retry.base_delay.map(|delay| delay.as_secs_f64()),
        "max_delay_seconds": retry.max_delay.map(|delay| delay.as_secs_f64()),
        "statuses": retry.statuses,
    })
}

/// Lists the conditions on the vars.
fn require_text(list: &[Requirement]) -> String {
    let mut text = String::new();
    if !list.is_empty() {
        text.push_str("\nrequires\n");
    }
    for requirement in list {
        text.push_str(&format!("  {}\n", requirement.source()));
        if let Some(message) = &requirement.message {
            text.push_str(&format!("      {}\n", one_line(message.source().trim())));
        }
    }
    text
}

fn feed_json(feed: &Loop) -> Value {
    let mut shown = items_json(feed);
    if let Some(filter) = &feed.filter {
        shown["where"] = json!(filter.source().trim());
    }
    match &feed.limit {
        Some(Limit::Number(number)) => shown["limit"] = json!(number),
        Some(Limit::Template(template)) => shown["limit"] = json!(template.source().trim()),
        None => {}
    }
    shown
}

fn items_json(feed: &Loop) -> Value {
    match &feed.items {
        Items::List(list) => json!({ "name": feed.name, "in": source_json(list) }),
        Items::Query { query, vars } => {
            let vars: Map<String, Value> = vars
                .iter()
                .map(|(name, value)| (name.clone(), source_json(value)))
                .collect();
            json!({ "name": feed.name, "query": query.name, "vars": vars })
        }
    }
}

fn requirements(list: &[Requirement]) -> Vec<Value> {
    let shown = list.iter().map(|requirement| {
        let message = requirement.message.as_ref();
        let message = message.map(crate::template::Template::source);
        json!({ "that": requirement.source(), "message": message })
    });
    shown.collect()
}

fn query_json(query: &Query, facts: &Facts) -> Value {
    let vars: Vec<Value> = query
        .vars
        .iter()
        .map(|var| {
            json!({
                "name": var.name,
                "type": var.kind.name(),
                "required": var.required,
                "default": var.default.as_ref().map(source_json),
                "description": var.description,
                "enum": var.choices,
                "pattern": var.pattern.as_ref().map(|pattern| &pattern.source),
                "min": var.bounds.min.as_ref().map(|min| &min.written),
                "max": var.bounds.max.as_ref().map(|max| &max.written),
                "secret": var.secret,
                "example": var.example,
            })
        })
        .collect();
    let call = query.call();
    json!({
        "name": query.name,
        "folder": query.folder,
        "description": query.description,
        "file": query.source.name(),
        "resource": call.map(|call| call.resource.value.to_string()),
        "method": call.map(|call| call.method.as_str()),
        "endpoint": call.map(|call| call.address.source()),
        "sends": facts.sends
            .iter()
            .map(|sent| json!({ "host": sent.host, "variables": sent.variables }))
            .collect::<Vec<_>>(),
        "for_each": query.loops().iter().map(feed_json).collect::<Vec<_>>(),
        "safe": call.map(|call| call.is_safe),
        "retry": call.and_then(|call| call.retry.as_ref()).map(retry_json),
        "poll": call.and_then(|call| call.poll.as_ref()).map(|poll| poll.until.source()),
        "poll_endpoint": call.and_then(Call::polled_endpoint).map(crate::template::Template::source),
        "data": query
            .data
            .iter()
            .map(|data| (data.name.clone(), Value::from(data.query.name.as_str())))
            .collect::<Map<_, _>>(),
        "sql": query.statement().map(|sql| sql.text.value.to_string()),
        "report": query.report.as_ref().map(|report| report_formats(report).collect::<Vec<_>>()),
        "store": query.keeping.as_ref().map(keeping_json),
        "vars": vars,
        "require": requirements(&query.require),
        "expect": requirements(&query.shape.expect),
        "rows": query.rows().map(|rows| rows.source().to_owned()),
        "columns": query.columns(),
        "schema": facts.shown.json(query),
        "example": format!("runner run {}", example_call(query, |var| facts.needed.contains(&var.name))),
    })
}

fn resource_text(
    project: &Project,
    file: &ResourceFile,
    wants_json: bool,
) -> Result<String, Failure> {
    let first = file.environments.keys().next().map(String::as_str);
    let shown = if file.base.is_some() { None } else { first };
    let resource = project
        .in_environment(file, shown)
        .map_err(Failure::from_diagnostics)?;
    let api = resource
        .kind
        .api()
        .map_or_else(String::new, |api| format!(" {api}"));
    let auth = resource.auth.words();
    let budget = resource.budget.as_ref().map(Template::source);
    let environments: Vec<&String> = file.environments.keys().collect();
    if wants_json {
        let document = json!({
            "name": resource.name,
            "folder": resource.folder,
            "description": resource.description,
            "file": file.source.name(),
            "type": resource.kind.kind(),
            "api": resource.kind.api(),
            "base_url": resource.base_url.source(),
            "auth": auth,
            "access": resource.access.name(),
            "concurrency": resource.concurrency,
            "budget": budget,
            "timeout_seconds": resource.timeout.as_secs_f64(),
            "environments": environments,
        });
        return Ok(format!("{document:#}\n"));
    }
    let mut text = format!("{}\n", resource.name);
    if let Some(description) = &resource.description {
        text.push_str(&format!("  {}\n", description.trim()));
    }
    let access = resource.access.name();
    text.push_str(&format!(
        "\nfile          {}\ntype          {}{api}\nbase_url      {}\nauth          {auth}\n\
         access        {access}\nconcurrency   {}\ntimeout       {}\n",
        file.source.name(),
        resource.kind.kind(),
        resource.base_url.source(),
        resource.concurrency,
        format_duration(resource.timeout),
    ));
    if let Some(budget) = budget {
        text.push_str(&format!("budget        {budget}\n"));
    }
    if !environments.is_empty() {
        let names: Vec<&str> = environments.iter().map(|name| name.as_str()).collect();
        text.push_str(&format!("environments  {}\n", names.join(", ")));
    }
    if let Ok((_, description)) = project.described_resource(&resource.name) {
        let count = description.entries().len();
        text.push_str(&format!(
            "operations    {count}, listed by `runner list {}:`\n",
            resource.name
        ));
    }
    text.push_str(&format!("\nexample\n  runner ping {}\n", resource.name));
    Ok(text)
}
