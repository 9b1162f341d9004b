//! Names, lists, formats and exit codes.

use super::*;

/// Two files with three cases, of which one fails.
fn two_files() -> Project {
    let failing = "  other one:\n    like: usual\n    expect:\n      that: rows | length == 3\n      \
                   message: \"{{ rows | length }} rows <&>\"\n";
    project(LIST, &format!("{PASSING}{failing}"))
        .query("me", "resource: circleci\nendpoint: /me\n")
        .file(
            "tests/me.yaml",
            "cases:\n  usual:\n    answers: [{ ask: GET /me, body: { id: 7 } }]\n    expect: row.id == 7\n",
        )
}

#[test]
fn failures_are_shown_with_a_summary() {
    let project = two_files();
    insta::assert_snapshot!("text", test(&project, &[]).assert_exit(1).snapshot());
    insta::assert_snapshot!("verbose", test(&project, &["-v"]).assert_exit(1).snapshot());
    insta::assert_snapshot!("quiet", test(&project, &["-q"]).assert_exit(1).snapshot());
    let quiet = test(&project, &["-q", "me"]);
    assert_eq!((quiet.exit, quiet.stdout_text().as_str()), (0, ""));
}

#[test]
fn cases_are_chosen_by_name_and_pattern() {
    let project = two_files();
    let list = |args: &[&str]| {
        let outcome = run(&project, &["--list"]).args(args).outcome();
        outcome.assert_exit(0);
        outcome.stdout_text()
    };
    assert_eq!(list(&[]), "me/usual\nq/usual\nq/other one\n");
    assert_eq!(list(&["q"]), "q/usual\nq/other one\n");
    assert_eq!(list(&["tests/q.yaml"]), "q/usual\nq/other one\n");
    assert_eq!(list(&["q/other one", "me"]), "me/usual\nq/other one\n");
    assert_eq!(list(&["q/other-one"]), "q/other one\n");
    assert_eq!(list(&["--filter", "usual"]), "me/usual\nq/usual\n");
    assert_eq!(list(&["--filter", "q/*one"]), "q/other one\n");
    assert_eq!(list(&["q", "--filter", "usual"]), "q/usual\n");
}

#[test]
fn names_that_do_not_exist_are_refused() {
    let project = two_files();
    for (args, words) in [
        (vec!["mee"], "did you mean `me`?"),
        (vec!["q/usuall"], "did you mean `q/usual`?"),
        (vec!["xyzzy"], "runner test --list"),
        (vec!["--filter", "zzz"], "no case matches `zzz`"),
        (vec!["--format", "xml"], "possible values"),
    ] {
        let outcome = test(&project, &args);
        outcome.assert_exit(2);
        assert!(
            outcome.stderr_text().contains(words),
            "{}",
            outcome.snapshot()
        );
        assert_eq!(outcome.stdout_text(), "");
    }
    let empty = Project::new();
    insta::assert_snapshot!("no_tests", test(&empty, &[]).assert_exit(2).snapshot());
    let none = Project::none();
    insta::assert_snapshot!("no_project", test(&none, &[]).assert_exit(2).snapshot());
}

#[test]
fn faults_of_files_are_exit_code_2() {
    let project = project(LIST, "  usual: { var: 1 }\n");
    insta::assert_snapshot!(test(&project, &[]).assert_exit(2).snapshot());
}

/// Replaces the times of cases.
fn without_times(text: &str) -> String {
    let mut parts = text.split(" time=\"");
    let mut out = parts.next().unwrap().to_owned();
    for part in parts {
        out.push_str(" time=\"[TIME]");
        out.push_str(&part[part.find('"').unwrap()..]);
    }
    let lines = out
        .lines()
        .map(|line| match line.split_once("\"milliseconds\": ") {
            Some((before, _)) => format!("{before}\"milliseconds\": 0,\n"),
            None => format!("{line}\n"),
        });
    lines.collect()
}

#[test]
fn results_have_formats_for_machines() {
    let project = two_files();
    for format in ["junit", "json", "github"] {
        let outcome = test(&project, &["--format", format]);
        outcome.assert_exit(1);
        insta::assert_snapshot!(format, without_times(&outcome.snapshot()));
    }
}

#[test]
fn results_are_written_to_a_file() {
    let project = two_files();
    let outcome = test(&project, &["--format", "junit", "--out", "out/results.xml"]);
    insta::assert_snapshot!(outcome.assert_exit(1).snapshot());
    let text = project.read("out/results.xml").unwrap();
    assert!(text.starts_with("<?xml") && text.ends_with("</testsuites>\n"));
    let outcome = test(&project, &["me", "--out", "results.txt", "-q"]);
    assert_eq!((outcome.exit, outcome.stderr_text().as_str()), (0, ""));
    let refused = test(&project, &["--out", "."]);
    refused.assert_exit(2);
}

/// The folder, the clock, the language and the environment do not matter.
#[test]
fn results_do_not_depend_on_the_machine() {
    let query = "vars: { since: { default: 2d, type: time } }\nendpoint: /list?since={{ since }}\n\
                 rows: $.items[*]\nextract:\n  id: $.id\n  at: $.at\n  now: \"{{ now() }}\"\n  \
                 who: \"{{ env.WHO | default('nobody') }}\"\n  branch: \"{{ git.branch | default('none') }}\"\n";
    let cases = "  usual:\n    now: 2026-11-02T23:30:00Z\n    show: [table, csv, markdown]\n    \
                 answers: [{ ask: GET /list, body: { items: [{ id: 1, at: 2026-11-02T23:10:00Z }] } }]\n  \
                 facts:\n    like: usual\n    env: { WHO: me }\n    git: { branch: main }\n    \
                 expect: [row.who == 'me', row.branch == 'main']\n";
    let project = project(query, cases);
    test(&project, &["--update"]).assert_exit(0);
    test(&project, &["-v"]).assert_exit(0);
    let run = || run(&project, &["-v"]);
    for run in [
        run().folder("queries"),
        run().env("TZ", "Asia/Tokyo").env("LANG", "de_DE.UTF-8"),
        run()
            .env("WHO", "you")
            .env("COLUMNS", "20")
            .env("RUNNER_VAR_SINCE", "9d"),
        run()
            .env("CI", "true")
            .env("HTTPS_PROXY", "http://127.0.0.1:9"),
        run().env("CIRCLE_TOKEN", crate::support::CANARY),
        run().env("RUNNER_ENV", "other"),
    ] {
        let outcome = run.outcome();
        outcome.assert_exit(0);
        assert_eq!(outcome.stdout_text().lines().count(), 3);
    }
    let rows = project.read("tests/q/usual.json").unwrap();
    assert!(
        rows.contains("nobody") && rows.contains("2026-11-02T23:30:00Z"),
        "{rows}"
    );
}

/// A server that expects nothing is not even connected to.
#[test]
fn nothing_connects_to_a_server() {
    let server = crate::support::Server::start(Vec::new());
    let missed = "  missed:\n    exit: 2\n    expect: rows == []\n";
    let project = project(LIST, &format!("{PASSING}{missed}"))
        .circleci(&server)
        .query("write", "resource: circleci\nmethod: POST\nendpoint: /x\n")
        .file("tests/write.yaml", "cases: { usual: { exit: 3 } }\n");
    let outcome = test(&project, &["-v"]);
    outcome.assert_exit(1);
    test(&project, &["--update"]).assert_exit(1);
    assert_eq!(server.connections(), 0, "{}", outcome.snapshot());
}

/// Times until which a server asks to wait are relative to the clock of the case, not to that of the machine.
#[test]
fn the_real_clock_does_not_matter() {
    let answer = |headers: &str| {
        format!("answers: [{{ ask: GET /list, status: 429, headers: {{ {headers} }} }}]")
    };
    let cases = format!(
        "  date:\n    now: 2031-01-01T00:00:00Z\n    exit: 3\n    {}\n    expect: '\"45s\" in (messages | join(\" \"))'\n  \
         number:\n    now: 2031-01-01T00:00:00Z\n    exit: 3\n    {}\n    expect: '\"45s\" in (messages | join(\" \"))'\n",
        answer("retry-after: \"Wed, 01 Jan 2031 00:00:45 GMT\""),
        answer("x-ratelimit-remaining: 0, x-ratelimit-limit: 5, x-ratelimit-reset: 1924992045"),
    );
    passes(LIST, &cases);
}

/// Neither a case nor its recording has a time.
#[test]
fn a_case_without_a_time_has_a_fixed_one() {
    passes(
        "endpoint: /list\nrows: $.items[*]\nextract: { now: \"{{ now() }}\" }",
        "  usual:\n    answers: [{ ask: GET /list, body: { items: [{}] } }]\n    \
         expect: row.now == '2026-01-01T00:00:00Z'\n",
    );
}
