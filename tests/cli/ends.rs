//! The end of a run by signals and timeouts during computations, and what it leaves behind.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use serde_json::json;

use crate::case::Case;
use crate::support::{Answer, Exchange, Fault, Project, Run, Server};

const RUNNER: &str = env!("CARGO_BIN_EXE_runner");

fn project(url: &str) -> Project {
    Project::new()
        .file(
            "resources/r.yaml",
            format!("type: rest\nbase_url: {url}\nauth: none\n"),
        )
        .query("q", "resource: r\nendpoint: /x\nrows: $[*]\n")
}

/// Runs a line of the shell in the project's folder.
fn shell(project: &Project, line: &str) -> (i32, String) {
    let output = Command::new("bash")
        .args(["-c", &line.replace("runner", RUNNER)])
        .current_dir(project.path())
        .output()
        .expect("bash starts");
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    (output.status.code().unwrap_or(-1), text)
}

fn left(project: &Project) -> Vec<String> {
    let entries = fs::read_dir(project.path()).expect("a folder").flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.starts_with(".runner-")).collect()
}

#[test]
fn every_signal_to_end_leaves_no_file_aside() {
    for signal in ["INT", "TERM", "HUP"] {
        let server = Server::start(vec![Exchange::get("/x").answers(Fault::Hang)]);
        let project = project(&server.url());
        let mut child = Command::new(RUNNER)
            .args(["run", "q", "--out", "o.json"])
            .current_dir(project.path())
            .stderr(std::process::Stdio::null())
            .spawn()
            .expect("the program starts");
        server.wait_for_requests(1);
        assert_eq!(left(&project).len(), 1);
        let (_, stderr) = shell(&project, &format!("kill -{signal} {}", child.id()));
        assert_eq!(stderr, "");
        assert_eq!(child.wait().expect("it ends").code(), Some(130), "{signal}");
        assert_eq!(left(&project), [""; 0], "{signal}");
        server.finish();
    }
}

#[test]
fn a_hang_up_that_the_parent_ignores_is_ignored() {
    let server = Server::start(vec![
        Exchange::get("/x").answers(
            Answer::status(200)
                .json(&json!([]))
                .after(Duration::from_secs(1)),
        ),
    ]);
    let project = project(&server.url());
    let line = "trap '' HUP; runner run q & p=$!; sleep 0.3; kill -HUP $p; wait $p";
    assert_eq!(shell(&project, line), (0, "[]\n".to_owned()));
    server.finish();
}

#[test]
fn signals_and_time_end_what_computes() {
    let rows: Vec<_> = (0..20_000).map(|id| json!({"id": id})).collect();
    let rows = json!(rows);
    let slow = "{% set ns = namespace(s=0) %}{% for i in range(3000) %}{% set ns.s = ns.s + i %}{% endfor %}{{ ns.s }}";
    for query in [
        // A column of many records, and one template that takes long.
        format!("resource: r\nendpoint: /x\nrows: $[*]\nextract: {{ a: {} }}\n", json!(slow)),
        "data: { d: { query: q } }\nreport: { template: \"{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}\" }\n".to_owned(),
    ] {
        let server = Server::start(vec![Exchange::get("/x").answers(rows.clone()).times(2)]);
        let project = project(&server.url()).query("slow", &query);
        let format: &[&str] = if query.contains("report") { &[] } else { &["-o", "ndjson"] };
        let run = |more: &[&str]| {
            let run = Run::in_(&project).args(["run", "slow"]);
            run.args(format).args(more)
        };
        let running = run(&[]).start();
        server.wait_for_requests(1);
        running.interrupt();
        running.finish().assert_exit(130);
        run(&["--timeout", "600ms"]).outcome().assert_exit(5);
        server.finish();
    }
}

#[test]
fn programs_that_give_a_token_end_with_the_run() {
    let project = project("http://127.0.0.1:9").file(
        "resources/r.yaml",
        "type: rest\nbase_url: http://127.0.0.1:9\n\
         auth: { command: [sh, -c, 'sleep 300 & echo $! > child; wait'] }\n",
    );
    // Without a terminal, as in a CI job: the test may have one.
    let line = "setsid --wait runner run q --timeout 1s; \
                for i in $(seq 50); do kill -0 $(cat child) 2>/dev/null || exit 7; sleep 0.1; done";
    let (code, stderr) = shell(&project, line);
    assert_eq!(code, 7, "{stderr}");
}

#[test]
fn places_that_are_no_files_are_written_to() {
    let server = Server::start(vec![
        Exchange::get("/x").answers(json!([{"id": 1}])).times(6),
    ]);
    let project = project(&server.url());
    let one = "{\"id\":1}\n";
    for (line, seen) in [
        ("runner run q -o ndjson --out /dev/stdout", one),
        ("runner run q -o ndjson --out /dev/stdout | cat", one),
        (
            "runner run q -o ndjson --out /dev/stderr 2>&1 >/dev/null",
            one,
        ),
        ("runner run q -o ndjson --out /dev/fd/3 3>&1 | cat", one),
        ("runner run q --out /dev/null", ""),
        (
            "mkfifo pipe; cat pipe & runner run q -o ndjson --out pipe; wait",
            one,
        ),
    ] {
        assert_eq!(shell(&project, line), (0, seen.to_owned()), "{line}");
    }
    server.finish();
}

#[test]
fn a_link_is_followed_and_a_loop_is_a_message() {
    let server = Server::start(vec![Exchange::get("/x").answers(json!([{"id": 1}]))]);
    let project = project(&server.url());
    fs::create_dir(project.path().join("data")).expect("made");
    symlink("data/report.csv", project.path().join("report.csv")).expect("a link");
    symlink("loop.csv", project.path().join("loop.csv")).expect("a link");
    let run = |out: &str| {
        Run::in_(&project)
            .args(["run", "q", "--out", out])
            .outcome()
    };
    run("report.csv").assert_exit(0);
    assert_eq!(project.read("data/report.csv").as_deref(), Some("id\n1\n"));
    insta::assert_snapshot!(run("loop.csv").snapshot());
    server.finish();
}

#[test]
fn a_state_is_private_and_follows_no_link() {
    use std::os::unix::fs::PermissionsExt as _;
    let project = project("http://127.0.0.1:9").query(
        "page",
        "sql: select 1 as x\nreport: { template: \"{{ rows | length }}\" }\n",
    );
    fs::create_dir(project.path().join("st")).expect("made");
    let run = || {
        Run::in_(&project)
            .args(["run", "page", "--state", "st"])
            .outcome()
    };
    run().assert_exit(0);
    let path = project.path().join("st/page.json");
    for path in [&path, &project.path().join("st/page.lock")] {
        let mode = fs::metadata(path).expect("a file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    fs::rename(&path, project.path().join("victim")).expect("moved");
    let before = project.read("victim");
    symlink("../victim", &path).expect("a link");
    insta::assert_snapshot!(run().snapshot());
    assert_eq!(project.read("victim"), before);
}

#[test]
fn a_state_that_no_reader_saw_is_not_kept() {
    let project = project("http://127.0.0.1:9").query(
        "page",
        "sql: select 1 as x\nreport: { template: \"{{ 'x' * 1000000 }}\" }\n",
    );
    let run = || Run::in_(&project).args(["run", "page", "--state", "st"]);
    run().stdout_closed_after(1).outcome().assert_exit(0);
    assert_eq!(project.read("st/page.json"), None);
    run().outcome().assert_exit(0);
    assert!(project.read("st/page.json").is_some());
}

#[test]
fn few_descriptors_and_full_devices_are_messages() {
    let project = project("http://127.0.0.1:9");
    let (code, stderr) = shell(&project, "ulimit -n 8; runner run q --out o.json");
    assert_eq!(code, 2);
    assert!(
        stderr.starts_with("error[cannot-start]: the limit of open files"),
        "{stderr}"
    );
    for flag in ["--help", "--version", "run --help"] {
        let (code, stderr) = shell(&project, &format!("runner {flag} > /dev/full"));
        assert_eq!(code, 2);
        assert!(stderr.starts_with("error[cannot-write]"), "{stderr}");
    }
}

#[test]
fn the_timeout_holds_while_a_request_is_only_shown() {
    let slow = "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}\
                {% set ns.s = [ns.s, ns.s] %}{% endfor %}{{ ns.s }}";
    for flag in ["--dry-run", "--curl"] {
        let outcome = Case::query(&format!("endpoint: /x\nparams: {{ a: \"{slow}\" }}"))
            .args([flag, "--timeout", "500ms"])
            .asks_nothing();
        let text = outcome.assert_exit(5).stderr_text();
        assert!(text.contains("exceeded `--timeout`"), "{text}");
    }
}
