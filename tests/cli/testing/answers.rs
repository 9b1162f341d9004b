//! The answers of cases, and requests without one.

use std::time::{Duration, Instant};

use super::*;

const WALK: &str = "for_each: { w: { in: [a, b] } }\nendpoint: /w/{{ w }}?branch=main\n\
                    rows: $.items[*]\nextract: { id: $.id }";

const FIRST: &str = "---\nask: GET /w/a?branch=main\nof: { query: q, item: w a }\nstatus: 200\n\
                     body: { \"items\": [{ \"id\": \"a1\" }] }\n";

const SECOND: &str = "---\nask: GET /w/b?branch=main\nof: { query: q, item: w b }\nstatus: 200\n\
                      body: { \"items\": [{ \"id\": \"b1\" }] }\n";

/// A query with these recorded answers and a case `usual`, which expects two records.
fn recorded(query: &str, answers: &[&str], more: &str) -> Project {
    let cases = format!("  usual:\n    expect: rows | length == 2\n{more}");
    let answers = answers.concat();
    let rest = answers.strip_prefix("---\n").unwrap();
    project(query, &cases).file(
        "tests/q/usual.answers.yaml",
        format!("--- # runner answers 1\n{rest}"),
    )
}

#[track_caller]
fn failure(project: &Project) -> String {
    test(project, &[]).assert_exit(1).snapshot()
}

mod misses {
    use super::*;

    #[test]
    fn a_miss_shows_the_nearest_and_the_difference() {
        let other = WALK.replace("branch=main", "branch=dev");
        insta::assert_snapshot!(
            "parameter",
            failure(&recorded(&other, &[FIRST, SECOND], ""))
        );
        let other = WALK.replace("in: [a, b]", "in: [a, c]");
        insta::assert_snapshot!("path", failure(&recorded(&other, &[FIRST, SECOND], "")));
        insta::assert_snapshot!("nothing", fails(LIST, "  usual:\n"));
    }

    #[test]
    fn unused_answers_fail() {
        let one = WALK.replace("in: [a, b]", "in: [a]");
        let project = recorded(&one, &[FIRST, SECOND], "");
        project.write("tests/q.yaml", "cases: { usual: { expect: 'true' } }\n");
        insta::assert_snapshot!("recorded", failure(&project));
        let written = "  usual:\n    answers:\n      - { ask: GET /list, body: { items: [] } }\n      \
                       - { ask: GET /list, nth: 2, body: { items: [] } }\n    expect: rows == []\n";
        insta::assert_snapshot!("written", fails(LIST, written));
    }

    #[test]
    fn equal_requests_are_counted() {
        let poll = |states: &[&str]| {
            let answers = states.iter().map(|state| {
                format!("---\nask: GET /x\nstatus: 200\nbody: {{ \"status\": \"{state}\" }}\n")
            });
            let answers = answers.collect::<String>();
            let project = recorded(time::POLL, &[&answers], "");
            project.write("tests/q.yaml", "cases: { usual: { expect: 'true' } }\n");
            project
        };
        let too_many = poll(&["running", "running"]);
        insta::assert_snapshot!("too_many", failure(&too_many));
        let too_few = poll(&["running", "done", "done", "done"]);
        insta::assert_snapshot!("too_few", failure(&too_few));
    }

    /// Also where the query tolerates failures.
    #[test]
    fn a_miss_is_never_a_tolerated_failure() {
        let query = format!("{LIST}\non_status: {{ 404: empty }}");
        let text = fails(&query, "  usual:\n    exit: 5\n    expect: rows == []\n");
        assert!(text.contains("no recorded answer for GET /list"), "{text}");
    }
}

#[test]
fn a_case_like_another_replaces_some_of_its_answers() {
    let more = "  gone:\n    like: usual\n    \
                answers: [{ ask: GET /w/*, nth: 2, status: 404, body: { message: gone } }]\n    \
                exit: 6\n    expect:\n      - rows | length == 1\n      - '\"gone\" in (messages | join(\" \"))'\n  \
                both gone:\n    like: gone\n    answers: [{ ask: GET /w/a, status: 500, body: {} }]\n    \
                exit: 3\n    expect: rows == []\n";
    let outcome = test(&recorded(WALK, &[FIRST, SECOND], more), &["-v"]);
    insta::assert_snapshot!(outcome.snapshot());
}

mod expectations {
    use super::*;

    #[test]
    fn what_is_not_met_is_shown_with_its_message() {
        let cases = PASSING.replace(
            "expect: rows | length == 2",
            "expect:\n      - that: rows | length == 3\n        message: \"only {{ rows | length }} rows\"\n      \
             - row.id == 2\n      - requests[0].target == '/list'\n      - exit == 0",
        );
        insta::assert_snapshot!(fails(LIST, &cases));
        // A misspelt column is found before the run.
        let cases = cases.replace("row.id == 2", "row.nam == 'x'");
        let outcome = test(&project(LIST, &cases), &[]);
        outcome.assert_exit(2);
        assert!(
            outcome.stderr_text().contains("nam"),
            "{}",
            outcome.snapshot()
        );
    }

    #[test]
    fn exit_codes_are_compared() {
        let failing =
            "  usual:\n    answers: [{ ask: GET /list, status: 403, body: { message: no } }]\n";
        insta::assert_snapshot!("unexpected", fails(LIST, failing));
        passes(LIST, &format!("{failing}    exit: 4\n"));
        let wrong = PASSING.replace("    expect", "    exit: 3\n    expect");
        insta::assert_snapshot!("not_reached", fails(LIST, &wrong));
    }
}

#[test]
fn records_stand_in_for_a_query() {
    let query = "for_each: { w: { query: parents } }\nendpoint: /w/{{ w.id }}/{{ w.name | default('none', true) }}\n\
                 rows: $.items[*]";
    let cases = "  usual:\n    given: { parents: [{ id: w1, name: a }, { id: w2 }] }\n    \
                 answers:\n      - { ask: GET /w/w1/a, body: { items: [{ x: 1 }] } }\n      \
                 - { ask: GET /w/w2/none, body: { items: [{ x: 2 }] } }\n    expect: rows | length == 2\n  \
                 nothing:\n    given: { parents: [] }\n    expect: rows == []\n";
    let project = project(query, cases).query(
        "parents",
        "resource: circleci\nendpoint: /p\nrows: $.items[*]\nextract: { id: $.id, name: $.name }\n",
    );
    test(&project, &[]).assert_exit(0);
}

mod time {
    use super::*;

    pub(super) const POLL: &str =
        "endpoint: /x\npoll: { until: row.status == \"done\", every: 10m, timeout: 3h }";

    #[test]
    fn polls_take_no_time() {
        let answers = |last: &str| {
            format!(
                "  usual:\n    answers:\n      - {{ ask: GET /x, nth: 1, body: {{ status: running }} }}\n      \
                 - {{ ask: GET /x, nth: 2, body: {{ status: running }} }}\n      \
                 - {{ ask: GET /x, body: {{ status: {last} }} }}\n"
            )
        };
        let started = Instant::now();
        let expect = "    expect: [row.status == 'done', requests | length == 3]\n";
        passes(POLL, &format!("{}{expect}", answers("done")));
        let expect = "    exit: 1\n    expect: requests | length > 10\n";
        passes(POLL, &format!("{}{expect}", answers("running")));
        assert!(started.elapsed() < Duration::from_secs(20));
    }

    #[test]
    fn recorded_polls_are_answered_in_order() {
        let answer = |status: &str| {
            format!("---\nask: GET /x\nstatus: 200\nbody: {{ \"status\": \"{status}\" }}\n")
        };
        let answers = ["running", "waiting", "done"].map(answer).concat();
        let project = project(POLL, "  usual: { expect: row.status == 'done' }\n").file(
            "tests/q/usual.answers.yaml",
            answers.replacen("---", "--- # runner answers 1", 1),
        );
        test(&project, &[]).assert_exit(0);
    }

    #[test]
    fn a_late_answer_is_a_timeout() {
        let cases = "  late:\n    answers: [{ ask: GET /list, delay: 10m, body: { items: [] } }]\n    exit: 5\n    \
                     expect: '\"timed out\" in (messages | join(\" \"))'\n  \
                     slow:\n    answers: [{ ask: GET /list, delay: 10s, body: { items: [] } }]\n    expect: rows == []\n";
        passes(LIST, cases);
    }

    #[test]
    fn broken_connections_fail_as_real_ones() {
        for kind in ["connection", "half"] {
            let cases = format!(
                "  usual:\n    answers: [{{ ask: GET /list, broken: {kind} }}]\n    exit: 5\n    expect: rows == []\n"
            );
            passes(LIST, &cases);
            insta::assert_snapshot!(kind, fails(LIST, &cases.replace("    exit: 5\n", "")));
        }
    }

    #[test]
    fn requests_are_not_retried() {
        let cases = "  usual:\n    answers:\n      - { ask: GET /list, nth: 1, status: 503, body: {} }\n      \
                     - { ask: GET /list, nth: 2, body: {} }\n    exit: 3\n    expect: 'true'\n";
        let shown = fails(LIST, cases);
        assert!(
            shown.contains("no request was answered by GET /list"),
            "{shown}"
        );
    }
}

mod writes {
    use super::*;

    const TRIGGER: &str =
        "method: POST\nendpoint: /trigger\nbody: { json: { branch: main, n: 1 } }";

    #[test]
    fn the_request_that_would_go_out_is_compared() {
        let cases = "  usual:\n    answers:\n      - ask: POST /trigger\n        sent: { n: 1.0, branch: main }\n        \
                     status: 201\n        body: { id: p1 }\n    expect:\n      - requests[0].method == 'POST'\n      \
                     - requests[0].sent.branch == 'main'\n      - row.id == 'p1'\n";
        passes(TRIGGER, cases);
        let other = cases.replace("n: 1.0", "n: 2");
        insta::assert_snapshot!(fails(TRIGGER, &other));
    }

    #[test]
    fn a_resource_for_reading_refuses_them_in_a_case_too() {
        let project = project(
            TRIGGER,
            "  usual:\n    exit: 7\n    expect: requests == []\n",
        )
        .file(
            "resources/circleci.yaml",
            format!("{RESOURCE}access: read-only\n"),
        );
        test(&project, &[]).assert_exit(0);
    }
}

mod content {
    use std::io::Write as _;

    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    #[test]
    fn bodies_can_be_any_bytes() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
        gzip.write_all(b"name,n\nbuild,1\n").unwrap();
        let base64 = STANDARD.encode(gzip.finish().unwrap());
        let cases = format!(
            "  text:\n    answers: [{{ ask: GET /usage, text: \"name,n\\nbuild,1\\n\" }}]\n    expect: row.n == 1\n  \
             gzip:\n    answers:\n      - ask: GET /usage\n        base64: {base64}\n    \
             expect: [row.n == 1, row.name == 'build']\n"
        );
        passes("endpoint: /usage\ndecode: csv", &cases);
    }

    #[test]
    fn downloads_leave_nothing_behind() {
        let cases =
            "  usual:\n    answers: [{ ask: GET /f, text: hello }]\n    expect: row.bytes == 5\n";
        let project = project("endpoint: /f\ndownload: out/x.txt", cases);
        let temporary = project.home().join("tmp");
        std::fs::create_dir(&temporary).unwrap();
        let outcome = run(&project, &[]).env("TMPDIR", &temporary).outcome();
        outcome.assert_exit(0);
        assert!(!project.path().join("out").exists());
        assert_eq!(std::fs::read_dir(&temporary).unwrap().count(), 0);
    }
}
