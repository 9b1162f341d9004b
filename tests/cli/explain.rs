//! `runner explain`: pages of error codes.

use crate::support::{Outcome, Project, Run};

fn explain(args: &[&str]) -> Outcome {
    let project = Project::new();
    Run::in_(&project).args(["explain"]).args(args).outcome()
}

#[test]
fn a_code_has_a_page() {
    let page = explain(&["unknown-key"]);
    let text = page.assert_exit(0).stdout_text();
    assert!(text.starts_with("unknown-key\n\n"), "{text}");
    assert!(text.contains("    error[unknown-key]: "), "{text}");
    assert!(!text.contains("```") && !text.contains("]("), "{text}");
}

#[test]
fn a_code_can_be_pasted_from_the_error() {
    let page = explain(&["error[unknown-key]:"])
        .assert_exit(0)
        .stdout_text();
    assert_eq!(page, explain(&["unknown-key"]).stdout_text());
    assert_eq!(page, explain(&["Unknown-Key"]).stdout_text());
}

#[test]
fn statuses_share_a_page() {
    let page = explain(&["http-429"]).assert_exit(0).stdout_text();
    assert!(
        page.contains("\n429\n") && page.contains("rate_limit"),
        "{page}"
    );
    assert!(!page.contains("\n404\n"), "{page}");
}

#[test]
fn without_a_code_all_are_listed() {
    let list = explain(&[]).assert_exit(0).stdout_text();
    assert!(list.lines().count() > 100, "{list}");
    for code in ["unknown-key ", "http-STATUS ", "timeout "] {
        let count = list.lines().filter(|line| line.starts_with(code)).count();
        assert_eq!(count, 1, "{code}");
    }
}

#[test]
fn an_unknown_code_is_an_error_with_the_nearest_one() {
    for (word, hint) in [
        ("unknown-kye", "did you mean `unknown-key`?"),
        ("http-200", "list all codes with `runner explain`"),
        ("zzz", "list all codes with `runner explain`"),
    ] {
        let stderr = explain(&[word]).assert_exit(2).stderr_text();
        assert!(stderr.contains(&format!("no code `{word}`")), "{stderr}");
        assert!(stderr.contains(hint), "{stderr}");
    }
}

/// A log does not say where to read on: it is not read by the one who can.
#[test]
fn check_names_the_page_on_a_terminal() {
    let project = Project::new();
    project.write("resources/circleci.yaml", "type: circleci\n");
    project.write("queries/q.yaml", "resource: circleci\nendpoint: /x\na: 1\n");
    let check = || Run::in_(&project).args(["check"]);
    let hint = "for details: `runner explain unknown-key`";
    let screen = check().terminal(100).outcome().assert_exit(2).stdout_text();
    assert!(screen.contains(hint), "{screen}");
    let log = check().outcome().assert_exit(2).stderr_text();
    assert!(!log.contains("for details"), "{log}");
    project.write("queries/r.yaml", "resource: nowhere\nendpoint: /x\n");
    let screen = check().terminal(100).outcome().stdout_text();
    assert!(
        screen.contains("for details: `runner explain CODE`"),
        "{screen}"
    );
}
