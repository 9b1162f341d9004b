//! The call of a query file: its request, where it goes, and how it is repeated.

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Fields, Node};
use crate::core::name;
use crate::core::source::Text;
use crate::paginate::Pagination;
use crate::project::query::{Call, Loop};
use crate::project::query_file::effect::Effect;
use crate::project::query_file::result::ResultParts;
use crate::project::query_file::{
    Surroundings, cache, content, graphql, paging, poll, request, writing,
};
use crate::project::retry;
use crate::project::template::{Names, template};
use crate::template::Template;

/// The names available to the parts of a call.
pub struct Scopes<'q> {
    /// Those of the query as a whole.
    pub query: &'q Names,
    /// Those of each request.
    pub request: &'q Names,
    /// Those of each request, and the columns.
    pub record: &'q Names,
}

/// Reads the call; `None` if there is none or it has a fault.
pub fn read(
    fields: &mut Fields<'_>,
    node: &Node,
    around: &Surroundings<'_>,
    names: &Scopes<'_>,
    for_each: Vec<Loop>,
    result: &ResultParts,
    faults: &mut Diagnostics,
) -> Option<Call> {
    let resource = resource(fields.get("resource"), around, faults);
    let request = request::read(fields, names.request, around, faults);
    // The kinds of API that its requests may go to.
    let kinds = resource
        .as_ref()
        .map_or_else(Vec::new, |name| (around.kinds)(&name.value));
    let effect = Effect::read(fields.get("safe"), &request, &kinds, faults);
    let paginate = fields.read("paginate", Pagination::check, faults);
    paging::check(node, paginate.as_ref(), result.rows.as_ref(), faults);
    graphql::check(node, request.body.as_ref(), paginate.as_ref(), faults);
    let decode = fields.read("decode", content::decode, faults);
    let download = fields.get("download");
    let download = download.and_then(|node| content::download(node, names.request, faults));
    content::refuse_beside(node, download.is_some(), decode.is_some(), faults);
    let poll = poll::read(fields.entry("poll"), names, &effect, faults);
    writing::refuse_choices(node, effect.writes().is_some(), faults);
    let retry = retry::of_query(fields.get("retry"), effect.writes().is_some(), faults);
    let polls = fields.get("poll").is_some();
    let cache = cache::read(fields.entry("cache"), &effect, polls, faults);
    let is_undocumented = fields.boolean("undocumented", faults).unwrap_or(false);
    let confirm = question(fields, names.query, !for_each.is_empty(), faults);
    Some(Call {
        resource: resource?,
        for_each,
        method: request.method?,
        is_safe: effect.is_safe,
        is_declared_safe: effect.is_declared,
        is_undocumented,
        address: request.address?,
        params: request.params,
        headers: request.headers,
        body: request.body,
        poll,
        retry,
        cache,
        paginate,
        decode,
        download,
        rows: result.rows.clone(),
        on_status: result.on_status.clone(),
        confirm,
    })
}

/// Reads the confirmation prompt; that of a walk sees all items.
fn question(
    fields: &mut Fields<'_>,
    names: &Names,
    has_items: bool,
    faults: &mut Diagnostics,
) -> Option<Template> {
    let text = fields.text("confirm", faults)?;
    if has_items {
        template(&text, &names.with("items"), faults)
    } else {
        template(&text, names, faults)
    }
}

fn resource(
    node: Option<&Node>,
    around: &Surroundings<'_>,
    faults: &mut Diagnostics,
) -> Option<Text> {
    let text = node?.text("resource", faults)?;
    if around.resources.contains(&&*text.value) {
        return Some(text);
    }
    let diagnostic = Diagnostic::at(
        &text.place,
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
