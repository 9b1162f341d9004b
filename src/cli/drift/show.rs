//! Shows the changes: as text, JSON, or annotations.

use serde_json::{Value, json};

use crate::cli::annotation;
use crate::cli::app::{App, Stream};
use crate::cli::drift::ask::MOST;
use crate::cli::drift::judge::{Found, Report};
use crate::cli::show_failure;
use crate::cli::test::TestArgs;
use crate::cli::test::show::TestFormat;
use crate::core::code::Code;
use crate::core::diagnostic::Diagnostic;
use crate::core::text::{counted, printable_lines};

/// The number of examples of what could not be checked for one reason.
const EXAMPLES: usize = 3;

/// Renders the report.
pub fn render(report: &Report, args: &TestArgs, app: &App) -> String {
    match args.format {
        TestFormat::Json => json(report),
        TestFormat::Github => github(report),
        TestFormat::Text | TestFormat::Junit => text(report, args, app),
    }
}

/// Returns the summary in one line.
pub fn summary(report: &Report) -> String {
    let queries = match report.queries.len() {
        1 => "1 query".to_owned(),
        count => format!("{count} queries"),
    };
    let mut words = format!(
        "drift: {queries} checked with {}",
        counted(report.requests as u64, "request")
    );
    match report.failures() {
        0 if report.requests == 0 => {}
        0 => words.push_str(": no change that a query reads"),
        1 => words.push_str(": 1 change that a query reads"),
        count => words.push_str(&format!(": {count} changes that queries read")),
    }
    if report.notes() > 0 {
        words.push_str(&format!("; {}", counted(report.notes() as u64, "note")));
    }
    if !report.unchecked.is_empty() {
        words.push_str(&format!("; {} not checked", report.unchecked.len()));
    }
    words
}

fn text(report: &Report, args: &TestArgs, app: &App) -> String {
    let mut text = String::new();
    let stream = if args.out.is_some() {
        Stream::FILE
    } else {
        app.stdout
    };
    for found in report
        .findings
        .iter()
        .filter(|found| found.finding.is_failure)
    {
        text.push_str(&show_failure::render_on(&diagnostic(found), app, stream));
        text.push_str("\n\n");
    }
    if args.quiet {
        return text;
    }
    for found in report
        .findings
        .iter()
        .filter(|found| !found.finding.is_failure)
    {
        text.push_str(&format!("note: {}\n", printable_lines(&note(found))));
    }
    for line in unchecked(report) {
        text.push_str(&format!("not checked: {}\n", printable_lines(&line)));
    }
    text.push_str(&summary(report));
    text.push('\n');
    if args.verbose {
        text.push_str(&format!(
            "of each query, the first page of at most {MOST} recorded requests was asked\n"
        ));
    }
    text
}

/// Returns a line for each reason why requests could not be checked, with the first of them.
fn unchecked(report: &Report) -> Vec<String> {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for unchecked in &report.unchecked {
        let (reason, what) = (unchecked.reason.as_str(), unchecked.what.as_str());
        match reasons.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, all)) => all.push(what),
            None => reasons.push((reason, vec![what])),
        }
    }
    let line = |(reason, all): (&str, Vec<&str>)| match all.as_slice() {
        [only] => format!("{only}: {reason}"),
        all => {
            // Several queries may send the same request.
            let mut examples = all.to_vec();
            examples.sort_unstable();
            examples.dedup();
            examples.truncate(EXAMPLES);
            format!(
                "{} requests, such as {}: {reason}",
                all.len(),
                examples.join(", ")
            )
        }
    };
    reasons.into_iter().map(line).collect()
}

fn diagnostic(found: &Found) -> Diagnostic {
    let message = found.finding.message.clone();
    let mut diagnostic = match &found.finding.place {
        Some(place) => Diagnostic::at(place, Code::Drift, message),
        None => Diagnostic::general(Code::Drift, message),
    };
    diagnostic.facts.push(format!("request: {}", found.request));
    diagnostic.guarded()
}

fn note(found: &Found) -> String {
    match &found.finding.place {
        Some(place) => format!("{}: {}", place.short(), found.finding.message),
        None => format!("{}: {}", found.request, found.finding.message),
    }
}

fn json(report: &Report) -> String {
    let findings = report.findings.iter().map(|found| {
        let place = found.finding.place.as_ref();
        let at = place.map(|place| place.file.line_column(place.span.start));
        json!({
            "level": if found.finding.is_failure { "error" } else { "note" },
            "message": found.finding.message,
            "query": found.query,
            "request": found.request,
            "file": place.map(|place| place.file.name()),
            "line": at.map(|at| at.line),
            "column": at.map(|at| at.column),
        })
    });
    let unchecked = report
        .unchecked
        .iter()
        .map(|unchecked| json!({ "what": unchecked.what, "reason": unchecked.reason }));
    let document = json!({
        "queries": report.queries.len(),
        "requests": report.requests,
        "failures": report.failures(),
        "notes": report.notes(),
        "findings": findings.collect::<Vec<Value>>(),
        "unchecked": unchecked.collect::<Vec<Value>>(),
    });
    format!("{document:#}\n")
}

fn github(report: &Report) -> String {
    let mut text = String::new();
    for found in &report.findings {
        let place = found.finding.place.as_ref();
        let title = format!("drift: {}", found.query);
        let words = format!("{} ({})", found.finding.message, found.request);
        text.push_str(&if found.finding.is_failure {
            annotation::error(place, &title, &words)
        } else {
            annotation::notice(place, &title, &words)
        });
    }
    for words in unchecked(report) {
        text.push_str(&annotation::notice(None, "drift: not checked", &words));
    }
    text
}
