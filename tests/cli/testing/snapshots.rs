//! Snapshots: compared, and written only by `--update`.

use super::*;

/// Every file of the tests with its text.
fn files(project: &Project) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut folders = vec![project.path().join("tests")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.strip_prefix(project.path()).unwrap().to_string_lossy();
            files.push((name.into_owned(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    files.sort();
    files
}

fn names(project: &Project) -> Vec<String> {
    files(project).into_iter().map(|(name, _)| name).collect()
}

const ROWS: &str = "  usual:\n    show: csv\n    answers:\n      - ask: GET /list\n        \
                    body: { items: [{ id: 1, name: build }] }\n";

#[test]
fn they_are_created_updated_and_removed_by_update_alone() {
    let project = project(LIST, ROWS);
    let before = files(&project);
    insta::assert_snapshot!("missing", test(&project, &[]).assert_exit(1).snapshot());
    assert_eq!(files(&project), before);
    let update = test(&project, &["--update"]);
    insta::assert_snapshot!("created", update.assert_exit(0).snapshot());
    let created = files(&project);
    assert_eq!(
        names(&project),
        ["tests/q.yaml", "tests/q/usual.csv", "tests/q/usual.json"]
    );
    test(&project, &[]).assert_exit(0);
    // Nothing to update.
    let again = test(&project, &["--update"]);
    assert_eq!(
        again.stdout_text().lines().count(),
        1,
        "{}",
        again.snapshot()
    );
    assert_eq!(files(&project), created);

    // Another answer.
    let text = format!("cases:\n{ROWS}");
    project.write("tests/q.yaml", text.replace("build", "deploy"));
    insta::assert_snapshot!("differs", test(&project, &[]).assert_exit(1).snapshot());
    test(&project, &["--update", "-q"]).assert_exit(0);
    assert!(
        project
            .read("tests/q/usual.csv")
            .unwrap()
            .contains("deploy")
    );

    // A form that is no longer shown.
    let text = text
        .replace("build", "deploy")
        .replace("    show: csv\n", "");
    project.write("tests/q.yaml", text);
    insta::assert_snapshot!("stale", test(&project, &[]).assert_exit(1).snapshot());
    let update = test(&project, &["--update"]);
    insta::assert_snapshot!("removed", update.assert_exit(0).snapshot());
    assert_eq!(names(&project), ["tests/q.yaml", "tests/q/usual.json"]);
}

#[test]
fn a_case_with_another_problem_is_not_updated() {
    let more = "  other:\n    like: usual\n    expect: rows | length == 7\n  third:\n    like: usual\n    \
                answers: [{ ask: GET /list, status: 500, body: {} }]\n";
    let project = project(LIST, &format!("{ROWS}{more}"));
    project.write("tests/q/other.json", "[]\n");
    let outcome = test(&project, &["--update"]);
    insta::assert_snapshot!(outcome.assert_exit(1).snapshot());
    assert_eq!(project.read("tests/q/other.json").as_deref(), Some("[]\n"));
    assert!(project.read("tests/q/third.json").is_none());
    assert!(project.read("tests/q/usual.json").is_some());
}

#[test]
fn only_the_chosen_cases_are_updated() {
    let project = project(LIST, &format!("{ROWS}  other:\n    like: usual\n"));
    test(&project, &["q/usual", "--update"]).assert_exit(0);
    assert!(project.read("tests/q/usual.json").is_some());
    assert!(project.read("tests/q/other.json").is_none());
}

#[test]
fn a_case_with_expectations_needs_no_snapshot_but_keeps_one() {
    let project = project(LIST, PASSING);
    test(&project, &[]).assert_exit(0);
    test(&project, &["--update"]).assert_exit(0);
    assert_eq!(files(&project).len(), 1);
    project.write("tests/q/usual.json", "[]\n");
    test(&project, &[]).assert_exit(1);
    test(&project, &["--update"]).assert_exit(0);
    let updated = project.read("tests/q/usual.json").unwrap();
    assert!(updated.contains("deploy"), "{updated}");
}

#[test]
fn only_differing_columns_and_their_origin_are_shown() {
    let project = project(LIST, "  usual: { now: 2026-01-01 }\n");
    let answers = "--- # runner answers 1\nask: GET /list\nof: { query: q }\nstatus: 200\nbody:\n  \
                   { \"items\": [{ \"id\": 1, \"name\": \"build\" }, { \"id\": 2, \"name\": \"deploy\" }] }\n";
    project.write("tests/q/usual.answers.yaml", answers);
    test(&project, &["--update"]).assert_exit(0);
    let changed = answers.replace("deploy", "deliver");
    project.write("tests/q/usual.answers.yaml", changed);
    insta::assert_snapshot!("columns", test(&project, &[]).assert_exit(1).snapshot());
    let terminal = run(&project, &[]).terminal(100).outcome();
    insta::assert_snapshot!("on_a_terminal", terminal.assert_exit(1).snapshot());
    let plain = run(&project, &[]).env("CI", "true").outcome();
    assert!(!plain.stdout_text().contains('\u{1b}'));
    // More records: lines.
    let more = "{ \"id\": 3, \"name\": \"new\" }, { \"id\": 2";
    let changed = answers.replace("{ \"id\": 2", more);
    project.write("tests/q/usual.answers.yaml", changed);
    insta::assert_snapshot!("lines", test(&project, &[]).assert_exit(1).snapshot());
}

/// Git may convert line ends.
#[test]
fn line_ends_do_not_matter() {
    let project = project(LIST, ROWS);
    test(&project, &["--update"]).assert_exit(0);
    for path in ["tests/q/usual.csv", "tests/q/usual.json"] {
        let text = project.read(path).unwrap();
        project.write(path, text.replace('\n', "\r\n"));
    }
    test(&project, &[]).assert_exit(0);
}

#[test]
fn a_report_of_several_documents_has_a_snapshot_each() {
    let project = project(LIST, PASSING)
        .query(
            "weekly",
            "data: { l: { query: q } }\nreport: { template_file: [weekly.md.jinja, weekly.html.jinja] }\n",
        )
        .file("queries/weekly.md.jinja", "# {{ data.l | length }}, was {{ previous.l | length }}\n{{ now() | date }}\n")
        .file("queries/weekly.html.jinja", "<b>{{ data.l | length }}</b>\n")
        .file(
            "tests/weekly.yaml",
            "cases:\n  usual:\n    given: { q: [{ id: 1 }, { id: 2 }] }\n    previous: { l: [{ id: 1 }] }\n",
        );
    insta::assert_snapshot!(test(&project, &["weekly"]).snapshot());
    test(&project, &["weekly", "--update"]).assert_exit(0);
    let markdown = project.read("tests/weekly/usual.md").unwrap();
    assert_eq!(markdown, "# 2, was 1\n2026-01-01 00:00\n");
    let html = project.read("tests/weekly/usual.html").unwrap();
    assert!(html.contains("<b>2</b>"), "{html}");
}
