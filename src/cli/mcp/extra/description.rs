//! `show_query`: the arguments, the request and the columns of a query or an operation.

use crate::cli::describe::var_words;
use crate::cli::mcp::advice::narrowing;
use crate::cli::mcp::catalog::{Effect, Tool};
use crate::cli::mcp::input_schema;
use crate::cli::shown_columns::ShownColumns;
use crate::core::source::floor_boundary;
use crate::core::text::printable_lines;
use crate::project::{Project, Query};

/// Describes a tool for `show_query`.
pub fn show(tool: &Tool, project: &Project) -> String {
    let query = &tool.query;
    let mut text = format!("{}\n", tool.name);
    if let Some(description) = &query.description {
        text.push_str(&format!("  {}\n", description.trim().replace('\n', "\n  ")));
    }
    if tool.effect == Effect::Writes {
        let confirm = input_schema::own_argument(query, input_schema::CONFIRM);
        text.push_str(&format!(
            "  It writes: the first call sends nothing and shows what it would send; a second one \
             with `{confirm}` sends it.\n"
        ));
    }
    text.push_str("\narguments\n");
    let mut arguments = input_schema::arguments(query).peekable();
    if arguments.peek().is_none() {
        text.push_str("  (none)\n");
    }
    for var in arguments {
        text.push_str(&format!("  {}  {}\n", var.name, var_words(var)));
        if let Some(description) = &var.description {
            text.push_str(&format!("      {}\n", description.trim()));
        }
    }
    for query in query.with_fed_by() {
        if let Some(call) = query.call() {
            let (method, source) = (&call.method, call.address.source());
            text.push_str(&format!(
                "\nrequest of {}\n  {method} {source}\n",
                query.name
            ));
        }
    }
    text.push_str(&ShownColumns::of(project, query).text(query));
    text
}

/// The maximum length of a description, in bytes: clients cut longer ones.
const LONGEST: usize = 1_000;

/// Describes a tool for clients: the file's description, its columns, and what to expect.
pub fn described(tool: &Tool, project: &Project) -> String {
    let query = &tool.query;
    let mut sentences = Vec::new();
    let own = query.description.as_deref().map(str::trim);
    let request = query.call().map(|call| {
        let source = call.address.source();
        format!("{} {source} of {}", call.method, call.resource.value)
    });
    let own = own.filter(|own| !own.is_empty()).map(str::to_owned);
    sentences.extend(own.or(request).map(|text| sentence(&text)));
    match tool.effect {
        Effect::Reads => {}
        Effect::DeclaredToRead => sentences.push("It is declared to change nothing.".to_owned()),
        Effect::Writes => {
            let call = query.call();
            let request = call.map_or_else(String::new, |call| {
                format!("{} {}", call.method, call.address.source())
            });
            sentences.push(format!(
                "It writes ({request}): the first call sends nothing and shows what it would send."
            ));
        }
    }
    if query.report.is_some() {
        sentences.push("The answer is a report in Markdown.".to_owned());
    }
    let is_long = query.with_fed_by().iter().any(|query| query.is_walk());
    if is_long && tool.effect == Effect::Reads {
        sentences.push(format!(
            "It may take many requests{}.",
            narrowing_words(query)
        ));
    }
    if query.report.is_none() {
        let columns = columns(project, query);
        if !columns.is_empty() {
            sentences.push(format!("Columns: {}.", columns.join(", ")));
        }
    }
    let mut text = sentences.join(" ");
    if text.len() > LONGEST {
        text.truncate(floor_boundary(&text, LONGEST - '…'.len_utf8()));
        text.push('…');
    }
    printable_lines(&text).into_owned()
}

fn sentence(text: &str) -> String {
    if text.ends_with(['.', '!', '?']) {
        text.to_owned()
    } else {
        format!("{text}.")
    }
}

fn narrowing_words(query: &Query) -> String {
    let first = narrowing(query).into_iter().next();
    first.map_or_else(String::new, |name| format!(": narrow it with `{name}`"))
}

/// Returns the columns of a query, each with its type if the type is known.
pub fn columns(project: &Project, query: &Query) -> Vec<String> {
    let columns = project.record_schema(query).into_iter();
    columns
        .map(|column| {
            let Some(kind) = column.column_type else {
                return column.name;
            };
            let of = if column.is_list { "list of " } else { "" };
            format!("{} {of}{}", column.name, kind.name())
        })
        .collect()
}
