//! The other verbs, and the shipped files.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::{Value, json};

use crate::case::transcript;
use crate::support::{Answer, CANARY, Exchange, Fault, Outcome, Project, Run, Server};

/// Runs a verb in a project.
fn run(project: &Project, args: &[&str]) -> Outcome {
    Run::in_(project).args(args).outcome()
}

mod help {
    use super::*;

    #[test]
    fn every_verb_has_a_page_with_examples() {
        let project = Project::new();
        for verb in [
            "run",
            "sql",
            "check",
            "list",
            "show",
            "ping",
            "demo",
            "schema",
            "explain",
            "man",
            "completions",
        ] {
            let outcome = run(&project, &[verb, "--help"]);
            assert!(
                outcome.assert_exit(0).stdout_text().contains("Examples:"),
                "{verb}"
            );
            insta::assert_snapshot!(format!("help_of_{verb}"), outcome.snapshot());
        }
        insta::assert_snapshot!("help", run(&project, &["--help"]).assert_exit(0).snapshot());
    }

    #[test]
    fn the_short_page_has_a_line_an_option() {
        let outcome = run(&Project::new(), &["run", "-h"]);
        insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
    }

    #[test]
    fn the_version_is_that_of_the_package() {
        let outcome = run(&Project::new(), &["-V"]);
        let expected = format!("runner {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(outcome.assert_exit(0).stdout_text(), expected);
    }

    #[test]
    fn the_long_version_has_the_features_on_the_same_line() {
        let outcome = run(&Project::new(), &["--version"]);
        let text = outcome.assert_exit(0).stdout_text();
        let short = format!("runner {}", env!("CARGO_PKG_VERSION"));
        let details = text.strip_prefix(&short).expect("the version comes first");
        assert_eq!(text.lines().count(), 1);
        if cfg!(feature = "parquet") {
            // What comes before depends on the source it was built from: `tests/version.rs`.
            assert!(
                details.starts_with(" (") && details.ends_with("parquet)\n"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_reader_that_has_seen_enough_of_them_is_no_error() {
        let project = Project::new();
        for shell in ["bash", "zsh", "fish"] {
            let run = Run::in_(&project).args(["completions", shell]);
            let outcome = run.stdout_closed_after(0).outcome();
            assert_eq!(outcome.assert_exit(0).stderr_text(), "");
        }
    }

    #[test]
    fn every_shell_gets_its_completions() {
        let project = Project::new();
        for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
            let script = run(&project, &["completions", shell])
                .assert_exit(0)
                .stdout_text();
            // In the others, the script asks `runner complete`.
            if ["elvish", "powershell"].contains(&shell) {
                for word in ["dry-run", "error-format", "completions"] {
                    assert!(script.contains(word), "{shell}: {word}");
                }
            }
        }
        let script = run(&project, &["completions", "bash"]).stdout_text();
        let checked = Command::new("bash").args(["-n", "-c", &script]).status();
        assert!(checked.expect("bash").success());
    }
}

mod check {
    use super::*;

    /// A project with faults of several kinds in several files.
    fn faulty() -> Project {
        Project::new()
            .file("resources/circleci.yaml", "type: circleci\ntimeout: fast\nauht: none\n")
            .file("resources/other.yaml", "name: circleci\ntype: circleci\n")
            .query("good", "resource: other\nendpoint: /me\n")
            .query("a/ci jobs", "resource: circelci\nendpoint: /x/{{ workflowid }}\nvars: { workflow_id: {} }\nextract:\n  ü: $.items[\n")
            .query("yaml", "endpoint: [\n")
    }

    #[test]
    fn all_faults_of_all_files_are_reported_at_once() {
        let project = faulty();
        for (name, format) in [
            ("text", None),
            ("json", Some("json")),
            ("github", Some("github")),
            ("sarif", Some("sarif")),
        ] {
            let format: Vec<&str> = format
                .iter()
                .flat_map(|format| ["--format", format])
                .collect();
            let outcome = run(&project, &[&["check"], &format[..]].concat());
            insta::assert_snapshot!(
                format!("check_in_{name}"),
                outcome.assert_exit(2).snapshot()
            );
        }
    }

    #[test]
    fn every_format_names_the_same_place() {
        let project = Project::new().query("yaml", "endpoint: [\n");
        let text = run(&project, &["check"]).stderr_text();
        assert!(text.contains("queries/yaml.yaml:1:11"), "{text}");
        let json = run(&project, &["check", "--format", "json"]).stdout_json();
        let fault = &json["faults"][0];
        assert_eq!((&fault["line"], &fault["column"]), (&json!(1), &json!(11)));
    }

    #[test]
    fn sarif_names_files_by_their_uris() {
        let project = Project::new().query("ci jobs", "endpoint: [\n");
        let sarif = run(&project, &["check", "--format", "sarif"]).stdout_json();
        let place = &sarif["runs"][0]["results"][0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "queries/ci%20jobs.yaml");
    }

    #[test]
    fn a_path_narrows_the_check() {
        let project = faulty();
        let all = [
            run(&project, &["check", "queries/yaml.yaml"]),
            run(&project, &["check", "resources"]),
            run(&project, &["check", "no/such/file.yaml"]),
        ];
        for outcome in &all {
            outcome.assert_exit(2);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn no_faults_are_reported_unless_it_is_to_be_quiet() {
        let project = Project::new()
            .file("resources/circleci.yaml", "type: circleci\n")
            .query("a", "resource: circleci\nendpoint: /me\n")
            .query("b", "resource: circleci\nendpoint: /me\n");
        let all = [
            run(&project, &["check"]),
            run(&project, &["check", "queries/a.yaml"]),
            run(&project, &["check", "-q"]),
            run(&project, &["check", "--format", "github"]),
            run(&project, &["check", "--format", "json"]),
        ];
        for outcome in &all {
            outcome.assert_exit(0);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn a_check_sends_nothing_and_starts_nothing() {
        let server = Server::start(vec![]);
        let project = Project::new()
            .file(
                "resources/a.yaml",
                format!(
                    "type: rest\nbase_url: {}\nauth: {{ command: [touch, started] }}\n",
                    server.url()
                ),
            )
            .query(
                "q",
                "resource: a\nmethod: POST\nendpoint: /x\nvars: { b: \"{{ git.branch }}\" }\n",
            );
        run(&project, &["check"]).assert_exit(0);
        assert_eq!(project.read("started"), None);
        assert_eq!(server.connections(), 0);
        server.finish();
    }
}

mod list_and_show {
    use super::*;

    #[test]
    fn a_resource_that_cannot_be_read_is_listed_as_broken() {
        let project = Project::new()
            .circleci_at("http://127.0.0.1:9", "")
            .file("resources/odd.yaml", "- not a mapping\n");
        let text = run(&project, &["list"]).assert_exit(0).stdout_text();
        assert!(text.contains("odd") && text.contains("(broken)"), "{text}");
        let json = run(&project, &["list", "-o", "json"]).stdout_json();
        let names = json["resources"].as_array().expect("a list").iter();
        assert!(names.clone().any(|item| item["name"] == "odd"), "{json}");
    }

    fn project() -> Project {
        Project::new()
            .file(
                "resources/circleci.yaml",
                "type: circleci\nfolder: ci\ndescription: CircleCI data\n",
            )
            .file(
                "resources/eu/other.yaml",
                "type: rest
base_url: https://api.example.com/v1
auth: { basic: { username: ci, password: \"{{ env.CIRCLE_TOKEN }}\" } }
access: read-only
environments: { staging: { base_url: https://staging.example.com }, live: { timeout: 5s } }\n",
            )
            .query("me", "resource: circleci\nendpoint: /me\n")
            .query(
                "jobs/cancel",
                "description: |-
  Cancels a job.
  At once.
resource: circleci
vars:
  id: { description: Id of the job, pattern: '[0-9]+', example: 12 }
  how: { enum: [soft, hard], default: soft }
  since: { type: time, default: 7d }
  key: { secret: true, default: \"{{ env.CIRCLE_TOKEN }}\" }
  tags: { type: list, default: [a, b] }
method: POST
endpoint: /job/{{ id }}/cancel
params: { how: \"{{ how }}\", gone: null }
headers: { X-Key: \"{{ key }}\" }
body: { json: { since: \"{{ since }}\", tags: \"{{ tags }}\" } }
confirm: Cancel {{ id }}?
rows: $.items[*]
extract: { id: $.id, minutes: \"{{ row.duration | minutes }}\", n: { path: '$.a[*]', take: count } }
limit: 5\n",
            )
            .query("broken", "endpoint: [\n")
    }

    #[test]
    fn a_tree_of_resources_and_queries() {
        let project = project();
        let all = [
            run(&project, &["list"]),
            run(&project, &["list", "-o", "json"]),
            run(&Project::new(), &["list"]),
        ];
        for outcome in &all {
            outcome.assert_exit(0);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn a_narrow_terminal_cuts_the_descriptions() {
        let outcome = Run::in_(&shipped())
            .args(["list"])
            .terminal(50)
            .env("NO_COLOR", "1")
            .outcome();
        insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
    }

    #[test]
    fn one_query_or_resource_with_all_that_is_known_of_it() {
        let project = project();
        let all = [
            run(&project, &["show", "cancel"]),
            run(
                &project,
                &["show", "queries/jobs/cancel.yaml", "-o", "json"],
            ),
            run(&project, &["show", "me"]),
            run(&project, &["show", "circleci"]),
            run(&project, &["show", "other"]),
            run(&project, &["show", "resources/eu/other.yaml", "-o", "json"]),
        ];
        for outcome in &all {
            outcome.assert_exit(0);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn what_cannot_be_shown_is_reported() {
        let project = project();
        let all = [
            run(&project, &["show", "cancle"]),
            run(&project, &["show", "broken"]),
            run(&project, &["show", "queries/none.yaml"]),
        ];
        for outcome in &all {
            outcome.assert_exit(2);
        }
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn the_example_call_of_a_query_can_be_typed() {
        let project = project();
        let shown = run(&project, &["show", "cancel"]).stdout_text();
        let (_, example) = shown.rsplit_once("runner run ").expect("an example");
        let words: Vec<&str> = example.split_whitespace().collect();
        run(&project, &[&["run", "--dry-run"], &words[..]].concat()).assert_exit(0);
    }
}

mod ping {
    use super::*;

    fn me() -> Exchange {
        Exchange::get("/api/v2/me").with_header("circle-token", CANARY)
    }

    fn pinged(exchange: Exchange, args: &[&str]) -> Outcome {
        let server = Server::start(vec![exchange]);
        let project = Project::new().circleci_at(&server.url(), "retry: { max_attempts: 1 }");
        let outcome = run(&project, &[&["ping"], args].concat());
        server.finish();
        outcome
    }

    /// The rows without what a clock measured.
    fn rows(outcome: &Outcome) -> Value {
        let mut rows = outcome.stdout_json();
        for row in rows.as_array_mut().expect("a list") {
            if let Some(latency) = row.get_mut("latency_ms").filter(|value| value.is_u64()) {
                *latency = json!("measured");
            }
        }
        rows
    }

    #[test]
    fn a_good_token_is_reported_with_its_owner_and_what_is_left() {
        let answer = Answer::status(200)
            .header("ratelimit-remaining", "55")
            .header("x-ratelimit-remaining-minute", "7")
            .header("x-ratelimit-limit", "60")
            .json(&json!({"id": "x", "login": "mika", "name": "Mika L"}));
        let outcome = pinged(me().answers(answer), &[]);
        assert_eq!(
            rows(outcome.assert_exit(0)),
            json!([{"resource": "circleci", "state": "ok", "who": "Mika L (mika)", "latency_ms": "measured", "limit_left": 7, "reason": null}])
        );
        assert_eq!(outcome.stderr_text(), "");
    }

    #[test]
    fn a_terminal_gets_a_table() {
        let server = Server::start(vec![me().answers(json!({"login": "mika"}))]);
        let project = Project::new().circleci(&server);
        let outcome = Run::in_(&project)
            .args(["ping"])
            .terminal(80)
            .env("NO_COLOR", "1")
            .outcome();
        let screen = outcome.assert_exit(0).stdout_text();
        let words: Vec<Vec<&str>> = screen
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(
            words[0],
            [
                "RESOURCE",
                "STATE",
                "WHO",
                "LATENCY_MS",
                "LIMIT_LEFT",
                "REASON"
            ]
        );
        assert_eq!(words[1][..3], ["circleci", "ok", "mika"]);
        server.finish();
    }

    #[test]
    fn what_is_not_good_is_reported_and_is_the_exit_code() {
        let bad = pinged(
            me().answers((401, json!({"message": "You must log in first."}))),
            &[],
        );
        let down = pinged(
            me().answers(Fault::CloseAtOnce),
            &["--error-format", "json"],
        );
        let refusing = Server::refusing();
        let refused = Project::new().circleci_at(&refusing.url(), "retry: { max_attempts: 1 }");
        let refused = run(&refused, &["ping"]);
        let unset = Project::new().circleci_at("http://127.0.0.1:1", "");
        let unset = Run::in_(&unset)
            .args(["ping"])
            .without_env("CIRCLE_TOKEN")
            .outcome();
        let unknown = run(
            &Project::new().circleci_at("http://127.0.0.1:1", ""),
            &["ping", "circelci"],
        );
        let all = [bad, down, refused, unset, unknown];
        assert_eq!(all.each_ref().map(|outcome| outcome.exit), [4, 5, 5, 4, 2]);
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn a_response_that_is_not_the_apis_is_not_good() {
        let page = Answer::status(200).body("text/html", "<!DOCTYPE html>\n<title>Sign in</title>");
        let outcome = pinged(me().answers(page), &[]);
        assert_eq!(rows(outcome.assert_exit(3))[0]["state"], "failed");
    }

    #[test]
    fn one_bad_resource_does_not_hide_the_others() {
        let server = Server::start(vec![
            Exchange::get("/").without_header("circle-token"),
            Exchange::get("/staging/me")
                .with_header("circle-token", CANARY)
                .answers(json!({"login": "mika"})),
            Exchange::get("/v3/users?filter[user_id]=me")
                .with_header("authorization", format!("Bearer {CANARY}"))
                .answers((403, json!({"error": {"title": "Forbidden"}}))),
        ]);
        let url = server.url();
        let project = Project::new()
            .file(
                "resources/a.yaml",
                format!("type: circleci\napi: v3\nbase_url: {url}/v3\nenvironments: {{ staging: {{}} }}\n"),
            )
            .file(
                "resources/b.yaml",
                format!("type: circleci\nbase_url: {url}\nenvironments: {{ staging: {{ base_url: {url}/staging }} }}\n"),
            )
            .file(
                "resources/c.yaml",
                format!("type: rest\nbase_url: {url}\nenvironments: {{ staging: {{}} }}\n"),
            );
        let outcome = run(&project, &["ping", "--env", "staging"]);
        assert_eq!(
            rows(outcome.assert_exit(4)),
            json!([
                {"resource": "a", "state": "failed", "who": null, "latency_ms": null, "limit_left": null,
                 "reason": "a returned 403 Forbidden: Forbidden"},
                {"resource": "b", "state": "ok", "who": "mika", "latency_ms": "measured", "limit_left": null,
                 "reason": null},
                {"resource": "c", "state": "ok", "who": null, "latency_ms": "measured", "limit_left": null,
                 "reason": null},
            ])
        );
        server.finish();
    }

    /// The shipped project has a webhook, whose variable is usually unset.
    #[test]
    fn a_resource_that_only_takes_messages_gets_no_request() {
        let server = Server::start(vec![
            me().answers(json!({"login": "mika", "name": "Mika"}))
                .times(4),
        ]);
        let project = Project::new()
            .circleci(&server)
            .file(
                "resources/slack.yaml",
                "type: rest\nbase_url: \"{{ env.SLACK_WEBHOOK_URL }}\"\naccess: write-only\n",
            )
            .query("read", "resource: slack\nendpoint: \"\"\n");
        for format in ["json", "csv", "markdown", "table"] {
            let outcome = run(&project, &["ping", "-o", format]);
            let text = outcome.assert_exit(0).stdout_text();
            assert!(text.contains("skipped"), "{text}");
            assert!(text.contains("write-only: nothing to read"), "{text}");
            assert_eq!(outcome.stderr_text(), "");
        }
        let read = Run::in_(&project)
            .args(["run", "read"])
            .env("SLACK_WEBHOOK_URL", "http://127.0.0.1:9/services/secret")
            .outcome();
        server.finish();
        insta::assert_snapshot!(read.assert_exit(7).snapshot());
    }
}

mod demo {
    use super::*;

    /// `runner demo`, until it is dropped.
    struct Demo {
        child: Child,
        url: String,
    }

    impl Demo {
        fn start(args: &[&str]) -> Self {
            let mut child = Command::new(env!("CARGO_BIN_EXE_runner"))
                .args(["demo", "--port", "0"])
                .args(args)
                .stdout(Stdio::piped())
                .stderr(Stdio::null())
                .spawn()
                .expect("the built binary");
            let mut url = String::new();
            let stdout = child.stdout.take().expect("piped");
            BufReader::new(stdout).read_line(&mut url).expect("a line");
            Self {
                child,
                url: url.trim_end().to_owned(),
            }
        }

        /// Status line, header fields and body of `GET /api/v2{target}`.
        fn get(&self, target: &str, more: &str) -> String {
            let address = self
                .url
                .trim_start_matches("http://")
                .trim_end_matches("/api/v2");
            let mut stream = TcpStream::connect(address).expect("the demo listens");
            write!(
                stream,
                "GET /api/v2{target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}\r\n"
            )
            .expect("sent");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("answered");
            answer
        }

        fn project(&self) -> Project {
            let url = self.url.trim_end_matches("/api/v2");
            Project::new()
                .circleci_at(url, "retry: { max_attempts: 1 }")
                .query(
                    "me",
                    "resource: circleci\nendpoint: /me\nextract: { login: $.login }\n",
                )
        }
    }

    impl Drop for Demo {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    const TOKEN: &str = "circle-token: any\r\n";

    #[test]
    fn it_answers_on_a_port_of_its_own() {
        let demo = Demo::start(&[]);
        assert!(demo.url.starts_with("http://127.0.0.1:"), "{}", demo.url);
        assert!(demo.get("/me", TOKEN).starts_with("HTTP/1.1 200 "));
        assert!(demo.get("/me", "").starts_with("HTTP/1.1 401 "));
        assert!(
            demo.get("/no-such-route", TOKEN)
                .starts_with("HTTP/1.1 404 ")
        );
        let project = demo.project();
        let outcome = run(&project, &["run", "me"]);
        assert_eq!(
            outcome.assert_exit(0).stdout_json(),
            json!({"login": "mika"})
        );
    }

    #[test]
    fn it_requires_the_configured_token() {
        let demo = Demo::start(&["--token", "only-this-one"]);
        let project = demo.project();
        run(&project, &["run", "me"]).assert_exit(4);
        let run = Run::in_(&project).args(["run", "me"]);
        run.env("CIRCLE_TOKEN", "only-this-one")
            .outcome()
            .assert_exit(0);
    }

    #[test]
    fn failures_and_limits_can_be_ordered() {
        let demo = Demo::start(&["--fail-every", "2:503"]);
        let status = |demo: &Demo| demo.get("/me", TOKEN)[9..12].to_owned();
        let seen: Vec<String> = (0..4).map(|_| status(&demo)).collect();
        assert_eq!(seen, ["200", "503", "200", "503"]);
        let demo = Demo::start(&["--rate-limit", "2/1h"]);
        let seen: Vec<String> = (0..3).map(|_| status(&demo)).collect();
        assert_eq!(seen, ["200", "200", "429"]);
        assert!(
            demo.get("/me", TOKEN)
                .to_lowercase()
                .contains("\r\nretry-after: ")
        );
    }

    #[test]
    fn the_same_seed_gives_the_same_world_and_another_another() {
        let body = |demo: &Demo| {
            let answer = demo.get("/project/gh%2Facme%2Fweb/pipeline", TOKEN);
            answer.rsplit("\r\n\r\n").next().map(str::to_owned)
        };
        let first = Demo::start(&["--seed", "7"]);
        assert_eq!(body(&first), body(&Demo::start(&["--seed", "7"])));
        assert_ne!(body(&first), body(&Demo::start(&["--seed", "8"])));
    }

    #[test]
    fn a_port_that_is_taken_is_reported() {
        let demo = Demo::start(&[]);
        let port = demo
            .url
            .trim_start_matches("http://127.0.0.1:")
            .trim_end_matches("/api/v2");
        let outcome = run(&Project::new(), &["demo", "--port", port]);
        let snapshot = outcome.assert_exit(5).snapshot();
        insta::assert_snapshot!(snapshot.replace(port, "[PORT]"));
        let wrong = [
            run(&Project::new(), &["demo", "--fail-every", "x"]),
            run(&Project::new(), &["demo", "--rate-limit", "30"]),
            run(&Project::new(), &["demo", "--shape", "2"]),
            run(&Project::new(), &["demo", "--now", "someday"]),
        ];
        for outcome in &wrong {
            outcome.assert_exit(2);
        }
        insta::assert_snapshot!("a_demo_that_cannot_be_ordered", transcript(&wrong));
    }

    #[test]
    fn an_interrupt_ends_it_in_peace() {
        let mut demo = Demo::start(&[]);
        // Once it has answered, it also listens for the interrupt.
        assert!(demo.get("/me", TOKEN).starts_with("HTTP/1.1 200 "));
        let line = format!("kill -INT {}", demo.child.id());
        let sent = Command::new("sh").args(["-c", &line]).status();
        assert!(sent.expect("a shell").success());
        let status = demo.child.wait().expect("a child of this process");
        assert_eq!(status.code(), Some(0));
    }

    #[test]
    fn hostile_names_do_no_harm() {
        let demo = Demo::start(&["--hostile"]);
        let url = demo.url.trim_end_matches("/api/v2");
        let project = shipped().circleci_at(url, "");
        for format in ["table", "csv", "markdown", "json", "yaml"] {
            let run = Run::in_(&project).args([
                "run",
                "project-pipelines",
                "project_slug=gh/acme/web",
                "-o",
                format,
            ]);
            let outcome = run.terminal(80).env("NO_COLOR", "1").outcome();
            let text = outcome.assert_exit(0).stdout_text();
            let wild = text
                .chars()
                .find(|c| c.is_control() && !"\r\n\t".contains(*c));
            assert_eq!(wild, None, "{format}");
        }
    }
}

mod shipped_files {
    use super::*;

    #[test]
    fn they_pass_the_check() {
        let outcome = run(&shipped(), &["check"]);
        insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
    }

    #[test]
    fn the_seed_example_answers_as_the_api_documents_it() {
        let outcome = Run::in_(&shipped())
            .args([
                "run",
                "queries/get-workflow.yaml",
                "workflow_id=5034460f-c7c4-4c43-9457",
                "--demo",
            ])
            .without_env("CIRCLE_TOKEN")
            .outcome();
        insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
    }

    #[test]
    fn every_query_has_a_description_and_described_vars() {
        let project = shipped();
        let list = run(&project, &["list", "-o", "json"]).stdout_json();
        let queries = list["queries"].as_array().expect("a list");
        assert_eq!(queries.len(), 114);
        for query in queries {
            let name = query["name"].as_str().expect("a name");
            let shown = run(&project, &["show", name, "-o", "json"])
                .assert_exit(0)
                .stdout_json();
            assert!(shown["description"].is_string(), "{name}");
            let has_form = shown["columns"].is_array() || shown["report"].is_array();
            assert!(has_form || shown["method"] == "POST", "{name}");
            for var in shown["vars"].as_array().expect("a list") {
                assert!(var["description"].is_string(), "{name}: {var}");
            }
        }
    }

    /// A run of a shipped query on the demo, without a token and with the first records only.
    fn on_demo(project: &Project, query: &str, args: &[&str]) -> Outcome {
        let run = Run::in_(project)
            .without_env("CIRCLE_TOKEN")
            .args(["run", query, "--demo", "--limit", "3"]);
        let outcome = run.args(args).outcome();
        outcome.assert_exit(0);
        outcome
    }

    /// The records of a list.
    fn list(project: &Project, query: &str, args: &[&str]) -> Vec<Value> {
        let run = Run::in_(project)
            .without_env("CIRCLE_TOKEN")
            .args(["run", query, "--demo"]);
        let outcome = run.args(args).outcome();
        outcome
            .assert_exit(0)
            .stdout_json()
            .as_array()
            .expect("a list")
            .clone()
    }

    fn text<'v>(value: &'v Value, key: &str) -> &'v str {
        value[key]
            .as_str()
            .unwrap_or_else(|| panic!("no text `{key}` in {value}"))
    }

    /// The first workflow of the newest pipelines with this status.
    fn workflow(project: &Project, status: &str) -> String {
        let pipelines = list(project, "project-pipelines", &["limit=60"]);
        let found = pipelines.iter().find_map(|pipeline| {
            let id = format!("pipeline_id={}", text(pipeline, "id"));
            let workflows = list(project, "pipeline-workflows", &[&id]);
            let found = workflows
                .iter()
                .find(|workflow| workflow["status"] == status);
            found.map(|workflow| text(workflow, "id").to_owned())
        });
        found.unwrap_or_else(|| panic!("no workflow is {status}"))
    }

    #[test]
    fn every_query_that_reads_runs_on_the_demo() {
        let project = shipped();
        let pipeline = format!(
            "pipeline_id={}",
            text(
                &list(&project, "project-pipelines", &["limit=1", "branch=main"])[0],
                "id"
            )
        );
        let failed = format!("workflow_id={}", workflow(&project, "failed"));
        let jobs = list(&project, "workflow-jobs", &[&failed]);
        let job = jobs
            .iter()
            .find(|job| job["status"] == "failed")
            .expect("a failed job");
        let job = format!("job_number={}", job["job_number"]);
        let calls: [(&str, &[&str]); 25] = [
            ("get-workflow", &[&failed]),
            ("me", &[]),
            ("project", &[]),
            ("project-pipelines", &["branch=main"]),
            ("get-pipeline", &[&pipeline]),
            ("pipeline-workflows", &[&pipeline]),
            ("workflow-jobs", &[&failed]),
            ("job-details", &[&job]),
            ("job-tests", &[&job]),
            ("job-artifacts", &[&job]),
            ("insights-workflows", &[]),
            ("insights-workflow-runs", &["workflow_name=build-and-test"]),
            ("flaky-tests", &[]),
            ("contexts", &[]),
            ("pipelines-since", &[]),
            ("project-workflows", &["workflow_status=failed,error"]),
            ("project-jobs", &[]),
            ("failed-jobs", &["branch=main"]),
            ("failed-tests", &[]),
            ("slowest-jobs", &[]),
            ("on-hold-workflows", &[]),
            ("stuck-workflows", &[]),
            ("queue-times", &["job_name=e2e-tests"]),
            ("project-artifacts", &["since=12h"]),
            (
                "wait-for-workflow",
                &["workflow_id=5034460f-c7c4-4c43-9457"],
            ),
        ];
        let all = calls.map(|(query, args)| {
            let outcome = on_demo(&project, query, &[args, &["-o", "table"]].concat());
            assert!(
                outcome.stdout_text().lines().count() > 1,
                "{}",
                outcome.snapshot()
            );
            outcome
        });
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn what_a_pipeline_does_not_have_is_null() {
        let project = shipped();
        let pipelines = list(&project, "project-pipelines", &["limit=1", "branch=main"]);
        let id = format!("pipeline_id={}", text(&pipelines[0], "id"));
        let pipeline = on_demo(&project, "get-pipeline", &[&id]).stdout_json();
        assert_eq!(pipeline["branch"], "main");
        assert_eq!(pipeline["tag"], Value::Null);
    }

    /// The columns of a walk can be used for further queries.
    #[test]
    fn every_column_of_a_walk_is_filled_where_the_demo_can() {
        let project = shipped();
        for (query, column) in [
            ("project-jobs", "workflow_id"),
            ("failed-jobs", "workflow"),
            ("failed-tests", "message"),
            ("slowest-jobs", "pipeline"),
            ("on-hold-workflows", "workflow_id"),
            ("on-hold-workflows", "approval_request_id"),
            ("stuck-workflows", "id"),
            ("queue-times", "job_number"),
            ("project-artifacts", "url"),
        ] {
            let records = list(&project, query, &["since=2d"]);
            assert!(!records.is_empty(), "{query}");
            for record in &records {
                assert!(!record[column].is_null(), "{query}: {record}");
            }
        }
    }

    #[test]
    fn waiting_fails_where_the_workflow_failed() {
        let project = shipped();
        let failed = format!("workflow_id={}", workflow(&project, "failed"));
        let outcome = run(&project, &["run", "wait-for-workflow", &failed, "--demo"]);
        let record = outcome.assert_exit(1).stdout_json();
        assert_eq!(record["status"], "failed");
    }

    #[test]
    fn every_query_that_writes_runs_on_the_demo() {
        let project = shipped();
        let held = workflow(&project, "on_hold");
        let held_id = format!("workflow_id={held}");
        let jobs = list(&project, "workflow-jobs", &[&held_id]);
        let approval = jobs
            .iter()
            .find(|job| job["status"] == "on_hold")
            .expect("an approval");
        assert_eq!(approval["job_number"], Value::Null);
        let approval = format!(
            "approval_request_id={}",
            text(approval, "approval_request_id")
        );
        let failed = format!("workflow_id={}", workflow(&project, "failed"));
        let running = format!("workflow_id={}", workflow(&project, "running"));
        let calls: [(&str, &[&str]); 6] = [
            (
                "trigger-pipeline",
                &["branch=main", "parameters:={\"deploy\": true}"],
            ),
            (
                "trigger-pipeline-run",
                &["branch=main", "project_slug=gh/acme/api"],
            ),
            ("rerun-workflow", &[&failed, "from_failed=true"]),
            ("rerun-workflow", &[&failed]),
            ("cancel-workflow", &[&running]),
            ("approve-job", &[&held_id, &approval]),
        ];
        let all = calls.map(|(query, args)| on_demo(&project, query, &[args, &["--yes"]].concat()));
        insta::assert_snapshot!(transcript(&all));
    }

    #[test]
    fn every_query_that_writes_asks_first() {
        let project = shipped();
        for (query, args) in [
            ("trigger-pipeline", &["branch=main"][..]),
            ("trigger-pipeline-run", &["branch=main"]),
            ("rerun-workflow", &["workflow_id=x"]),
            ("cancel-workflow", &["workflow_id=x"]),
            ("approve-job", &["workflow_id=x", "approval_request_id=y"]),
        ] {
            let outcome = run(&project, &[&["run", query, "--demo"], args].concat());
            assert!(outcome.assert_exit(7).stderr_text().contains("question: "));
        }
    }

    #[test]
    fn what_starts_nothing_is_no_success() {
        let project = shipped();
        let calls = ["trigger-pipeline", "trigger-pipeline-run"].map(|query| {
            let words = ["branch=docs/skip-ci", "project_slug=gh/acme/web", "--yes"];
            run(&project, &[&["run", query, "--demo"], &words[..]].concat())
        });
        for outcome in &calls {
            assert_eq!(outcome.assert_exit(1).stdout_text(), "");
        }
        insta::assert_snapshot!(transcript(&calls));
    }

    /// Success by their status, and nothing of what was asked for.
    #[test]
    fn a_response_without_what_was_requested_is_no_success() {
        for (query, args, target) in [
            (
                "trigger-pipeline",
                &["project_slug=gh/acme/web", "branch=main"][..],
                "/api/v2/project/gh%2Facme%2Fweb/pipeline",
            ),
            (
                "trigger-pipeline-run",
                &["project_slug=circleci/a/b", "tag=v1"],
                "/api/v2/project/circleci/a/b/pipeline/run",
            ),
            (
                "rerun-workflow",
                &["workflow_id=w"],
                "/api/v2/workflow/w/rerun",
            ),
        ] {
            let message = json!({ "message": "no workflow was started" });
            let server = Server::start(vec![
                Exchange::post(target).times(2).answers((201, message)),
            ]);
            let project = Project::shipped().circleci(&server);
            for format in ["json", "raw"] {
                let run = Run::in_(&project).args(["run", query, "--yes", "-o", format]);
                let outcome = run.args(args).outcome();
                let stderr = outcome.assert_exit(1).stderr_text();
                assert!(stderr.contains("no workflow was started"), "{stderr}");
            }
            server.finish();
        }
    }

    #[test]
    fn the_demo_reports_what_it_does_not_have() {
        let project = shipped();
        let all = [
            run(
                &project,
                &["run", "get-workflow", "workflow_id=none", "--demo"],
            ),
            run(
                &project,
                &["run", "project", "project_slug=gh/acme/none", "--demo"],
            ),
        ];
        for outcome in &all {
            outcome.assert_exit(3);
        }
        insta::assert_snapshot!(transcript(&all));
    }
}

/// A project with the files of this repository.
fn shipped() -> Project {
    Project::shipped()
}
