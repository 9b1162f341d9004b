//! Confirmation before a write: shows what will be sent, and sends it if the answer is yes.

use std::rc::Rc;

use serde_json::{Map, Value};

use crate::cli::app::{App, Stream};
use crate::cli::exit::Exit;
use crate::cli::failure::{Failure, Stopped};
use crate::cli::options::RunOptions;
use crate::cli::{describe, error_hints, outcome, request_text};
use crate::core::code::Code;
use crate::core::text::counted;
use crate::core::text::printable_lines;
use crate::engine::{self, FoundItems, Session};
use crate::format::{Shape, TABLE};
use crate::plan::disguise::{masked_url, masked_value};
use crate::plan::{Plan, RequestPlan, ShownRequest, Site};
use crate::project::query::Call;

/// The maximum number of items shown before a prompt.
const SHOWN_ITEMS: usize = 10;

/// The maximum number of columns shown of the items, in total.
const SHOWN_COLUMNS: usize = 4;

/// Refuses to write to a read-only resource, and asks before a single write. A walk is confirmed
/// when its items are known: see [`approve`].
///
/// # Errors
///
/// If nothing may be sent.
pub fn admit(plan: &Plan, options: &RunOptions, app: &App) -> Result<(), Failure> {
    let Some(writing) = plan.requests().filter(|plan| !plan.is_safe()) else {
        return Ok(());
    };
    let request = template_of_requests(writing, app)?;
    if !writing.resource().access.may_write() {
        return Err(Failure::new(
            Exit::Forbidden,
            Code::ReadOnly,
            format!(
                "the resource `{}` is read-only, and this request writes: {}",
                writing.resource().name,
                action(plan, &request)
            ),
        ));
    }
    if options.yes || options.preview || plan.query.is_walk() {
        return Ok(());
    }
    let question = writing
        .question()
        .map_err(|error| error_hints::render_error(&error, app))?;
    if !app.can_ask {
        let words = action(plan, &request);
        return Err(
            needs_yes(&words, question).help("run it with `--yes`, or preview it with `--dry-run`")
        );
    }
    app.eprintln(&request_text::dry_run(&request));
    if app.ask(question.as_deref().unwrap_or("Send this?")) {
        Ok(())
    } else {
        Err(declined())
    }
}

/// Finds the items of a walk that writes, shows them, and asks once. Returns `None` if no items are
/// needed first.
///
/// # Errors
///
/// If the items cannot be found, or nothing may be sent.
pub async fn approve(
    plan: &Rc<Plan>,
    session: &Rc<Session>,
    options: &RunOptions,
    app: &App,
) -> Result<Option<FoundItems>, Stopped> {
    let writing = plan.requests().filter(|plan| !plan.is_safe());
    let Some(writing) = writing.filter(|plan| plan.call.is_walk()) else {
        return Ok(None);
    };
    let found = find(plan, session, options, app).await?;
    let count = found.sites.len();
    if count == 0 {
        say_nothing_to_send(plan, options, app);
        return Ok(Some(found));
    }
    if options.yes {
        return Ok(Some(found));
    }
    outcome::report_items(plan, &found, options.messages, app);
    let request = match found.sites.as_slice() {
        // Of a single one, everything is known.
        [site] => writing.shown_request_at(&site.with_data(plan, &found.data)),
        _ => writing.shown_request(),
    };
    let request = request.map_err(|error| error_hints::render_error(&error, app))?;
    let own = writing
        .question_about(&found.sites)
        .map_err(|error| error_hints::render_error(&error, app))?;
    if !app.can_ask {
        let requests = counted(count as u64, "request");
        let words = format!("{requests}, {}", action(plan, &request));
        return Err(needs_yes(&words, own)
            .fact("requests", count as u64)
            .help("run it with `--yes`, or preview it with `--preview`")
            .into());
    }
    app.eprintln(&request_text::dry_run(&request));
    let mut list = table(&found.sites, SHOWN_ITEMS, app.stderr)?;
    if count > SHOWN_ITEMS {
        list.push_str(&format!("and {} more\n", count - SHOWN_ITEMS));
    }
    app.say_styled(&list);
    let question = own.unwrap_or_else(|| usual_question(writing.call, count));
    let answer = tokio::select! {
        answer = app.ask_meanwhile(&question) => answer,
        // The cause of the stop is reported elsewhere.
        () = session.stop().wait() => return Err(Stopped::Closed),
    };
    if answer {
        Ok(Some(found))
    } else {
        Err(declined().into())
    }
}

/// Prints every request that a query would send, only sending those that find its items.
///
/// # Errors
///
/// If the items cannot be found, or the query only reads.
pub async fn preview(
    plan: &Rc<Plan>,
    session: &Rc<Session>,
    options: &RunOptions,
    app: &App,
) -> Result<Exit, Stopped> {
    let Some(requests) = plan.requests() else {
        return Ok(Exit::Done);
    };
    let found = find(plan, session, options, app).await?;
    let count = found.sites.len();
    for note in found.notes.iter().filter(|_| !options.messages.quiet) {
        app.eprintln(&format!("note: {note}"));
    }
    if count == 0 {
        say_nothing_to_send(plan, options, app);
    }
    let mut exit = Exit::Done;
    let mut text = String::new();
    if plan.query.is_walk() && count > 0 {
        text = table(&found.sites, count, app.stdout)?;
    }
    for (index, site) in found.sites.iter().enumerate() {
        if !text.is_empty() {
            text.push('\n');
        }
        if let Some(about) = site.about() {
            text.push_str(&format!("# {} of {count}: {about}\n", index + 1));
        }
        let request = requests.shown_request_at(&site.with_data(plan, &found.data));
        match request {
            Ok(request) => text.push_str(&request_text::dry_run(&request)),
            Err(error) => {
                text.push_str("# the request cannot be rendered\n");
                let mut failure = error_hints::render_error(&error, app);
                failure.exit = Exit::Partial;
                failure.show(app, options.messages.error_format);
                exit = Exit::Partial;
            }
        }
    }
    if app.stdout.is_terminal {
        text = printable_lines(&text).into_owned();
    }
    app.print(&text)?;
    Ok(exit.max(outcome::report_items(plan, &found, options.messages, app)))
}

/// Refuses to preview a query that only reads.
///
/// # Errors
///
/// If it only reads.
pub fn check_preview(plan: &Plan) -> Result<(), Failure> {
    if !plan.is_safe() {
        return Ok(());
    }
    let words = format!(
        "`--preview` is for queries that write, and `{}` only reads",
        plan.query.name
    );
    Err(Failure::usage(Code::Preview, words).help("run it, or print its requests with `--dry-run`"))
}

/// Finds the items of a query that writes, and the results that its requests use.
///
/// # Errors
///
/// If they cannot be found, or the session is stopped.
pub async fn find(
    plan: &Rc<Plan>,
    session: &Rc<Session>,
    options: &RunOptions,
    app: &App,
) -> Result<FoundItems, Stopped> {
    let messages = options.messages;
    let found = engine::find(plan, session).await.map_err(|failed| {
        outcome::report_before_unsent(plan, &failed, messages.error_format, app);
        outcome::report_failed(plan, &failed, messages, app)
    })?;
    found.ok_or(Stopped::Closed)
}

fn say_nothing_to_send(plan: &Plan, options: &RunOptions, app: &App) {
    if !options.messages.quiet {
        let name = &plan.query.name;
        app.eprintln(&format!("note: `{name}` has no items: nothing to send"));
    }
}

/// Returns the request for every item, with names in place of items.
fn template_of_requests(plan: RequestPlan<'_>, app: &App) -> Result<ShownRequest, Failure> {
    plan.shown_request()
        .map_err(|error| error_hints::render_error(&error, app))
}

/// Describes the request in one line.
fn action(plan: &Plan, request: &ShownRequest) -> String {
    let url = masked_url(&request.url);
    let mut action = format!("{} {url}", request.method);
    if plan.query.is_walk() {
        let loops = plan.loops().iter();
        let items: Vec<String> = loops.map(|feed| describe::items_of(plan, feed)).collect();
        action = format!("{action}, for each {}", items.join(", and each "));
    }
    action
}

fn usual_question(call: &Call, count: usize) -> String {
    let endpoint = call.address.source();
    let times = match count {
        1 => "once".to_owned(),
        count => format!("{count} times"),
    };
    format!("Send {} {endpoint} {times}?", call.method)
}

fn needs_yes(action: &str, question: Option<String>) -> Failure {
    let words = format!("this request writes and needs confirmation: {action}");
    let failure = Failure::new(Exit::Forbidden, Code::NeedsYes, words);
    match question {
        Some(question) => failure.fact("question", question),
        None => failure,
    }
}

fn declined() -> Failure {
    Failure::new(Exit::Forbidden, Code::Declined, "not sent")
}

/// Formats the first items with their first columns.
fn table(sites: &[Site], most: usize, stream: Stream) -> Result<String, Failure> {
    let rows: Vec<Map<String, Value>> = sites.iter().take(most).map(row).collect();
    let mut columns: Vec<String> = Vec::new();
    for row in &rows {
        let new = row.keys().filter(|name| !columns.contains(name));
        let new: Vec<String> = new.cloned().collect();
        columns.extend(new);
    }
    let wrong = |words: String| Failure::usage(Code::CannotWrite, words);
    let mut renderer = TABLE.renderer(&Shape {
        columns: Some(columns.clone()),
        terminal: stream.terminal(),
        ..Shape::default()
    });
    let mut out = Vec::new();
    let render = || {
        renderer.begin(&mut out)?;
        for mut row in rows {
            for column in &columns {
                row.entry(column.as_str()).or_insert(Value::Null);
            }
            renderer.record(&Value::Object(row), &mut out)?;
        }
        renderer.finish(&mut out)
    };
    render().map_err(|error| wrong(error.to_string()))?;
    Ok(String::from_utf8_lossy(&out).into_owned())
}

/// Returns the first columns of a request's items. With several loops, each column is prefixed with
/// the name of its item.
fn row(site: &Site) -> Map<String, Value> {
    let items = site.items();
    let most = SHOWN_COLUMNS.div_ceil(items.len().max(1));
    let mut row = Map::new();
    for (name, item) in &items {
        let Value::Object(members) = item else {
            row.insert(name.clone(), masked_value(item));
            continue;
        };
        let plain = members
            .iter()
            .filter(|(_, value)| !value.is_object() && !value.is_array());
        for (member, value) in plain.take(most) {
            let column = if items.len() == 1 {
                member.clone()
            } else {
                format!("{name}.{member}")
            };
            row.insert(column, masked_value(value));
        }
    }
    row
}
