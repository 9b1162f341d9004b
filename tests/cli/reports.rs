//! The shipped reports: on the demo, without data, with missing data, and with hostile names.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::case::transcript;
use crate::support::{Answer, Exchange, Outcome, Project, Received, Run, Server};

/// All that come in Markdown and in HTML.
const REPORTS: [&str; 6] = [
    "approvals-report",
    "ci-health",
    "failures-report",
    "flaky-tests-report",
    "slow-jobs-report",
    "weekly-report",
];

const WEB: &str = "project_slug=gh/acme/web";

/// The demo's clock.
const NOON: [&str; 2] = ["--now", "2026-09-16T12:00:00Z"];

fn on_demo(project: &Project, args: &[&str]) -> Outcome {
    let run = Run::in_(project).without_env("CIRCLE_TOKEN");
    let outcome = run.args(["run", "--demo"]).args(args).outcome();
    outcome.assert_exit(0);
    outcome
}

/// `runner demo` with names that break a careless program, until it is dropped.
struct Demo {
    child: Child,
    url: String,
}

impl Demo {
    fn hostile() -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_runner"))
            .args(["demo", "--port", "0", "--hostile"])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the built binary");
        let mut url = String::new();
        let stdout = child.stdout.take().expect("piped");
        BufReader::new(stdout).read_line(&mut url).expect("a line");
        let url = url.trim_end().trim_end_matches("/api/v2").to_owned();
        Self { child, url }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

mod on_the_demo {
    use super::*;

    #[test]
    fn every_report_in_markdown() {
        let project = Project::shipped();
        for report in REPORTS {
            let outcome = on_demo(&project, &[report, "-o", "markdown"]);
            insta::assert_snapshot!(format!("{report}.md"), outcome.stdout_text());
        }
    }

    #[test]
    fn every_report_in_html() {
        let project = Project::shipped();
        for report in REPORTS {
            let outcome = on_demo(&project, &[report, "-o", "html"]);
            let html = outcome.stdout_text();
            assert_is_a_page(&html);
            insta::assert_snapshot!(format!("{report}.html"), without_pictures(&html));
        }
    }

    #[test]
    fn one_run_writes_both() {
        let project = Project::shipped();
        let dated = "out/{{ now() | date('%Y-%m-%d') }}.md";
        std::fs::create_dir(project.path().join("out")).expect("a fresh folder");
        on_demo(
            &project,
            &["weekly-report", "--out", dated, "--out", "weekly.html"],
        );
        let markdown = project.read("out/2026-09-16.md").expect("written");
        assert!(markdown.starts_with("# Weekly report"), "{markdown}");
        assert_is_a_page(&project.read("weekly.html").expect("written"));
    }

    #[test]
    fn where_nothing_happened_they_say_so() {
        let project = Project::shipped();
        let nothing = |report: &'static str, args: &[&str]| {
            on_demo(&project, &[&[report, "-o", "markdown"], args].concat())
        };
        let all = [
            nothing("approvals-report", &["branch=nothing"]),
            nothing("ci-health", &["branch=nothing"]),
            nothing("failures-report", &["branch=nothing"]),
            nothing("slow-jobs-report", &["branch=nothing"]),
            nothing("weekly-report", &["branch=nothing"]),
            on_demo(&project, &["weekly-message", "branch=nothing"]),
        ];
        insta::assert_snapshot!(transcript(&all));
        for report in REPORTS {
            let outcome = if report == "flaky-tests-report" {
                continue;
            } else {
                on_demo(&project, &[report, "-o", "html", "branch=nothing"])
            };
            assert_is_a_page(&outcome.stdout_text());
        }
    }

    #[test]
    fn what_is_new_of_the_flaky_tests_is_known_from_the_last_run() {
        let project = Project::shipped();
        let args = ["flaky-tests-report", "--state", "state"];
        let first = on_demo(&project, &args).stdout_text();
        assert!(!first.contains("new"), "{first}");
        // The file is that of the query and its vars.
        let files = std::fs::read_dir(project.path().join("state")).expect("the folder");
        let path = files
            .filter_map(|file| file.expect("a file").file_name().into_string().ok())
            .find(|name| name.starts_with("flaky-tests-report-") && !name.contains(".lock"))
            .map(|name| format!("state/{name}"))
            .expect("kept");
        let mut state: Value =
            serde_json::from_str(&project.read(&path).expect("kept")).expect("JSON");
        state["data"]["flaky"][0]["test"] = json!("an old test");
        project.write(&path, state.to_string());
        let second = on_demo(&project, &args);
        insta::assert_snapshot!(second.stdout_text());
    }

    #[test]
    fn a_project_with_nothing_flaky_says_so() {
        let server = Server::start(vec![
            Exchange::get("/api/v2/insights/gh%2Facme%2Fweb/flaky-tests")
                .answers(json!({"flaky_tests": [], "total_flaky_tests": 0})),
        ]);
        let project = Project::shipped().circleci(&server);
        let run = Run::in_(&project).args(["run", "flaky-tests-report", WEB, "-o", "markdown"]);
        let outcome = run.args(NOON).outcome();
        assert!(
            outcome.stdout_text().contains("No test passed and failed"),
            "{}",
            outcome.snapshot()
        );
        server.finish();
    }
}

#[test]
fn what_is_missing_is_reported_in_the_report() {
    let workflow = |name: &str| json!({"name": name, "metrics": {}});
    let exchanges = || {
        vec![
            Exchange::get(
                "/api/v2/insights/gh%2Facme%2Fweb/workflows?reporting-window=last-90-days&all-branches=true",
            )
            .answers(json!({"items": [workflow("build"), workflow("deploy")], "next_page_token": null})),
            Exchange::get(
                "/api/v2/insights/gh%2Facme%2Fweb/workflows/build?start-date=2026-08-18T00%3A00%3A00Z&all-branches=true",
            )
            .answers(json!({"items": [], "next_page_token": null})),
            Exchange::get(
                "/api/v2/insights/gh%2Facme%2Fweb/workflows/deploy?start-date=2026-08-18T00%3A00%3A00Z&all-branches=true",
            )
            .answers((404, json!({"message": "Workflow not found."}))),
        ]
    };
    for format in ["markdown", "html"] {
        let server = Server::start(exchanges());
        let project = Project::shipped().circleci(&server);
        let run = Run::in_(&project).args(["run", "ci-health", WEB, "-o", format]);
        let outcome = run.args(NOON).outcome();
        outcome.assert_exit(6);
        let text = outcome.stdout_text();
        assert!(text.contains("Not complete."), "{text}");
        assert!(text.contains("What ran is not known"), "{text}");
        server.finish();
    }
}

#[test]
fn hostile_names_break_neither_markdown_nor_html() {
    let demo = Demo::hostile();
    let project = Project::shipped().circleci_at(&demo.url, "");
    for report in REPORTS {
        let run = Run::in_(&project).args(["run", report, WEB, "--out", "r.md", "--out", "r.html"]);
        run.args(NOON).outcome().assert_exit(0);
        let html = project.read("r.html").expect("written");
        assert_is_a_page(&html);
        let markdown = project.read("r.md").expect("written");
        assert!(markdown.len() < 20_000, "{report}: {}", markdown.len());
        assert!(!markdown.contains("<script"), "{markdown}");
        for lines in markdown.lines().collect::<Vec<_>>().windows(2) {
            let [line, next] = lines else { continue };
            if line.starts_with('|') && next.starts_with('|') {
                assert_eq!(cells(line), cells(next), "{line}\n{next}");
            }
        }
    }
}

/// The reports of an organization, from its usage export.
mod of_usage {
    use super::*;

    /// A short period, since the demo takes a while to make a long one.
    const SHORT: [(&str, &[&str]); 2] = [
        (
            "cost-report",
            &["month=2026-09-14", "since=2026-09-13", "until=2026-09-15"],
        ),
        (
            "right-size-report",
            &["since=2026-09-14", "until=2026-09-15", "runs=1"],
        ),
    ];
    const BOTH: [&str; 4] = ["--out", "r.md", "--out", "r.html"];

    fn written(project: &Project) -> [String; 2] {
        ["r.md", "r.html"].map(|path| project.read(path).expect("written"))
    }

    #[test]
    fn on_the_demo() {
        let project = Project::shipped();
        for (report, _) in SHORT {
            on_demo(&project, &[&[report], &BOTH[..]].concat());
            let [markdown, html] = written(&project);
            insta::assert_snapshot!(format!("{report}.md"), markdown);
            assert_is_a_page(&html);
            insta::assert_snapshot!(format!("{report}.html"), without_pictures(&html));
        }
    }

    #[test]
    fn where_nothing_ran_they_say_so() {
        let project = Project::shipped();
        for (report, period) in SHORT {
            on_demo(
                &project,
                &[&[report, "project=nothing"], period, &BOTH[..]].concat(),
            );
            let [markdown, html] = written(&project);
            assert!(markdown.contains("ran "), "{markdown}");
            assert!(!markdown.contains('|'), "{markdown}");
            assert_is_a_page(&html);
        }
    }

    #[test]
    fn an_export_that_failed_is_no_empty_report() {
        let project = Project::shipped();
        let run = Run::in_(&project).without_env("CIRCLE_TOKEN");
        let run = run.args(["run", "--demo", "usage", "org_slug=gh/CircleCI-Public"]);
        let outcome = run.outcome();
        outcome.assert_exit(1);
        let said = outcome.stderr_text();
        assert!(said.contains("error[partial]"), "{said}");
        let expected = "error[expectation]: the export of ";
        assert!(said.contains(expected), "{said}");
        assert!(said.contains("longer than 4 hours"), "{said}");
    }
}

/// Returns the number of cells in a table row.
fn cells(line: &str) -> usize {
    line.replace("\\|", "").matches('|').count()
}

mod slack {
    use super::*;

    const WEBHOOK: &str = "/services/T0000/B0000/4f9aZq81c7d";

    /// Posts what the hostile demo tells to a webhook.
    fn posted(project: &Project, server: &Server, args: &[&str]) -> Outcome {
        let url = format!("{}{WEBHOOK}", server.url());
        let run = Run::in_(project)
            .env("SLACK_WEBHOOK_URL", &url)
            .secret("4f9aZq81c7d")
            .args(["run", "post-weekly-report", WEB])
            .args(NOON);
        run.args(args).outcome()
    }

    fn webhook() -> Exchange {
        Exchange::post(WEBHOOK).answers(Answer::status(200).body("text/html", "ok"))
    }

    fn text_of(request: &Received) -> String {
        let body = request.json();
        let text = &body["blocks"][0]["text"];
        assert_eq!(text["type"], "mrkdwn");
        text["text"].as_str().expect("a text").to_owned()
    }

    #[test]
    fn the_report_is_posted_within_the_limits_of_slack() {
        let demo = Demo::hostile();
        let project = Project::shipped().circleci_at(&demo.url, "");
        for branch in ["x".repeat(300), "<!channel> & <script>".to_owned()] {
            let server = Server::start(vec![webhook()]);
            let branch = format!("branch={branch}");
            let outcome = posted(&project, &server, &["--yes", &branch]);
            assert_eq!(outcome.assert_exit(0).stdout_text(), "ok");
            let requests = server.finish();
            let text = text_of(&requests[0]);
            assert!(text.chars().count() <= 3000, "{text}");
            assert!(!text.contains("<!channel>"), "{text}");
        }
    }

    #[test]
    fn a_response_that_says_no_is_no_success() {
        let demo = Demo::hostile();
        let project = Project::shipped().circleci_at(&demo.url, "");
        let no = json!({ "ok": false, "error": "invalid_auth" });
        let server = Server::start(vec![Exchange::post(WEBHOOK).answers(no)]);
        let outcome = posted(&project, &server, &["--yes"]);
        outcome.assert_exit(1);
        assert!(outcome.stdout_text().contains("invalid_auth"));
        server.finish();
    }

    #[test]
    fn many_workflows_with_long_names_fit() {
        let metrics = json!({});
        let name = |number: usize| format!("{number}<&>{}", "&".repeat(5000));
        let workflows: Vec<Value> = (0..30)
            .map(|number| json!({"name": name(number), "metrics": metrics}))
            .collect();
        let mut exchanges = vec![
            Exchange::get("/api/v2/insights/gh%2Facme%2Fweb/workflows?reporting-window=last-90-days&all-branches=true")
                .answers(json!({"items": workflows, "next_page_token": null})),
            Exchange::get("/api/v2/insights/gh%2Facme%2Fweb/flaky-tests")
                .answers(json!({"flaky_tests": [], "total_flaky_tests": 0})),
        ];
        for number in 0..30 {
            let encoded = name(number)
                .replace('<', "%3C")
                .replace('&', "%26")
                .replace('>', "%3E");
            let target = format!(
                "/api/v2/insights/gh%2Facme%2Fweb/workflows/{encoded}?start-date=2026-09-02T00%3A00%3A00Z&end-date=2026-09-16T00%3A00%3A00Z&all-branches=true"
            );
            let run = json!({
                "id": format!("w-{number}"), "branch": "main", "status": "success",
                "duration": 5000 + number, "credits_used": 7, "created_at": "2026-09-12T10:00:00Z",
            });
            exchanges.push(
                Exchange::get(&target).answers(json!({"items": [run], "next_page_token": null})),
            );
        }
        exchanges.push(webhook());
        let server = Server::start(exchanges);
        let project = Project::shipped().circleci(&server);
        let outcome = posted(&project, &server, &["--yes"]);
        outcome.assert_exit(0);
        let requests = server.finish();
        let text = text_of(requests.last().expect("posted"));
        assert!(text.chars().count() <= 3000, "{}", text.chars().count());
        assert!(text.contains("and 22 more workflows"), "{text}");
        // What is left are links, and escapes that are whole.
        for part in text.split('&').skip(1) {
            assert!(
                ["amp;", "lt;", "gt;"]
                    .iter()
                    .any(|end| part.starts_with(end)),
                "{text}"
            );
        }
    }

    #[test]
    fn without_a_terminal_it_asks_for_yes_and_the_address_is_masked() {
        let demo = Demo::hostile();
        let project = Project::shipped().circleci_at(&demo.url, "");
        let server = Server::start(Vec::new());
        let unasked = posted(&project, &server, &[]);
        unasked.assert_exit(7);
        let shown = posted(&project, &server, &["--dry-run"]);
        shown.assert_exit(0);
        server.finish();
        insta::assert_snapshot!(transcript([&unasked, &shown]));
    }

    #[test]
    fn a_refusal_is_reported_without_the_address() {
        let server = Server::start(vec![
            Exchange::get("/api/v2/insights/gh%2Facme%2Fweb/workflows?reporting-window=last-90-days&all-branches=true")
                .answers(json!({"items": [], "next_page_token": null})),
            Exchange::get("/api/v2/insights/gh%2Facme%2Fweb/flaky-tests")
                .answers(json!({"flaky_tests": [], "total_flaky_tests": 0})),
            Exchange::post(WEBHOOK).answers(Answer::status(400).body("text/html", "invalid_blocks")),
        ]);
        let project = Project::shipped().circleci(&server);
        let outcome = posted(&project, &server, &["--yes", "-v"]);
        outcome.assert_exit(3);
        let stderr = outcome.stderr_text();
        assert!(stderr.contains("invalid_blocks"), "{stderr}");
        server.finish();
    }

    #[test]
    fn the_message_can_be_read_before_it_is_posted() {
        let project = Project::shipped();
        let outcome = on_demo(&project, &["weekly-message"]);
        insta::assert_snapshot!(outcome.stdout_text());
    }
}

/// Fails unless every element is closed, in order, nothing is fetched and nothing runs.
#[track_caller]
fn assert_is_a_page(html: &str) {
    const VOID: [&str; 3] = ["br", "meta", "hr"];
    assert!(html.starts_with("<!doctype html>"), "{html}");
    let mut open: Vec<&str> = Vec::new();
    let mut rest = html.strip_prefix("<!doctype html>").unwrap_or(html);
    while let Some(at) = rest.find('<') {
        let end = rest[at..].find('>').expect("a tag ends") + at;
        let tag = &rest[at + 1..end];
        assert!(!tag.contains('<'), "`<` within a tag: {tag}");
        let name = tag
            .trim_start_matches('/')
            .split([' ', '/', '\n'])
            .next()
            .unwrap_or_default();
        rest = &rest[end + 1..];
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name), "before: {rest:.200}");
        } else if !tag.ends_with('/') && !VOID.contains(&name) {
            open.push(name);
        }
        assert_ne!(name, "script");
        assert!(
            !["link", "img", "iframe", "object", "base"].contains(&name),
            "{tag}"
        );
        for attribute in tag.split_whitespace().skip(1) {
            assert!(!attribute.starts_with("on"), "{tag}");
            let is_address = attribute.contains("http:") || attribute.contains("https:");
            let is_own = attribute.starts_with("href=") && name == "a"
                || attribute == "xmlns=\"http://www.w3.org/2000/svg\"";
            assert!(!is_address || is_own, "{tag}");
        }
        if name == "style" && !tag.starts_with('/') {
            let (style, after) = rest.split_once("</style>").expect("a style ends");
            assert!(
                !style.contains("url(") && !style.contains("@import"),
                "{style}"
            );
            open.pop();
            rest = after;
        }
    }
    assert_eq!(open, Vec::<&str>::new());
}

/// A page with its styles and charts cut short, which have tests of their own.
fn without_pictures(html: &str) -> String {
    let mut text = html.to_owned();
    for (start, end, kept) in [
        ("<style>", "</style>", "<style>…</style>"),
        (
            "<figure class=\"chart\">",
            "</figure>",
            "<figure>…</figure>",
        ),
    ] {
        let mut cut = String::new();
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once(start) {
            let (_, after) = after.split_once(end).expect("it ends");
            cut.push_str(before);
            cut.push_str(kept);
            rest = after;
        }
        cut.push_str(rest);
        text = cut;
    }
    // Of the small ones the title tells what they show.
    let mut cut = String::new();
    let mut rest = text.as_str();
    while let Some((before, after)) = rest.split_once("<svg") {
        let (svg, after) = after.split_once("</svg>").expect("it ends");
        let title = svg
            .split_once("<title>")
            .and_then(|(_, title)| title.split_once("</title>"));
        cut.push_str(before);
        cut.push_str(&format!(
            "<svg>{}</svg>",
            title.map_or("", |(title, _)| title)
        ));
        rest = after;
    }
    cut + rest
}
