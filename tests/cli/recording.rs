//! `runner record`: what it asks, writes and refuses.

mod again;
mod canary;
mod secrets;

use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{Answer, Exchange, Fault, Outcome, Project, Run, Server};

const LIST: &str = "resource: circleci\nendpoint: /list\nrows: $.items[*]\n";

const JOBS: &str = "resource: circleci\nfor_each: { w: { query: list } }\nendpoint: /w/{{ w.id }}\n\
                    rows: $.items[*]\nextract: { id: $.id }\n";

/// No retries, so that a failure is answered once.
const ONCE: &str = "retry: { max_attempts: 1 }\nconcurrency: 4\n";

fn get(path: &str) -> Exchange {
    Exchange::get(&format!("/api/v2{path}"))
}

fn page(ids: &[&str]) -> Value {
    let items: Vec<Value> = ids.iter().map(|id| json!({ "id": id })).collect();
    json!({ "items": items, "next_page_token": null })
}

fn project(server: &Server, more: &str) -> Project {
    Project::new()
        .circleci_at(&server.url(), &format!("{ONCE}{more}"))
        .query("list", LIST)
        .query("jobs", JOBS)
}

fn record(project: &Project, args: &[&str]) -> Outcome {
    Run::in_(project).args(["record"]).args(args).outcome()
}

/// Runs all cases, without a token.
#[track_caller]
fn assert_replayed(project: &Project) {
    let run = Run::in_(project).args(["test"]);
    run.without_env("CIRCLE_TOKEN").outcome().assert_exit(0);
}

/// The text of a file, with the time of the recording replaced.
#[track_caller]
fn read(project: &Project, path: &str) -> String {
    let text = project.read(path).unwrap_or_else(|| panic!("no `{path}`"));
    let lines = text.lines().map(|line| {
        let time = ["now: ", "recorded "].iter().find_map(|mark| {
            let at = line.find(mark)? + mark.len();
            line[at..].starts_with('2').then_some(at)
        });
        match time {
            Some(at) => {
                let end = line[at..].find(' ').map_or(line.len(), |end| at + end);
                format!("{}[TIME]{}\n", &line[..at], &line[end..])
            }
            None => format!("{line}\n"),
        }
    });
    lines.collect()
}

#[track_caller]
fn assert_nothing_written(project: &Project) {
    assert!(!project.path().join("tests").exists());
}

#[test]
fn a_recording_is_three_files() {
    let server = Server::start(vec![
        get("/list").answers(page(&["w1", "w2"])),
        get("/w/w1").answers(page(&["a"])),
        get("/w/w2").answers(page(&["b", "c"])),
    ]);
    let project = project(&server, "");
    let outcome = record(&project, &["jobs"]);
    insta::assert_snapshot!(outcome.snapshot());
    insta::assert_snapshot!(
        "the_three_files",
        [
            "tests/jobs.yaml",
            "tests/jobs/usual.answers.yaml",
            "tests/jobs/usual.json"
        ]
        .map(|path| format!("# {path}\n{}", read(&project, path)))
        .join("\n")
    );
    let now = project.read("tests/jobs.yaml").unwrap();
    assert!(
        now.contains(':') && !now.contains('.'),
        "no fraction: {now}"
    );
    assert_replayed(&project);
    assert_eq!(server.finish().len(), 3);
    // Neither does the address matter.
    let project = project.circleci_at("https://api.example.com/other", ONCE);
    assert_replayed(&project);
}

#[test]
fn a_known_case_keeps_the_text_of_its_authors() {
    let server = Server::start(vec![get("/list").times(3).answers(page(&["w1"]))]);
    let text = "# Who owns this: team web.\ncases:\n  usual: # daily\n    now: 2026-01-01   # old\n    \
                expect:\n      - rows | length == 1\n\n  # no time yet\n  Second one:\n    show: csv\n\n# the end\n";
    let project = project(&server, "").file("tests/list.yaml", text);
    let outcome = record(&project, &["list/usual"]);
    outcome.assert_exit(0);
    let renewed = text.replace("now: 2026-01-01 ", "now: [TIME] ");
    assert_eq!(read(&project, "tests/list.yaml"), renewed);
    // By its slug, too.
    record(&project, &["list/second-one"]).assert_exit(0);
    let second = renewed.replace("  Second one:\n", "  Second one:\n    now: [TIME]\n");
    assert_eq!(read(&project, "tests/list.yaml"), second);
    assert_eq!(
        project.read("tests/list/second-one.csv").unwrap(),
        "id\nw1\n"
    );
    // A new one comes after the last, before the comment at the end.
    record(&project, &["list/third", "--limit", "1"]).assert_exit(0);
    let third = "    show: csv\n  third:\n    now: [TIME]\n    limit: 1\n\n# the end\n";
    assert_eq!(
        read(&project, "tests/list.yaml"),
        second.replace("    show: csv\n\n# the end\n", third)
    );
    assert_replayed(&project);
}

#[test]
fn cases_between_braces_are_not_changed() {
    let server = Server::start(vec![get("/list").answers(page(&["w1"]))]);
    let text = "cases: { usual: { now: 2026-01-01 } }\n";
    let project = project(&server, "").file("tests/list.yaml", text);
    let new = record(&project, &["list/second"]);
    insta::assert_snapshot!(new.snapshot());
    assert_eq!(project.read("tests/list.yaml").as_deref(), Some(text));
    // A time can be replaced anywhere.
    record(&project, &["list"]).assert_exit(0);
    let renewed = read(&project, "tests/list.yaml");
    assert!(
        renewed.starts_with("cases: { usual: { now: [TIME]"),
        "{renewed}"
    );
}

#[test]
fn a_known_case_is_not_recorded_with_other_values() {
    let server = Server::start(vec![get("/x?branch=main").times(2).answers(json!({}))]);
    let project = project(&server, "").query(
        "q",
        "resource: circleci\nvars: { branch: {} }\nendpoint: /x?branch={{ branch }}\n",
    );
    record(&project, &["q", "branch=main"]).assert_exit(0);
    let other = record(&project, &["q", "branch=dev"]);
    insta::assert_snapshot!(other.snapshot());
    record(&project, &["q", "--limit", "3"]).assert_exit(2);
    record(&project, &["q", "branch=main"]).assert_exit(0);
}

#[test]
fn faults_of_other_test_files_do_not_matter() {
    let server = Server::start(vec![get("/list").answers(page(&["w1"]))]);
    let project = project(&server, "")
        .file("tests/other.yaml", "cases: 1\n")
        .file("tests/jobs.yaml", "cases: { usual: { no: 1 } }\n");
    record(&project, &["list"]).assert_exit(0);
    let outcome = record(&project, &["jobs"]);
    outcome.assert_exit(2);
    assert!(outcome.stderr_text().contains("tests/jobs.yaml:1:19"));
    assert!(!outcome.stderr_text().contains("other.yaml"));
}

#[test]
fn names_that_do_not_exist_are_refused() {
    let server = Server::start(Vec::new());
    let project = project(&server, "");
    for (args, words) in [
        (vec!["lst"], "no query `lst`"),
        (vec!["list", "jobs"], "single case"),
        (vec!["list/b@d"], "`b@d` cannot be a case"),
        (vec!["list", "--keep", "0"], "--keep"),
    ] {
        let outcome = record(&project, &args);
        outcome.assert_exit(2);
        assert!(
            outcome.stderr_text().contains(words),
            "{}",
            outcome.snapshot()
        );
    }
    assert_nothing_written(&project);
}

mod failures {
    use super::*;

    #[test]
    fn what_the_api_refused_is_a_case() {
        let server = Server::start(vec![
            get("/list").answers((500, json!({ "message": "oops" }))),
            get("/list").answers(page(&["w1", "w2"])),
            get("/w/w1").answers((404, json!({ "message": "gone" }))),
            get("/w/w2").answers(page(&["b"])),
            get("/list").answers(page(&[])),
        ]);
        let project = project(&server, "").query(
            "some",
            &format!("{LIST}expect: {{ that: rows | length > 0, message: none at all }}\n"),
        );
        for (name, exit) in [("list", 3), ("jobs", 6), ("some", 1)] {
            record(&project, &[name]).assert_exit(0);
            let text = read(&project, &format!("tests/{name}.yaml"));
            assert_eq!(
                text,
                format!("cases:\n  usual:\n    now: [TIME]\n    exit: {exit}\n")
            );
        }
        assert_replayed(&project);
    }

    #[test]
    fn no_access_and_no_connection_are_none() {
        let server = Server::start(vec![
            get("/list").answers((401, json!({ "message": "who?" }))),
            get("/list").answers(Fault::Reset),
        ]);
        let project = project(&server, "");
        record(&project, &["list"]).assert_exit(4);
        record(&project, &["list"]).assert_exit(5);
        let run = Run::in_(&project).args(["record", "list"]);
        run.without_env("CIRCLE_TOKEN").outcome().assert_exit(4);
        assert_nothing_written(&project);
    }

    #[test]
    fn a_failed_case_that_is_recorded_again_keeps_its_exit_code() {
        let server = Server::start(vec![get("/list").answers(page(&["w1"]))]);
        let text = "cases:\n  usual:\n    now: 2026-01-01\n    exit: 3\n";
        let project = project(&server, "").file("tests/list.yaml", text);
        let outcome = record(&project, &["list"]);
        insta::assert_snapshot!(outcome.snapshot());
    }
}

mod writes {
    use super::*;

    const TRIGGER: &str =
        "resource: circleci\nmethod: POST\nendpoint: /trigger\nbody: { json: { branch: main } }\n";

    #[test]
    fn they_need_a_yes() {
        let server = Server::start(Vec::new());
        let project = project(&server, "").query("trigger", TRIGGER);
        insta::assert_snapshot!(record(&project, &["trigger"]).snapshot());
        assert_nothing_written(&project);
    }

    #[test]
    fn with_it_they_are_sent_once_and_recorded() {
        let server = Server::start(vec![
            Exchange::post("/api/v2/trigger")
                .with_json(json!({ "branch": "main" }))
                .answers((201, json!({ "id": "p1" }))),
        ]);
        let project = project(&server, "").query("trigger", TRIGGER);
        record(&project, &["trigger", "--yes"]).assert_exit(0);
        let answers = read(&project, "tests/trigger/usual.answers.yaml");
        assert!(answers.contains("ask: POST /trigger\n"), "{answers}");
        assert!(
            answers.contains("sent: { \"branch\": \"main\" }\n"),
            "{answers}"
        );
        assert_replayed(&project);
    }
}

mod redaction {
    use super::*;

    #[test]
    fn aliases_join_requests_vars_and_records() {
        let user = |name: &str| json!({ "id": 1, "login": name, "mail": "x@example.com" });
        let server = Server::start(vec![
            get("/users").answers(json!([user("anna-lena"), user("bert-olaf")])),
            get("/u/anna-lena?of=bert-olaf").answers(json!({ "login": "anna-lena", "n": 1 })),
            get("/u/bert-olaf?of=bert-olaf").answers(json!({ "login": "bert-olaf", "n": 2 })),
        ]);
        let project = project(&server, "redact: { $..login: alias, $..mail: hide }\n")
            .query("users", "resource: circleci\nendpoint: /users\nrows: $[*]\n")
            .query(
                "q",
                "resource: circleci\nvars: { of: { default: bert-olaf }, more: { default: x } }\n\
                 for_each: { user: { query: users } }\nendpoint: /u/{{ user.login }}?of={{ of }}\n\
                 extract: { of: \"{{ user.login }}\", login: $.login, n: $.n, mail: \"{{ user.mail }}\" }\n",
            );
        record(&project, &["q"]).assert_exit(0);
        insta::assert_snapshot!(
            [
                "tests/q.yaml",
                "tests/q/usual.answers.yaml",
                "tests/q/usual.json"
            ]
            .map(|path| read(&project, path))
            .join("\n")
        );
        assert_replayed(&project);
    }
}

mod size {
    use super::*;

    fn large(items: usize) -> Value {
        let item = |number: usize| json!({ "id": number, "text": "x".repeat(1000) });
        json!({ "items": (0..items).map(item).collect::<Vec<_>>(), "next_page_token": null })
    }

    #[test]
    fn large_recordings_are_refused_and_can_be_cut() {
        let server = Server::start(vec![
            get("/list")
                .times(2)
                .answers(page(&["a", "b", "c", "d", "e"])),
            get("/w/a").times(2).answers(large(200)),
            get("/w/b").times(2).answers(large(500)),
            get("/w/c").times(2).answers(large(400)),
            get("/w/d").answers(large(1)),
            get("/w/e").answers(large(300)),
        ]);
        let project = project(&server, "");
        let outcome = record(&project, &["jobs"]);
        outcome.assert_exit(2);
        insta::assert_snapshot!(outcome.snapshot());
        assert_nothing_written(&project);
        record(&project, &["jobs", "--keep", "3"]).assert_exit(0);
        let rows: Value = serde_json::from_str(&read(&project, "tests/jobs/usual.json")).unwrap();
        assert_eq!(rows.as_array().unwrap().len(), 9);
        assert_replayed(&project);
    }
}

/// Two recordings of the same answers are the same files, whatever came first.
#[test]
fn the_order_of_the_file_is_not_that_of_time() {
    let ids = ["w9", "w3", "w5", "w1"];
    let mut files = Vec::new();
    for turn in 0..3 {
        let mut exchanges = vec![get("/list").answers(page(&ids))];
        for (index, id) in ids.iter().enumerate() {
            let wait = Duration::from_millis([0, 40, 80, 120][(index + turn * 3) % 4]);
            let body = json!({
                "items": [{ "id": format!("{id}-job"), "owner": format!("owner-of-{id}") }],
                "next_page_token": format!("t{id}"),
            });
            let last = json!({ "items": [{ "id": "x", "owner": "owner-of-all" }], "next_page_token": null });
            exchanges.push(
                get(&format!("/w/{id}")).answers(Answer::status(200).json(&body).after(wait)),
            );
            exchanges.push(
                get(&format!("/w/{id}?page-token=t{id}"))
                    .answers(Answer::status(200).json(&last).after(wait)),
            );
        }
        let server = Server::start(exchanges);
        let project = project(&server, "redact: { $..owner: alias }\n");
        record(&project, &["jobs"]).assert_exit(0);
        files.push(
            [
                "tests/jobs.yaml",
                "tests/jobs/usual.answers.yaml",
                "tests/jobs/usual.json",
            ]
            .map(|path| read(&project, path)),
        );
    }
    assert_eq!(files[0], files[1]);
    assert_eq!(files[0], files[2]);
    let asked: Vec<&str> = files[0][1]
        .lines()
        .filter(|line| line.starts_with("ask:"))
        .collect();
    assert_eq!(
        asked[1..3],
        ["ask: GET /w/w9", "ask: GET /w/w9?page-token=tw9"]
    );
    assert_eq!(asked[7], "ask: GET /w/w1");
}

#[test]
fn the_demo_can_be_recorded_without_a_token() {
    let project = Project::shipped();
    let run = Run::in_(&project).args(["record", "get-workflow", "--demo"]);
    let outcome = run.without_env("CIRCLE_TOKEN").outcome();
    assert!(matches!(outcome.exit, 0 | 2), "{}", outcome.snapshot());
    let run = Run::in_(&project).args(["record", "project-pipelines", "--demo"]);
    let outcome = run.without_env("CIRCLE_TOKEN").outcome();
    outcome.assert_exit(0);
    assert_replayed(&project);
}

#[test]
fn files_of_cases_that_are_gone_are_removed() {
    let lists = || get("/list").answers(page(&["w1"]));
    let server = Server::start(vec![lists(), lists()]);
    let project = project(&server, "");
    record(&project, &["list/old"]).assert_exit(0);
    let file = project.read("tests/list.yaml").expect("a test file");
    project.write("tests/list.yaml", file.replace("old:", "new:"));
    project.write("tests/list/README.md", "mine");
    let outcome = record(&project, &["list/new"]);
    let printed = outcome.assert_exit(0).stdout_text();
    assert!(
        printed.contains("removed tests/list/old.answers.yaml"),
        "{printed}"
    );
    assert!(printed.contains("removed tests/list/old.json"), "{printed}");
    assert_eq!(project.read("tests/list/old.json"), None);
    assert_eq!(
        project.read("tests/list/README.md").as_deref(),
        Some("mine")
    );
    server.finish();
}

#[cfg(unix)]
#[test]
fn nothing_is_written_through_a_link() {
    let server = Server::start(vec![get("/list").times(2).answers(page(&["w1"]))]);
    let project = project(&server, "");
    record(&project, &["list"]).assert_exit(0);
    project.write("outside.txt", "mine");
    let snapshot = project.path().join("tests/list/usual.json");
    std::fs::remove_file(&snapshot).expect("a snapshot");
    std::os::unix::fs::symlink(project.path().join("outside.txt"), &snapshot).expect("a link");
    let stderr = record(&project, &["list"]).assert_exit(2).stderr_text();
    assert!(stderr.contains("goes through a link"), "{stderr}");
    assert_eq!(project.read("outside.txt").as_deref(), Some("mine"));
    server.finish();
}

#[test]
fn the_credentials_of_an_archive_are_not_kept() {
    let server = Server::start(vec![]);
    let archive = |body: &str| {
        let url = format!("{}/api/v2/list", server.url());
        json!({"log": {"version": "1.2", "entries": [{
            "request": {"method": "GET", "url": url, "headers": [
                {"name": "Authorization", "value": "Bearer browsertoken998877"},
            ]},
            "response": {"status": 200, "headers": [], "content": {
                "mimeType": "application/json", "text": body,
            }},
        }]}})
    };
    let with = |body: &str| project(&server, "").file("a.har", archive(body).to_string());
    let clean = with(r#"{"items": [{"id": "w1"}], "next_page_token": null}"#);
    record(&clean, &["list", "--from-har", "a.har"]).assert_exit(0);
    assert_replayed(&clean);
    let dirty = with(r#"{"items": [{"id": "browsertoken998877"}], "next_page_token": null}"#);
    record(&dirty, &["list", "--from-har", "a.har"]).assert_exit(7);
    assert_nothing_written(&dirty);
    server.finish();
}

#[test]
fn a_redacted_result_is_compared_unless_it_was_computed_from_such_a_value() {
    let answer = json!({"items": [{"id": "w1", "login": "alice-b"}], "next_page_token": null});
    for (column, same) in [("$.login", true), ("\"{{ row.login | upper }}\"", false)] {
        let server = Server::start(vec![get("/list").answers(answer.clone())]);
        let project = project(&server, "redact: { \"$.items[*].login\": alias }\n")
            .query("who", &format!("{LIST}extract: {{ who: {column} }}\n"));
        let stderr = record(&project, &["who"]).assert_exit(0).stderr_text();
        let words = if same {
            "replayed with the same result"
        } else {
            "was not compared"
        };
        assert!(stderr.contains(words), "{stderr}");
        assert_replayed(&project);
        server.finish();
    }
}
