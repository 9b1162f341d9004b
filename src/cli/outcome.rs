//! Reports incomplete results.

use crate::cli::app::App;
use crate::cli::error_hints;
use crate::cli::exit::Exit;
use crate::cli::failure::{ErrorFormat, Failure};
use crate::cli::options::MessageArgs;
use crate::cli::progress::state_of;
use crate::core::code::Code;
use crate::core::text::counted;
use crate::engine::{
    Cut, Cuts, FailedRun, Failures, FoundItems, Ledger, Outcome, RunReport, Session,
    UnmetExpectations, first_page_note,
};
use crate::plan::Plan;

/// The maximum number of kinds of failure shown; further ones are counted.
const KINDS: usize = 10;

/// Reports an incomplete result.
pub fn report_run(
    plan: &Plan,
    report: &RunReport,
    session: &Session,
    messages: MessageArgs,
    app: &App,
) -> Exit {
    let listing = report_listing(plan, report, messages, app);
    if has_only_failed(plan, report, session) {
        let summary = all_failed(plan, &report.ledger, messages, app);
        let exit = summary.exit;
        summary.show(app, messages.error_format);
        return exit;
    }
    let rest = Rest {
        records: report.records,
        words: match report.records {
            0 => "no records were returned".to_owned(),
            1 => "the other record was returned".to_owned(),
            count => format!("the other {count} records were returned"),
        },
    };
    listing.max(report_ledger(plan, &report.ledger, &rest, messages, app))
}

/// Returns true if a walk has no result at all, but failures.
fn has_only_failed(plan: &Plan, report: &RunReport, session: &Session) -> bool {
    let ledger = &report.ledger;
    plan.query.is_walk()
        && report.records == 0
        && !report.is_stopped
        && !ledger.failures().is_empty()
        && ledger.cuts().is_empty()
        && session.levels().have_only_failed()
}

/// Shows the failures of a walk without any result, and returns its summary, with the exit code of
/// the most frequent failure.
fn all_failed(plan: &Plan, ledger: &Ledger, messages: MessageArgs, app: &App) -> Failure {
    let kinds = ledger.failures();
    // The first of equally frequent ones.
    let usual = kinds.iter().rev().max_by_key(|failures| failures.count);
    let usual = usual.map(|failures| error_hints::run_error(&failures.example, plan, app));
    let (exit, code) = usual.map_or((Exit::Partial, Code::Partial), |failure| {
        (failure.exit, failure.code)
    });
    if let ([only], 1, ErrorFormat::Text) = (kinds, ledger.count(), messages.error_format) {
        let mut failure = group(plan, only, app);
        failure.exit = exit;
        return failure;
    }
    show_groups(plan, ledger, messages, app);
    let words = format!("`{}` has no result: {}", plan.query.name, totals(ledger));
    let summary = Failure::new(exit, code, words);
    with_groups(summary, plan, ledger, 0, messages, app)
}

/// Reports an incomplete list of items of a walk that writes, before anything is sent.
pub fn report_items(plan: &Plan, found: &FoundItems, messages: MessageArgs, app: &App) -> Exit {
    let rest = Rest {
        records: 0,
        words: match found.sites.len() {
            0 => "no items were found".to_owned(),
            1 => "1 item was found".to_owned(),
            count => format!("{count} items were found"),
        },
    };
    report_ledger(plan, &found.ledger, &rest, messages, app)
}

/// Reports the expectations that are not met, except the last one, which is returned.
pub fn report_unmet(
    plan: &Plan,
    unmet: &UnmetExpectations,
    messages: MessageArgs,
    app: &App,
) -> Option<Failure> {
    let (last, others) = unmet.errors.split_last()?;
    for error in others {
        error_hints::run_error(error, plan, app).show(app, messages.error_format);
    }
    if unmet.more > 0 {
        let words = match unmet.more {
            1 => "expectations failed for another item".to_owned(),
            more => format!("expectations failed for {more} other items"),
        };
        Failure::new(Exit::Expectation, Code::Expectation, words).show(app, messages.error_format);
    }
    Some(error_hints::run_error(last, plan, app))
}

/// Reports what was found before a run failed, and returns its failure.
pub fn report_failed(plan: &Plan, failed: &FailedRun, messages: MessageArgs, app: &App) -> Failure {
    if let Some(last) = report_unmet(plan, &failed.unmet, messages, app) {
        last.show(app, messages.error_format);
    }
    error_hints::run_error(&failed.error, plan, app)
}

/// Reports the failures before a condition kept a query from writing: they may be why it is not
/// met.
pub fn report_before_unsent(plan: &Plan, failed: &FailedRun, format: ErrorFormat, app: &App) {
    if error_hints::is_unsent(&failed.error, plan) {
        for failures in failed.ledger.failures().iter().take(KINDS) {
            group(plan, failures, app).show(app, format);
        }
    }
}

/// The part of a result other than failures.
struct Rest {
    records: usize,
    words: String,
}

fn report_listing(plan: &Plan, report: &RunReport, messages: MessageArgs, app: &App) -> Exit {
    let name = &plan.query.name;
    let count = report.records as u64;
    match &report.outcome {
        Outcome::Complete => Exit::Done,
        Outcome::FirstPage => {
            if !messages.quiet {
                app.eprintln(&format!("note: {}", first_page_note(name)));
            }
            Exit::Done
        }
        Outcome::Broken(error) => {
            let mut failure = error_hints::run_error(error, plan, app);
            if failure.exit == Exit::Expectation {
                // The poll did not finish: its last state was shown.
                failure.show(app, messages.error_format);
                return failure.exit;
            }
            failure.message = format!(
                "the listing of `{name}` failed after {}: {}",
                counted(count, "record"),
                failure.message
            );
            failure.exit = Exit::Partial;
            failure.show(app, messages.error_format);
            Exit::Partial
        }
        Outcome::Cut(cut) => {
            let after = format!(" after {}", counted(count, "record"));
            report_cut(name, *cut, &after, messages, app);
            Exit::Partial
        }
    }
}

fn report_cut(name: &str, cut: Cut, after: &str, messages: MessageArgs, app: &App) {
    let (words, help) = match cut {
        Cut::Pages(most) => (
            format!("the listing of `{name}` was cut{after}: `max_pages` is {most}"),
            "raise `max_pages`, or request less with `limit` or `stop_when`",
        ),
        Cut::Rows(most) => (
            format!("the listing of `{name}` was cut{after}: `max_rows` is {most}"),
            "raise `max_rows`, or request less with `limit` or `stop_when`",
        ),
        Cut::Content => (
            format!("`-o raw` prints the first page of `{name}`, and there are more"),
            "use another format to read all pages, or set `paginate: false` if the first is enough",
        ),
        Cut::NoRows => (
            format!("the response to `{name}` is the first page of a listing, and there are more"),
            "set `rows` to the path of the records, for example `rows: $.items[*]`",
        ),
    };
    Failure::new(Exit::Partial, Code::Cut, words)
        .help(help)
        .show(app, messages.error_format);
}

/// Reports the failures and cuts of a walk.
fn report_ledger(
    plan: &Plan,
    ledger: &Ledger,
    rest: &Rest,
    messages: MessageArgs,
    app: &App,
) -> Exit {
    if ledger.is_empty() {
        return Exit::Done;
    }
    for Cuts { query, cut, count } in ledger.cuts() {
        let of = if *count == 1 {
            String::new()
        } else {
            format!(" {count} times")
        };
        report_cut(query, *cut, &of, messages, app);
    }
    if ledger.failures().is_empty() {
        return Exit::Partial;
    }
    show_groups(plan, ledger, messages, app);
    let words = format!(
        "`{}` is incomplete: {}; {}",
        plan.query.name,
        totals(ledger),
        rest.words
    );
    let summary = Failure::new(Exit::Partial, Code::Partial, words);
    with_groups(summary, plan, ledger, rest.records, messages, app)
        .show(app, messages.error_format);
    Exit::Partial
}

/// Shows the failures by kind. As JSON, they are part of the summary.
fn show_groups(plan: &Plan, ledger: &Ledger, messages: MessageArgs, app: &App) {
    if messages.error_format == ErrorFormat::Text {
        for failures in ledger.failures().iter().take(KINDS) {
            group(plan, failures, app).show(app, ErrorFormat::Text);
        }
    }
}

/// Counts the failures and their kinds.
fn totals(ledger: &Ledger) -> String {
    let total = counted(ledger.count(), "failure");
    match ledger.failures().len() {
        1 => total,
        kinds => format!("{total} of {kinds} kinds"),
    }
}

/// Adds the failures by kind to a summary in JSON.
fn with_groups(
    summary: Failure,
    plan: &Plan,
    ledger: &Ledger,
    records: usize,
    messages: MessageArgs,
    app: &App,
) -> Failure {
    if messages.error_format != ErrorFormat::Json {
        return summary;
    }
    let kinds = ledger.failures().iter();
    let groups: Vec<serde_json::Value> = kinds
        .map(|failures| {
            let example = error_hints::run_error(&failures.example, plan, app);
            serde_json::json!({
                "query": failures.example.query,
                "code": example.code,
                "count": failures.count,
                "example": example.message,
            })
        })
        .collect();
    summary
        .fact("query", plan.query.name.clone())
        .fact("records", records as u64)
        .fact("failures", ledger.count())
        .fact("groups", groups)
}

/// Combines failures of one kind into one, with their count and an example.
fn group(plan: &Plan, failures: &Failures, app: &App) -> Failure {
    let mut failure = error_hints::item_error(&failures.example, plan, app);
    let query = &failures.example.query;
    // A query without items still has requests.
    let noun = failures.example.item.as_ref().map_or("request", |_| "item");
    if failures.count > 1 {
        failure.message = format!(
            "{} {noun}s of `{query}` failed in the same way: {}",
            failures.count, failure.message
        );
        for (name, _) in &mut failure.facts {
            match *name {
                "item" => *name = "first_item",
                "request" => *name = "first_request",
                _ => {}
            }
        }
    } else {
        let article = if noun == "item" { "an" } else { "a" };
        failure.message = format!("{article} {noun} of `{query}` failed: {}", failure.message);
    }
    // On a later page it would silently end the listing.
    if failure.code == Code::Http(404) && !failures.example.is_later_page {
        failure = failure.help("if that is normal, set `on_status: {404: empty}`");
    }
    failure
}

/// Returns the progress of a walk in one line.
pub fn progress(session: &Session) -> Option<String> {
    let levels = session.levels().all();
    let parts: Vec<String> = levels
        .iter()
        .filter(|level| level.items.get() > 0)
        .map(|level| {
            let (done, items) = (level.done.get(), level.items.get());
            format!("{done} of {items} items of `{}`", level.query)
        })
        .collect();
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// Returns the last state of the newest poll in one line.
pub fn last_state(session: &Session, app: &App) -> Option<String> {
    // The queries that others depend on come first, and have ended before.
    let levels = session.levels().all();
    levels.iter().rev().find_map(|level| state_of(level, app))
}
