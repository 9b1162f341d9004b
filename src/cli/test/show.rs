//! Shows the verdicts on test cases: as text, `JUnit` XML, JSON, or annotations.

use std::collections::BTreeSet;
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use serde_json::{Value, json};

use crate::cli::annotation;
use crate::cli::app::App;
use crate::cli::test::TestArgs;
use crate::cli::test::compare::{Line, LineKind};
use crate::cli::test::coverage::Coverage;
use crate::cli::test::judge::{Problem, Verdict};
use crate::cli::test::stray::Stray;
use crate::cli::test::xml::escaped;
use crate::core::text::{counted, printable_lines};
use crate::core::time::format_duration;

/// The format of the verdicts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum TestFormat {
    /// Human-readable text
    #[default]
    Text,
    #[expect(clippy::doc_markdown, reason = "help for people")]
    /// JUnit XML, for the test views of CI services
    Junit,
    /// One JSON document
    Json,
    /// Annotations for GitHub Actions
    Github,
}

/// The results of all cases.
#[derive(Clone, Copy)]
pub struct Results<'r> {
    /// The verdicts.
    pub verdicts: &'r [Verdict<'r>],
    /// The files of no case that is run.
    pub strays: &'r [Stray<'r>],
    /// The parts of queries that they use, if that is wanted.
    pub coverage: Option<&'r Coverage>,
    /// The time that all took.
    pub elapsed: Duration,
}

/// Renders all results.
pub fn render(results: &Results<'_>, args: &TestArgs, app: &App) -> String {
    match args.format {
        TestFormat::Text => text(results, args, app.stdout.color && args.out.is_none()),
        // The format has no place for coverage.
        TestFormat::Junit => junit(results),
        TestFormat::Json => json(results),
        TestFormat::Github => {
            let mut text = github(results);
            if let Some(coverage) = results.coverage {
                text.push_str(&coverage.github(args.min));
            }
            text
        }
    }
}

/// Returns the summary in one line.
pub fn summary(results: &Results<'_>) -> String {
    let (verdicts, elapsed) = (results.verdicts, results.elapsed);
    let failed = verdicts
        .iter()
        .filter(|verdict| !verdict.problems.is_empty());
    let failed = failed.count();
    let passed = verdicts.len() - failed;
    let cases = counted(verdicts.len() as u64, "case");
    let rounded = Duration::from_millis(u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX));
    let took = format_duration(rounded);
    let mut strays = String::new();
    for (is_orphan, what) in [(true, "without a case"), (false, "with faults")] {
        let found = results.strays.iter();
        let found = found.filter(|stray| stray.is_orphan == is_orphan);
        let files: BTreeSet<String> = found.map(Stray::name).collect();
        let count = files.len();
        if count > 0 {
            strays.push_str(&format!(", {} {what}", counted(count as u64, "file")));
        }
    }
    if failed == 0 && strays.is_empty() {
        format!("{cases} passed in {took}")
    } else {
        format!("{cases}: {passed} passed, {failed} failed{strays} in {took}")
    }
}

const RED: Style = AnsiColor::Red.on_default();
const GREEN: Style = AnsiColor::Green.on_default();
const DIM: Style = Style::new().dimmed();

fn styled(text: &str, style: Style, color: bool) -> String {
    if color {
        format!("{style}{text}{style:#}")
    } else {
        text.to_owned()
    }
}

fn text(results: &Results<'_>, args: &TestArgs, color: bool) -> String {
    let verdicts = results.verdicts;
    let mut text = String::new();
    for verdict in verdicts {
        let name = verdict.task.name();
        if verdict.problems.is_empty() {
            if args.verbose {
                text.push_str(&format!("{}  {name}\n", styled("ok", GREEN, color)));
            }
            for path in verdict.written.iter().filter(|_| !args.quiet) {
                text.push_str(&format!("updated {path}\n"));
            }
            for path in verdict.removed.iter().filter(|_| !args.quiet) {
                text.push_str(&format!("removed {path}\n"));
            }
            continue;
        }
        let place = verdict.task.case.place.short();
        text.push_str(&format!(
            "{}  {name}  {}\n",
            styled("FAILED", RED, color),
            styled(&place, DIM, color)
        ));
        for problem in &verdict.problems {
            push_problem(problem, color, &mut text);
        }
        text.push('\n');
    }
    for orphan in results.strays.iter().filter(|stray| stray.is_orphan) {
        let failed = styled("FAILED", RED, color);
        text.push_str(&format!(
            "{failed}  {}\n{}\n",
            orphan.name(),
            orphan.details()
        ));
    }
    if args.quiet {
        return text;
    }
    text.push_str(&summary(results));
    text.push('\n');
    // A case with another problem is not updated.
    let can_be_accepted = |verdict: &Verdict<'_>| {
        let mut problems = verdict.problems.iter();
        !verdict.problems.is_empty()
            && problems.all(|problem| matches!(problem.kind, "snapshot" | "no-snapshot"))
    };
    if !args.update && verdicts.iter().any(can_be_accepted) {
        text.push_str("accept new results with `runner test --update`, then review `git diff`\n");
    }
    if let Some(coverage) = results.coverage {
        text.push('\n');
        text.push_str(&coverage.text(args.min));
    }
    text
}

fn push_problem(problem: &Problem, color: bool, text: &mut String) {
    text.push_str(&format!("  {}\n", printable_lines(&problem.message)));
    if let Some(place) = &problem.place {
        text.push_str(&format!("    {}\n", styled(&place.short(), DIM, color)));
    }
    for Line { kind, text: line } in &problem.lines {
        let line = printable_lines(line);
        let line = match kind {
            LineKind::Expected => styled(&format!("- {line}"), RED, color),
            LineKind::Got => styled(&format!("+ {line}"), GREEN, color),
            LineKind::Same => format!("  {line}"),
            LineKind::Note => styled(&line, DIM, color),
        };
        text.push_str(&format!("    {}\n", line.trim_end()));
    }
    if let Some(help) = &problem.help {
        text.push_str(&format!("    help: {help}\n"));
    }
}

/// Returns the details of a problem as plain text.
fn details(problem: &Problem) -> String {
    let mut text = String::new();
    push_problem(problem, false, &mut text);
    text
}

fn junit(results: &Results<'_>) -> String {
    let (verdicts, strays) = (results.verdicts, results.strays);
    let failed = verdicts
        .iter()
        .filter(|verdict| !verdict.problems.is_empty());
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"runner\" tests=\"{}\" failures=\"{}\" time=\"{:.3}\">\n",
        verdicts.len() + strays.len(),
        failed.count() + strays.len(),
        results.elapsed.as_secs_f64()
    );
    for suite in verdicts.chunk_by(|one, other| one.task.file.name == other.task.file.name) {
        let failed = suite.iter().filter(|verdict| !verdict.problems.is_empty());
        let time: Duration = suite.iter().map(|verdict| verdict.elapsed).sum();
        xml.push_str(&format!(
            "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" time=\"{:.3}\">\n",
            escaped(&suite[0].task.file.name),
            suite.len(),
            failed.count(),
            time.as_secs_f64()
        ));
        for verdict in suite {
            let place = &verdict.task.case.place;
            xml.push_str(&format!(
                "    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\" time=\"{:.3}\"",
                escaped(&verdict.task.file.name),
                escaped(&verdict.task.case.name),
                escaped(place.file.name()),
                place.file.line_column(place.span.start).line,
                verdict.elapsed.as_secs_f64()
            ));
            if verdict.problems.is_empty() {
                xml.push_str("/>\n");
                continue;
            }
            xml.push_str(">\n");
            for problem in &verdict.problems {
                xml.push_str(&format!(
                    "      <failure type=\"{}\" message=\"{}\">{}</failure>\n",
                    problem.kind,
                    escaped(&problem.message),
                    escaped(&details(problem))
                ));
            }
            xml.push_str("    </testcase>\n");
        }
        xml.push_str("  </testsuite>\n");
    }
    if !strays.is_empty() {
        let count = strays.len();
        xml.push_str(&format!(
            "  <testsuite name=\"files\" tests=\"{count}\" failures=\"{count}\" time=\"0.000\">\n"
        ));
        xml.extend(strays.iter().map(Stray::junit));
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn json(results: &Results<'_>) -> String {
    let cases = results.verdicts.iter().map(|verdict| {
        let place = &verdict.task.case.place;
        let problems = verdict.problems.iter().map(|problem| {
            json!({
                "kind": problem.kind,
                "message": problem.message,
                "place": problem.place.as_ref().map(crate::core::source::Place::short),
                "details": problem.lines.iter().map(|line| {
                    let sign = match line.kind {
                        LineKind::Expected => "- ",
                        LineKind::Got => "+ ",
                        LineKind::Same | LineKind::Note => "  ",
                    };
                    format!("{sign}{}", line.text)
                }).collect::<Vec<_>>(),
                "help": problem.help,
            })
        });
        json!({
            "file": verdict.task.file.name,
            "case": verdict.task.case.name,
            "query": verdict.task.file.query.name,
            "place": place.short(),
            "passed": verdict.problems.is_empty(),
            "requests": verdict.requests,
            "milliseconds": u64::try_from(verdict.elapsed.as_millis()).unwrap_or(u64::MAX),
            "problems": problems.collect::<Vec<Value>>(),
            "updated": verdict.written,
            "removed": verdict.removed,
        })
    });
    let strays = results.strays.iter().map(Stray::json);
    let cases = Value::Array(cases.chain(strays).collect());
    let document = match results.coverage {
        None => cases,
        Some(coverage) => json!({ "cases": cases, "coverage": coverage.json() }),
    };
    format!("{document:#}\n")
}

fn github(results: &Results<'_>) -> String {
    let mut text: String = results.strays.iter().map(Stray::github).collect();
    for verdict in results.verdicts {
        for problem in &verdict.problems {
            let place = problem.place.as_ref().unwrap_or(&verdict.task.case.place);
            let title = format!("{}: {}", verdict.task.name(), problem.kind);
            text.push_str(&annotation::error(
                Some(place),
                &title,
                details(problem).trim(),
            ));
        }
    }
    text
}
