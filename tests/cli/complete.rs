//! Completions: `runner complete`, which the scripts of `runner completions` ask, and the scripts in
//! real shells.

use std::process::Command;
use std::time::{Duration, Instant};

use crate::support::{Project, Run};

/// A project with a query that has vars and columns, another one, an environment, and a test.
fn project() -> Project {
    let project = Project::new();
    project.write(
        "resources/shop.yaml",
        "type: rest\nbase_url: https://shop.example\nenvironments: { staging: {}, store: {} }\n",
    );
    project.write(
        "queries/orders.yaml",
        "description: The orders of a shop\nresource: shop\nendpoint: /orders\nrows: $.items[*]\n\
         vars:\n  status: { enum: [open, paid, 'sent back'], default: open, description: State of the orders }\n  \
         since: 7d\n  all: { type: bool, default: false }\n\
         params: { status: \"{{ status }}\", since: \"{{ since }}\", all: \"{{ all }}\" }\n\
         extract: { id: $.id, item: $.item, total: $.total }\n",
    );
    project.write(
        "queries/order-lines.yaml",
        "resource: shop\nendpoint: /lines\n",
    );
    // A query that cannot be read has a name.
    project.write("queries/broken.yaml", "resource: [\n");
    project.write("tests/orders.yaml", "cases: { usual: , nothing sold: }\n");
    project
}

/// Returns the candidates for a line in bash, with the default word breaks.
fn bash(project: &Project, line: &str) -> Vec<String> {
    let breaks = " \t\n\"'><=;|&(:";
    let run = Run::in_(project).args([
        "complete", "--shell", "bash", "--breaks", breaks, "--", line,
    ]);
    lines(run)
}

/// Returns the candidates for words in zsh, with their descriptions.
fn zsh(project: &Project, words: &[&str]) -> Vec<String> {
    lines(
        Run::in_(project)
            .args(["complete", "--shell", "zsh", "--", "runner"])
            .args(words),
    )
}

fn lines(run: Run<'_>) -> Vec<String> {
    let outcome = run.outcome();
    let text = outcome.assert_exit(0).stdout_text();
    assert_eq!(outcome.stderr_text(), "", "a completion says nothing");
    let mut lines = text.lines().map(str::to_owned);
    let directive = lines.next().expect("a directive");
    let words: Vec<String> = lines.collect();
    match directive.as_str() {
        "words" => words,
        "files" if words.is_empty() => vec!["(files)".to_owned()],
        other => panic!("{other}: {words:?}"),
    }
}

#[test]
fn a_plan_takes_a_query_and_its_vars_as_a_run_does() {
    let project = project();
    for rest in ["ord", "orders sta", "orders status="] {
        let planned = bash(&project, &format!("runner plan {rest}"));
        assert!(!planned.is_empty(), "{rest}");
        assert_eq!(planned, bash(&project, &format!("runner run {rest}")));
    }
}

#[test]
fn names_come_from_the_project() {
    let project = project();
    for (line, expected) in [
        ("runner sche", &["schema"][..]),
        ("runner run ord", &["order-lines", "orders"]),
        ("runner run bro", &["broken"]),
        ("runner show s", &["shop"]),
        ("runner ping ", &["shop"]),
        ("runner run orders --env st", &["staging", "store"]),
        ("runner run orders --env=sta", &["staging"]),
        (
            "runner test orders/",
            &[r"orders/nothing\ sold", "orders/usual"],
        ),
        ("runner record orders/u", &["orders/usual"]),
        ("runner explain unknown-v", &["unknown-var"]),
        ("runner explain http", &["http-STATUS"]),
        ("runner sql --from o=orders", &["orders"]),
        ("runner sql --from order_", &["order_lines=order-lines"]),
        ("runner run orders -o js", &["json"]),
        ("runner check --format s", &["sarif"]),
        ("runner schema q", &["query"]),
        ("runner completions z", &["zsh"]),
        ("runner run orders --demo --dem", &[]),
        ("runner nothing ", &[]),
        ("runner run ./ord", &["(files)"]),
        ("runner run queries/", &["(files)"]),
        ("runner run orders --out ", &["(files)"]),
        ("runner check ", &["(files)"]),
        ("runner run orders --limit ", &[]),
        ("A=1 runner run orde", &["order-lines", "orders"]),
    ] {
        assert_eq!(bash(&project, line), expected, "{line}");
    }
}

#[test]
fn vars_and_columns_are_those_of_the_query() {
    let project = project();
    for (line, expected) in [
        ("runner run orders s", &["status=", "since="][..]),
        ("runner run orders status=open ", &["since=", "all="]),
        // bash breaks words at `=`, and replaces what follows it.
        ("runner run orders status=p", &["paid"]),
        (
            "runner run orders status=",
            &["open", "paid", r"sent\ back"],
        ),
        ("runner run orders 'status=s", &["status=sent back"]),
        ("runner run orders all=", &["true", "false"]),
        ("runner run orders --var status=p", &["paid"]),
        ("runner run orders since=", &[]),
        ("runner run order-lines ", &["broken", "orders"]),
        ("runner run broken s", &[]),
        ("runner record orders/usual st", &["status="]),
        ("runner run orders --columns i", &["id", "item"]),
        ("runner run orders --columns id,i", &["id,item"]),
        ("runner run orders --columns=id,i", &["id,item"]),
    ] {
        assert_eq!(bash(&project, line), expected, "{line}");
    }
}

#[test]
fn shells_with_descriptions_get_them() {
    let project = project();
    assert_eq!(
        zsh(&project, &["run", "orders", "sta"]),
        ["status=\tState of the orders"]
    );
    assert_eq!(
        zsh(&project, &["run", "orders", "status=p"]),
        ["status=paid"]
    );
    assert_eq!(
        zsh(&project, &["run", "orders"]),
        ["orders\tThe orders of a shop"]
    );
    assert_eq!(
        zsh(&project, &["run", "--demo"]),
        ["--demo\tUse an embedded CircleCI with synthetic data, without a token or a network"]
    );
}

/// Operations are not files; there are none yet, and the word is not taken for a query.
#[test]
fn a_word_with_a_colon_is_an_operation() {
    assert_eq!(bash(&project(), "runner run shop:"), [""; 0]);
}

#[test]
fn the_built_in_project_is_known_elsewhere() {
    let none = Project::none();
    assert_eq!(bash(&none, "runner run get-wo"), ["get-workflow"]);
    assert_eq!(bash(&none, "runner run get-workflow "), ["workflow_id="]);
    assert_eq!(bash(&none, "runner test "), [""; 0]);
}

/// A project of a hundred queries is completed before a person notices. The limit is far above the
/// normal time (some milliseconds in a release build), to allow for a busy machine.
#[test]
fn many_queries_are_completed_at_once() {
    let project = project();
    for number in 0..100 {
        project.write(
            &format!("queries/q{number}.yaml"),
            "description: One of many\nresource: shop\nendpoint: /x\n",
        );
    }
    let started = Instant::now();
    assert_eq!(zsh(&project, &["run", "q9"]).len(), 11);
    assert!(
        started.elapsed() < Duration::from_secs(2),
        "{:?}",
        started.elapsed()
    );
}

/// Completes a line in bash, where the function sees what readline would give it.
fn in_bash(project: &Project, line: &str, words: &[&str]) -> String {
    let script = format!(
        "PATH=\"{}:$PATH\"\n\
         eval \"$(runner completions bash)\"\n\
         COMP_LINE='{line}'; COMP_POINT=${{#COMP_LINE}}; COMP_WORDS=({}); COMP_CWORD={}\n\
         _runner runner '' '' 2>/dev/null\n\
         printf '%s\\n' \"${{COMPREPLY[@]}}\"\n",
        std::path::Path::new(env!("CARGO_BIN_EXE_runner"))
            .parent()
            .expect("a folder")
            .display(),
        words.join(" "),
        words.len() - 1,
    );
    let output = Command::new("bash")
        .args(["--norc", "-c", &script])
        .current_dir(project.path())
        .output()
        .expect("bash starts");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    String::from_utf8_lossy(&output.stdout)
        .trim_end()
        .to_owned()
}

#[test]
fn the_script_works_in_bash() {
    let project = project();
    let complete = |line: &str, words: &[&str]| in_bash(&project, line, words);
    assert_eq!(
        complete("runner run orders", &["runner", "run", "orders"]),
        "orders"
    );
    let words = ["runner", "run", "orders", "status", "=", "pa"];
    assert_eq!(complete("runner run orders status=pa", &words), "paid");
    assert_eq!(complete("runner check ", &["runner", "check", "''"]), "");
}

/// The scripts of other shells are parsed by them, where they are installed.
#[test]
fn the_scripts_are_valid() {
    let project = project();
    for shell in ["bash", "zsh", "fish"] {
        let script = Run::in_(&project)
            .args(["completions", shell])
            .outcome()
            .stdout_text();
        assert!(script.contains("complete --shell"), "{shell}");
        let path = project.path().join("script");
        std::fs::write(&path, script).expect("a file");
        let Ok(output) = Command::new(shell).arg("-n").arg(&path).output() else {
            continue;
        };
        assert!(
            output.status.success(),
            "{shell}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
}
