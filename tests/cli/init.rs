//! `runner init`: a starter project, written beside what is there.

use std::process::Command;

use crate::support::{Outcome, Project, Run};

fn run(project: &Project, args: &[&str]) -> Outcome {
    Run::in_(project).args(args).outcome()
}

/// A folder with a repository whose remote is this one.
fn with_remote(project: &Project, url: &str) {
    for args in [&["init", "-q"][..], &["remote", "add", "origin", url]] {
        let done = Command::new("git")
            .args(args)
            .current_dir(project.path())
            .status();
        assert!(done.expect("git runs").success());
    }
}

#[test]
fn a_starter_project_works_in_an_empty_folder() {
    let project = Project::none();
    insta::assert_snapshot!(run(&project, &["init"]).snapshot());
    for query in ["pipelines", "workflows", "failed-jobs", "ci-report"] {
        let outcome = run(&project, &["run", query, "--demo", "-q"]);
        let text = outcome.assert_exit(0).stdout_text();
        assert!(text.len() > 200, "{query}: {text}");
        assert_eq!(outcome.stderr_text(), "", "{query}");
    }
    let check = run(&project, &["check"]).assert_exit(0).stderr_text();
    assert!(check.ends_with("no faults\n"), "{check}");
    let test = Run::in_(&project)
        .args(["test"])
        .without_env("CIRCLE_TOKEN")
        .outcome();
    let test = test.assert_exit(0).stdout_text();
    assert!(test.starts_with("3 cases passed"), "{test}");
    let ping = run(&project, &["ping", "--demo", "-q"]);
    ping.assert_exit(0);
}

#[test]
fn the_report_of_the_starter_project_is_readable() {
    let project = Project::none();
    run(&project, &["init", "-q"]).assert_exit(0);
    let report = run(&project, &["run", "ci-report", "--demo", "-q"]);
    insta::assert_snapshot!(report.assert_exit(0).stdout_text());
}

#[test]
fn no_file_is_overwritten() {
    let project = Project::none().file("queries/pipelines.yaml", "mine\n");
    let outcome = run(&project, &["init"]);
    let text = outcome.assert_exit(0).stdout_text();
    assert!(
        text.contains("kept  queries/pipelines.yaml (it exists)\n"),
        "{text}"
    );
    assert_eq!(
        project.read("queries/pipelines.yaml").as_deref(),
        Some("mine\n")
    );
    // Once more, with a changed file: all are kept.
    project.write("runner.yaml", "# mine\n");
    let again = run(&project, &["init"]);
    let text = again.assert_exit(0).stdout_text();
    assert!(text.lines().all(|line| line.starts_with("kept ")), "{text}");
    assert_eq!(project.read("runner.yaml").as_deref(), Some("# mine\n"));
    assert!(again.stderr_text().starts_with("nothing to write"));
}

#[test]
fn a_project_with_queries_only_gets_what_it_lacks() {
    let project = Project::none()
        .query("mine", "resource: ci\nendpoint: /me\n")
        .file("resources/mine.yaml", "name: circleci\ntype: circleci\n");
    let text = run(&project, &["init"]).assert_exit(0).stdout_text();
    assert!(text.contains("kept  queries/pipelines.yaml (the project has queries)\n"));
    let kept = "kept  resources/circleci.yaml (the project has a resource `circleci`)\n";
    assert!(text.contains(kept), "{text}");
    assert!(text.contains("kept  tests/failed-jobs.yaml (the project has queries)\n"));
    assert!(text.contains("new   ci/circleci.yml\n"), "{text}");
    assert_eq!(project.read("queries/ci-report.yaml"), None);
}

#[test]
fn tests_of_something_else_are_left_alone() {
    let project = Project::none().file("tests/data.yaml", "a: 1\n");
    with_remote(&project, "git@github.com:acme/shop.git");
    let outcome = run(&project, &["init"]);
    let text = outcome.assert_exit(0).stdout_text();
    assert!(
        text.contains("new   tests/runner/failed-jobs.yaml\n"),
        "{text}"
    );
    let stderr = outcome.stderr_text();
    assert!(
        stderr.contains("of gh/acme/shop, by the remote `origin`"),
        "{stderr}"
    );
    run(&project, &["check"]).assert_exit(0);
    run(&project, &["test"]).assert_exit(0);
    // The second time, it finds the folder again.
    let text = run(&project, &["init"]).assert_exit(0).stdout_text();
    assert!(
        text.contains("kept  tests/runner/failed-jobs.yaml (it exists)\n"),
        "{text}"
    );
}

#[test]
fn folders_of_something_else_are_refused() {
    let project = Project::none().file("resources/pod.yaml", "kind: Pod\n");
    let outcome = run(&project, &["init"]);
    insta::assert_snapshot!(outcome.assert_exit(2).stderr_text());
    assert_eq!(project.read("runner.yaml"), None);
    // What the hint says works.
    run(&project, &["init", "ci-numbers", "-q"]).assert_exit(0);
    let inside = Run::in_(&project).folder("ci-numbers").args(["test"]);
    inside.outcome().assert_exit(0);
    // Inside of a marked project, a second one would be a mistake.
    let nested = Run::in_(&project)
        .folder("ci-numbers")
        .args(["init", "deeper"]);
    let stderr = nested.outcome().assert_exit(2).stderr_text();
    assert!(
        stderr.contains("`deeper` is inside of the project `.`"),
        "{stderr}"
    );
}

#[test]
fn a_dry_run_writes_nothing() {
    let project = Project::none();
    let outcome = run(&project, &["init", "new/place", "--dry-run"]);
    let text = outcome.assert_exit(0).stdout_text();
    assert!(text.starts_with("new   new/place/runner.yaml\n"), "{text}");
    assert!(!project.path().join("new").exists());
}
