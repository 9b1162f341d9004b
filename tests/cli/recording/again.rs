//! Cases that are recorded again, side by side, or not at all.

use super::*;

const WHO: &str = "resource: circleci\nvars: { login: {} }\nendpoint: /user/{{ login }}\n\
                   extract: { login: $.login, id: $.id }\n";

/// A project whose recordings have aliases of logins.
fn aliased(server: &Server) -> Project {
    project(
        server,
        "redact: { $..login: alias, $..secret_note: hide }\n",
    )
    .query("who", WHO)
}

fn user(login: &str) -> Exchange {
    get(&format!("/user/{login}")).answers(json!({ "id": 7, "login": login }))
}

#[test]
fn what_stands_for_a_redacted_value_is_never_asked() {
    let server = Server::start(vec![user("octocat").times(2)]);
    let project = aliased(&server);
    record(&project, &["who", "login=octocat"]).assert_exit(0);
    let file = read(&project, "tests/who.yaml");
    assert!(file.contains("vars: { login: alias-1 }"), "{file}");
    let refused = record(&project, &["who"]);
    insta::assert_snapshot!(refused.assert_exit(2).snapshot());
    // With the real value, which is redacted again.
    record(&project, &["who", "login=octocat"]).assert_exit(0);
    assert_eq!(read(&project, "tests/who.yaml"), file);
    assert_replayed(&project);
    assert_eq!(server.finish().len(), 2);
}

#[test]
fn records_that_stand_in_are_asked_of_the_api_unless_they_are_redacted() {
    let server = Server::start(vec![get("/w/w7").answers(page(&["a"]))]);
    let case =
        "cases:\n  usual:\n    given: { list: [{ id: ID }] }\n    expect: rows | length == 1\n";
    let project = aliased(&server).file("tests/jobs.yaml", case.replace("ID", "alias-3"));
    let refused = record(&project, &["jobs"]);
    insta::assert_snapshot!(refused.assert_exit(2).snapshot());
    project.write("tests/jobs.yaml", case.replace("ID", "w7"));
    record(&project, &["jobs"]).assert_exit(0);
    assert_replayed(&project);
    server.finish();
}

#[test]
fn keep_is_remembered() {
    let all = page(&["a", "b", "c", "d"]);
    let server = Server::start(vec![get("/list").times(4).answers(all)]);
    let project = project(&server, "");
    let rows = |count: usize| {
        let rows = project.read("tests/list/usual.json").unwrap();
        assert_eq!(rows.matches("\"id\"").count(), count, "{rows}");
    };
    record(&project, &["list", "--keep", "2"]).assert_exit(0);
    let file = "cases:\n  usual:\n    now: [TIME]\n    keep: 2\n";
    assert_eq!(read(&project, "tests/list.yaml"), file);
    rows(2);
    record(&project, &["list"]).assert_exit(0);
    assert_eq!(read(&project, "tests/list.yaml"), file);
    rows(2);
    // Another number replaces it, or is added.
    record(&project, &["list", "--keep", "3"]).assert_exit(0);
    assert_eq!(
        read(&project, "tests/list.yaml"),
        file.replace("keep: 2", "keep: 3")
    );
    rows(3);
    project.write("tests/list.yaml", "cases:\n  usual: # mine\n");
    record(&project, &["list", "--keep", "1"]).assert_exit(0);
    assert_eq!(
        read(&project, "tests/list.yaml"),
        "cases:\n  usual: # mine\n    now: [TIME]\n    keep: 1\n"
    );
    rows(1);
    server.finish();
}

#[test]
fn cases_recorded_side_by_side_all_end_up_in_the_file() {
    const CASES: usize = 6;
    // All have their answer before the first one writes.
    let server = Server::start(vec![
        get("/list")
            .times(CASES)
            .together(CASES)
            .answers(page(&["w1"])),
    ]);
    let project = project(&server, "");
    let running: Vec<_> = (0..CASES)
        .map(|case| {
            Run::in_(&project)
                .args(["record".to_owned(), format!("list/case-{case}")])
                .start()
        })
        .collect();
    for run in running {
        run.finish().assert_exit(0);
    }
    let file = read(&project, "tests/list.yaml");
    for case in 0..CASES {
        assert!(file.contains(&format!("  case-{case}:\n")), "{file}");
    }
    assert_replayed(&project);
    server.finish();
}

#[test]
fn all_files_are_written_or_none() {
    let server = Server::start(vec![get("/list").times(2).answers(page(&["w1"]))]);
    let project = project(&server, "");
    project.write("tests/list/usual.json/in-the-way", "");
    let outcome = record(&project, &["list"]);
    insta::assert_snapshot!(outcome.assert_exit(2).snapshot());
    assert_eq!(project.read("tests/list.yaml"), None);
    let names: Vec<_> = std::fs::read_dir(project.path().join("tests/list"))
        .expect("the folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(names, ["usual.json"]);
    // A case that exists stays as it is, too.
    let text = "cases:\n  usual: { now: 2026-01-01 }\n";
    project.write("tests/list.yaml", text);
    record(&project, &["list"]).assert_exit(2);
    assert_eq!(project.read("tests/list.yaml").as_deref(), Some(text));
    server.finish();
}

#[test]
fn tests_have_the_folders_of_their_queries() {
    let server = Server::start(vec![get("/list").times(4).answers(page(&["w1"]))]);
    let project = project(&server, "").query("parts/approvers", LIST);
    record(&project, &["approvers"]).assert_exit(0);
    assert!(project.read("tests/parts/approvers.yaml").is_some());
    record(&project, &["parts/approvers"]).assert_exit(0);
    record(&project, &["parts/approvers/quiet"]).assert_exit(0);
    record(&project, &["queries/parts/approvers.yaml"]).assert_exit(0);
    let file = read(&project, "tests/parts/approvers.yaml");
    assert_eq!(
        file,
        "cases:\n  usual:\n    now: [TIME]\n  quiet:\n    now: [TIME]\n"
    );
    assert_replayed(&project);
    server.finish();
}

#[test]
fn only_variables_that_are_read_are_kept() {
    let server = Server::start(vec![get("/list?x=one").answers(page(&["w1"]))]);
    let project = project(&server, "").query(
        "q",
        "# not {{ env.COMMENT }}\nresource: circleci\ndescription: As {{ env.PROSE }}\n\
         endpoint: /list?x={{ env.SENT }}\nrows: $.items[*]\n\
         where: env.KEPT == \"two\" # env.COMMENT\n\
         report:\n  template: \"{# env.COMMENT #}{% include 'end.md' %}\"\n",
    );
    let project = project.file("end.md", "{{ env.INCLUDED }}\n");
    let names = ["COMMENT", "PROSE", "SENT", "KEPT", "INCLUDED"];
    let run = names.iter().fold(Run::in_(&project), |run, name| {
        let value = match *name {
            "SENT" => "one",
            "KEPT" => "two",
            _ => "three",
        };
        run.env(name, value)
    });
    run.args(["record", "q"]).outcome().assert_exit(0);
    let file = read(&project, "tests/q.yaml");
    assert!(
        file.contains("env: { INCLUDED: three, KEPT: two, SENT: one }"),
        "{file}"
    );
    assert_replayed(&project);
    server.finish();
}

#[test]
fn an_archive_has_its_own_time() {
    let server = Server::start(vec![]);
    let entry = |path: &str, time: &str| {
        let body = page(&["w1"]).to_string();
        json!({
            "startedDateTime": time,
            "request": {"method": "GET", "url": format!("{}{path}", server.url()), "headers": []},
            "response": {"status": 200, "headers": [], "content": {
                "mimeType": "application/json", "text": body,
            }},
        })
    };
    let archive = json!({"log": {"version": "1.2", "entries": [
        entry("/page.html", "2025-03-01T00:00:00.000Z"),
        entry("/api/v2/list", "2025-03-01T10:00:00.250+01:00"),
        entry("/api/v2/list?later", "2025-03-02T00:00:00.000Z"),
    ]}});
    let project = project(&server, "").file("a.har", archive.to_string());
    record(&project, &["list", "--from-har", "a.har"]).assert_exit(0);
    let now = |project: &Project| project.read("tests/list.yaml").unwrap();
    assert!(now(&project).contains("now: 2025-03-01T09:00:00Z"));
    let answers = project.read("tests/list/usual.answers.yaml").unwrap();
    assert!(
        answers.contains("recorded 2025-03-01T09:00:00Z"),
        "{answers}"
    );
    let args = ["list", "--from-har", "a.har", "--now", "2025-02-01"];
    record(&project, &args).assert_exit(0);
    assert!(now(&project).contains("now: 2025-02-01T00:00:00Z"));
    assert_replayed(&project);
    server.finish();
}

/// The address, the zone, the language, the folder and the environment do not matter. The clock of the
/// machine is that of the recording only by chance.
#[test]
fn a_recorded_case_passes_anywhere() {
    let server = Server::start(vec![
        get("/list?since=2026-11-23T09%3A00%3A00Z").answers(page(&["w1", "w2"])),
        get("/w/w1").answers(page(&["a"])),
        get("/w/w2").answers(page(&["b"])),
    ]);
    let project = project(&server, "")
        .query(
            "list",
            "resource: circleci\nvars: { since: { type: time, default: 2d } }\n\
             endpoint: /list?since={{ since }}\nrows: $.items[*]\n",
        )
        .query(
            "jobs",
            &JOBS.replace("id: $.id }", "id: $.id, at: \"{{ now() }}\" }"),
        );
    let args = ["record", "jobs", "--now", "2026-11-25T09:00:00Z"];
    Run::in_(&project).args(args).outcome().assert_exit(0);
    server.finish();
    for url in ["https://api.example.com/other", "http://127.0.0.1:1"] {
        let project = &project;
        let resource = project.read("resources/circleci.yaml").unwrap();
        let address = resource.lines().find(|line| line.starts_with("base_url"));
        let moved = resource.replace(address.unwrap(), &format!("base_url: {url}"));
        project.write("resources/circleci.yaml", moved);
        let run = || Run::in_(project).args(["test", "-v"]);
        for run in [
            run(),
            run().folder("queries"),
            run().env("TZ", "Pacific/Kiritimati"),
            run()
                .env("LC_ALL", "tr_TR.UTF-8")
                .env("LANG", "tr_TR.UTF-8"),
            run().env("RUNNER_VAR_SINCE", "9d").env("RUNNER_ENV", "x"),
            run().without_env("CIRCLE_TOKEN").without_env("HOME"),
        ] {
            run.outcome().assert_exit(0);
        }
    }
}

#[test]
fn what_cannot_be_written_is_not_asked() {
    let server = Server::start(Vec::new());
    let project = project(&server, "").file("tests", "a file");
    let stderr = record(&project, &["list"]).assert_exit(2).stderr_text();
    assert!(
        stderr.contains("cannot write `tests/list.yaml`"),
        "{stderr}"
    );
    server.finish();
}

#[test]
fn the_line_ends_of_a_file_stay() {
    let server = Server::start(vec![get("/list").times(2).answers(page(&["w1"]))]);
    let project =
        project(&server, "").file("tests/list.yaml", "cases:\r\n  usual:\r\n    exit: 0\r\n");
    record(&project, &["list", "--keep", "5"]).assert_exit(0);
    record(&project, &["list/other"]).assert_exit(0);
    let text = project.read("tests/list.yaml").unwrap();
    assert_eq!(
        text.matches('\n').count(),
        text.matches("\r\n").count(),
        "{text:?}"
    );
    assert!(text.contains("  usual:\r\n    now: "), "{text:?}");
    assert!(
        text.contains("\r\n    keep: 5\r\n    exit: 0\r\n  other:\r\n    now: "),
        "{text:?}"
    );
    assert_replayed(&project);
    server.finish();
}
