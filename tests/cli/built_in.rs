//! The built-in project, used outside of any project.

use serde_json::Value;

use crate::support::{Outcome, Project, Run};

const NOTE: &str = "built-in: no project found, using the built-in queries and resources\n";

fn run(project: &Project, args: &[&str]) -> Outcome {
    Run::in_(project).args(args).outcome()
}

#[test]
fn a_report_is_made_in_an_empty_folder_as_in_a_project_with_the_same_files() {
    let (none, shipped) = (Project::none(), Project::shipped());
    for report in ["failures-report", "weekly-report", "ci-health"] {
        let args = ["run", report, "--demo"];
        let built_in = run(&none, &args);
        let own = run(&shipped, &args);
        assert_eq!(
            built_in.assert_exit(0).stdout_text(),
            own.assert_exit(0).stdout_text(),
            "{report}"
        );
        assert_eq!(
            built_in.stderr_text(),
            format!("{NOTE}{}", own.stderr_text())
        );
    }
    let html = run(
        &none,
        &["run", "weekly-report", "--demo", "--out", "w.html"],
    );
    html.assert_exit(0);
    let page = none.read("w.html").expect("the page");
    assert!(page.starts_with("<!doctype html>"), "{page}");
}

#[test]
fn records_are_kept_in_the_working_directory() {
    let project = Project::none();
    run(&project, &["sync", "pipelines", "--demo", "-q"]).assert_exit(0);
    assert!(project.path().join(".runner/demo.db").exists());
    let counted = "select count(*) > 9 as n from pipelines";
    let counted = ["sql", "--demo", "-q", "--store", counted, "-o", "csv"];
    assert_eq!(
        run(&project, &counted).assert_exit(0).stdout_text(),
        "n\n1\n"
    );
    let unknown = ["sql", "--demo", "-q", "--store", "select * from pipelins"];
    let unknown = run(&project, &unknown);
    unknown.assert_exit(2);
    assert!(unknown.stderr_text().contains("did you mean `pipelines`?"));
}

#[test]
fn the_note_is_printed_once_and_not_with_quiet() {
    let none = Project::none();
    for args in [
        &["run", "me", "--demo"][..],
        &["run", "me", "project", "--demo"],
        &["ping", "--demo"],
        &["check"],
        &[
            "sql",
            "select a.id from a, b",
            "--from",
            "a=me",
            "--from",
            "b=me",
            "--demo",
        ],
    ] {
        let stderr = run(&none, args).assert_exit(0).stderr_text();
        assert_eq!(stderr.matches(NOTE).count(), 1, "{args:?}: {stderr}");
        let quiet: Vec<&str> = args.iter().copied().chain(["-q"]).collect();
        if args[0] != "check" {
            let stderr = run(&none, &quiet).assert_exit(0).stderr_text();
            assert_eq!(stderr, "", "{args:?}");
        }
    }
    let alone = run(&none, &["sql", "select 1 as n"]);
    assert_eq!(alone.assert_exit(0).stderr_text(), "");
    let quiet = run(&none, &["check", "-q"]);
    assert_eq!(quiet.assert_exit(0).stderr_text(), "");
}

#[test]
fn files_are_named_by_where_they_come_from() {
    let none = Project::none();
    let list = run(&none, &["list", "-o", "json"])
        .assert_exit(0)
        .stdout_json();
    assert_eq!(list["project"]["built_in"], Value::from(true));
    let shipped = run(&Project::shipped(), &["list", "-o", "json"]).stdout_json();
    assert_eq!(shipped["project"]["built_in"], Value::from(false));
    for part in ["resources", "queries"] {
        let (all, own) = (list[part].as_array(), shipped[part].as_array());
        let (all, own) = (all.expect("a list"), own.expect("a list"));
        assert_eq!(all.len(), own.len());
        for (item, own) in all.iter().zip(own) {
            let file = own["file"].as_str().expect("a path");
            assert_eq!(item["file"], Value::from(format!("built-in:{file}")));
            assert_eq!(item["broken"], Value::from(false));
        }
    }
    let text = run(&none, &["list"]).assert_exit(0).stdout_text();
    assert!(text.starts_with("project\n  built-in"), "{text}");
    let shown = run(&none, &["show", "failed-jobs"])
        .assert_exit(0)
        .stdout_text();
    assert!(
        shown.contains("file      built-in:queries/failed-jobs.yaml\n"),
        "{shown}"
    );
    let needs = run(&none, &["run", "failed-jobs"])
        .assert_exit(2)
        .stderr_text();
    assert!(
        needs.contains("--> built-in:queries/failed-jobs.yaml:6:18\n"),
        "{needs}"
    );
}

#[test]
fn the_token_goes_to_circleci_as_in_a_project() {
    let args = [
        "run",
        "failed-jobs",
        "project_slug=gh/acme/web",
        "--dry-run",
    ];
    let built_in = run(&Project::none(), &args);
    let own = run(&Project::shipped(), &args);
    assert_eq!(
        built_in.assert_exit(0).stdout_text(),
        own.assert_exit(0).stdout_text()
    );
    let unset = Run::in_(&Project::none())
        .args(&args[..3])
        .without_env("CIRCLE_TOKEN")
        .outcome();
    let stderr = unset.assert_exit(4).stderr_text();
    assert!(
        stderr.contains("built-in:resources/circleci.yaml:"),
        "{stderr}"
    );
}

#[test]
fn a_folder_with_files_of_a_project_is_that_project() {
    // A project of queries alone gets no resource from elsewhere.
    let own = Project::none().query("mine", "resource: circleci\nendpoint: /me\n");
    let stderr = run(&own, &["run", "mine"]).assert_exit(2).stderr_text();
    assert!(stderr.contains("no resource `circleci`"), "{stderr}");
    let stderr = run(&own, &["run", "me", "--demo"])
        .assert_exit(2)
        .stderr_text();
    assert!(stderr.contains("no query `me`"), "{stderr}");
    assert!(!stderr.contains("built-in: no project"), "{stderr}");
    assert!(stderr.contains("`me` is a built-in query"), "{stderr}");
    // A marked root is a project too.
    let marked = Project::none().file("runner.yaml", "");
    let stderr = run(&marked, &["run", "me", "--demo"])
        .assert_exit(2)
        .stderr_text();
    assert!(stderr.contains("no query `me`"), "{stderr}");
    // From a folder below, the project above is meant.
    let below = Project::shipped().file("src/deep/x.txt", "");
    let outcome = Run::in_(&below).folder("src/deep").args(["list"]).outcome();
    let text = outcome.assert_exit(0).stdout_text();
    assert!(!text.contains("built-in"), "{text}");
}

#[test]
fn no_folder_on_disk_stands_in_for_it() {
    let decoy = Project::none()
        .file(
            "built-in:/queries/me.yaml",
            "resource: circleci\nendpoint: /stolen\n",
        )
        .file(
            "built-in:/resources/circleci.yaml",
            "type: circleci\nbase_url: http://127.0.0.1:9\n",
        );
    let curl = run(&decoy, &["run", "me", "--curl"])
        .assert_exit(0)
        .stdout_text();
    assert!(curl.contains("https://circleci.com/api/v2/me'"), "{curl}");
}

#[test]
fn a_folder_in_a_git_repository_gives_its_slug() {
    let none = Project::none();
    let git = |args: &[&str]| {
        let done = std::process::Command::new("git")
            .args(args)
            .current_dir(none.path())
            .output()
            .expect("git runs");
        assert!(done.status.success());
    };
    git(&["init", "-q"]);
    git(&["remote", "add", "origin", "https://github.com/acme/web.git"]);
    let shown = run(&none, &["run", "project-pipelines", "--dry-run"]);
    let text = shown.assert_exit(0).stdout_text();
    assert!(text.contains("/project/gh%2Facme%2Fweb/pipeline"), "{text}");
}

#[test]
fn every_verb_says_what_to_do_without_a_project() {
    let none = Project::none();
    for (args, exit, part) in [
        (&[][..], 2, "  runner init  "),
        (&["list"], 0, "weekly-report"),
        (&["show", "failed-jobs"], 0, "runner run failed-jobs"),
        (&["check"], 0, "no faults"),
        (&["test"], 2, "with `runner init`"),
        (&["record", "me"], 2, "with `runner init`"),
        (&["run", "me"], 4, "or use `--demo`"),
        (&["api", "/me"], 4, "or use `--demo`"),
        (&["run", "queries/me.yaml"], 2, "no file `queries/me.yaml`"),
    ] {
        let outcome = Run::in_(&none)
            .args(args)
            .without_env("CIRCLE_TOKEN")
            .outcome();
        outcome.assert_exit(exit);
        let text = outcome.stdout_text() + &outcome.stderr_text();
        assert!(text.contains(part), "{args:?}: {text}");
    }
    let sql = run(
        &none,
        &[
            "sql",
            "select count(*) as n from p",
            "--from",
            "p=project-pipelines",
            "--demo",
            "-q",
            "-o",
            "csv",
        ],
    );
    assert_eq!(sql.assert_exit(0).stdout_text(), "n\n20\n");
}
