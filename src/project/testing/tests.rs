//! Test files of the built-in queries, read from text.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::project::{Project, Trust, yaml};
use crate::recording::{Broken, Content};

fn read(text: &str) -> TestFile {
    let here = Path::new("/");
    let trust = Trust::new(&BTreeMap::new());
    let project = Project::built_in(here, &["table", "json", "raw"], &trust);
    let source = SourceFile::new("failed-jobs.yaml", "/tests/failed-jobs.yaml", text);
    let mut faults = Diagnostics::new();
    let node = yaml::parse(&source, &mut faults).expect("YAML");
    let position = file::Position {
        folder: Path::new("/tests/failed-jobs"),
        name: "failed-jobs",
    };
    let file = file::read(&node, &source, &position, &project, &mut faults);
    assert!(faults.is_empty(), "{faults:?}");
    file.expect("no faults")
}

const FILE: &str = r#"
cases:
  usual:
    vars: { project_slug: gh/acme/web, since: 2d }
    now: 2026-11-25
    env: { A: 1, B: two }
    git: { branch: main }
    limit: 10
    given:
      project-workflows: [{ id: w1 }]
    answers: [{ ask: GET /workflow/w1/job, body: { items: [1.0] } }]
    exit: 6
    expect: rows == []
    show: json
  Nothing failed:
    like: usual
    vars: { since: 7d }
    env: { B: three }
    answers:
      - { ask: GET /workflow/*/job?a=b, nth: 2, sent: null, status: 404, text: gone, delay: 2s }
      - { ask: GET /workflow/*/job, headers: { X-A: [1, b] }, base64: "eA==" }
      - { ask: GET /workflow/*/job, broken: half }
  third: { like: Nothing failed, now: 2026-11-26T10:00:00+01:00, exit: 2 }
"#;

#[test]
fn a_case_has_the_settings_of_the_one_it_is_like_unless_it_has_its_own() {
    let file = read(FILE);
    let names: Vec<&str> = file.cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names, ["usual", "Nothing failed", "third"]);
    let third = file.case("third").expect("a case");
    let vars: Vec<_> = third
        .vars
        .iter()
        .map(|(name, value, _)| (name.as_str(), value))
        .collect();
    assert_eq!(
        vars,
        [
            ("since", &json!("7d")),
            ("project_slug", &json!("gh/acme/web"))
        ]
    );
    assert_eq!(
        third.env,
        BTreeMap::from([("A", "1"), ("B", "three")].map(owned))
    );
    assert_eq!(third.git, BTreeMap::from([("branch", "main")].map(owned)));
    assert_eq!(
        third.now.map(|now| now.to_string()).as_deref(),
        Some("2026-11-26T09:00:00Z")
    );
    assert_eq!((third.limit, third.exit), (Some(10), 2));
    assert!(third.expect.is_empty() && third.show.is_empty());
    let usual = file.case("usual").expect("a case");
    assert_eq!(
        (usual.exit, usual.show.as_slice(), usual.expect.len()),
        (6, &["json"][..], 1)
    );
}

fn owned((name, value): (&str, &str)) -> (String, String) {
    (name.to_owned(), value.to_owned())
}

#[test]
fn own_answers_come_first() {
    let file = read(FILE);
    let third = file.case("third").expect("a case");
    let targets: Vec<&str> = third
        .overrides
        .iter()
        .map(|answer| &*answer.target)
        .collect();
    let job = "/workflow/*/job";
    assert_eq!(
        targets,
        ["/workflow/*/job?a=b", job, job, "/workflow/w1/job"]
    );
    let [gone, bytes, half, usual] = third.overrides.as_slice() else {
        panic!("four answers");
    };
    assert_eq!((gone.nth, gone.answer.status), (Some(2), 404));
    assert_eq!(gone.sent, Some(Content::Json(json!(null))));
    assert_eq!(gone.answer.body, Content::Text("gone".to_owned()));
    assert_eq!(gone.answer.delay, Duration::from_secs(2));
    assert_eq!(
        bytes.answer.headers,
        [("x-a", "1"), ("x-a", "b")].map(owned)
    );
    assert_eq!(bytes.answer.body, Content::Bytes(b"x".to_vec()));
    assert_eq!(half.answer.broken, Some(Broken::Half));
    assert_eq!((usual.answer.status, &usual.sent), (200, &None));
    // A number keeps its text.
    let Content::Json(body) = &usual.answer.body else {
        panic!("JSON");
    };
    assert_eq!(body.to_string(), r#"{"items":[1.0]}"#);
}

#[test]
fn given_records_have_all_columns() {
    let file = read(FILE);
    let given = &file.cases[0].given[0];
    let row = given.rows[0].as_object().expect("a record");
    let query = file
        .query
        .with_fed_by()
        .into_iter()
        .find(|query| query.name == given.query);
    let columns = query.and_then(Query::columns).expect("columns");
    assert_eq!(row.keys().cloned().collect::<Vec<_>>(), columns);
    assert_eq!((&row["id"], &row["name"]), (&json!("w1"), &json!(null)));
}

#[test]
fn recordings_are_looked_for_in_the_order_of_like() {
    let file = read(FILE);
    let third = file.case("third").expect("a case");
    let paths = ["third", "nothing-failed", "usual"]
        .map(|slug| PathBuf::from(format!("/tests/failed-jobs/{slug}.answers.yaml")));
    assert_eq!(file.recordings(third), paths);
    assert_eq!(
        file.case("nothing-failed").map(|case| &*case.name),
        Some("Nothing failed")
    );
}

/// Small texts must not become large files in memory.
#[test]
fn cases_do_not_multiply_answers_without_bound() {
    let body = "[1, 2, 3, 4, 5, 6, 7, 8], ".repeat(9_000);
    let mut text = format!(
        "cases:\n  base: {{ answers: [{{ ask: GET /workflow/*/job, body: [{body}] }}] }}\n"
    );
    for index in 0..500 {
        text.push_str(&format!("  c{index}: {{ like: base }}\n"));
    }
    let source = SourceFile::new("failed-jobs.yaml", "/tests/failed-jobs.yaml", text);
    let mut faults = Diagnostics::new();
    let node = yaml::parse(&source, &mut faults).expect("YAML");
    let entries = file::entries(&node).expect("cases");
    let around = case::Around {
        formats: &[],
        columns: None,
    };
    let cases = entries
        .iter()
        .map(|entry| case::read(entry, &around, &mut faults));
    let mut cases: Vec<Case> = cases.collect();
    like::resolve(&mut cases, entries, &mut faults);
    let faults = faults.into_sorted();
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert_eq!(
        faults[0].message,
        "the cases of the file take more than 64 MiB from each other"
    );
}
