//! `runner test --coverage`: the parts of queries that no case uses, and the age of recordings.

use crate::support::{Outcome, Project, Run};

const LIST: &str = "\
resource: circleci
endpoint: /list
rows: $.items[*]
extract:
  id: $.id
  branch: $.branch
where: id > 1
";

const ITEMS: &str = "\
resource: circleci
for_each: { item: { query: list, where: item.id > 2 } }
endpoint: /item/{{ item.id }}
on_status: { 404: empty, 409: empty }
extract:
  id: $.id
  note: $.note
expect:
  - rows | length < 10
";

const WAITS: &str = "\
resource: circleci
endpoint: /state
poll: { until: row.state == \"done\", every: 1s, timeout: 1m }
";

const CASES: &str = "\
cases:
  usual:
    answers:
      - { ask: GET /list, body: { items: [{ id: 2 }, { id: 3 }, { id: 4 }], next_page_token: null } }
      - { ask: GET /item/3, body: { id: 3, note: null } }
      - { ask: GET /item/4, status: 404, body: { message: gone } }
    expect: rows | length == 1
";

fn project() -> Project {
    Project::new()
        .circleci_at("http://127.0.0.1:1", "")
        .query("list", LIST)
        .query("items", ITEMS)
        .query("waits", WAITS)
        .file("tests/items.yaml", CASES)
}

fn test_of(project: &Project, args: &[&str]) -> Outcome {
    Run::in_(project).args(["test"]).args(args).outcome()
}

/// Removes the time that the cases took.
fn shown(outcome: &Outcome) -> String {
    let lines = outcome.snapshot();
    let lines = lines
        .lines()
        .map(|line| match line.split_once(" passed in ") {
            Some((before, _)) => format!("{before} passed in [TIME]"),
            None => line.to_owned(),
        });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn parts_that_no_case_uses_are_listed_by_query() {
    let outcome = test_of(&project(), &["--coverage"]);
    insta::assert_snapshot!(shown(outcome.assert_exit(0)));
}

#[test]
fn only_the_queries_of_chosen_cases_count() {
    let outcome = test_of(&project(), &["items", "--coverage", "--min", "60"]);
    insta::assert_snapshot!(shown(outcome.assert_exit(0)));
}

#[test]
fn less_than_the_minimum_fails() {
    let outcome = test_of(&project(), &["--coverage", "--min", "90"]);
    let text = outcome.assert_exit(1).stdout_text();
    assert!(text.ends_with("below the minimum of 90 %\n"), "{text}");
    let outcome = test_of(&project(), &["--min", "90"]);
    outcome.assert_exit(2);
}

#[test]
fn coverage_is_data_and_annotations() {
    let outcome = test_of(&project(), &["--coverage", "--format", "json"]);
    let document = outcome.assert_exit(0).stdout_json();
    assert_eq!(document["cases"][0]["passed"], true);
    insta::assert_snapshot!(format!("{:#}", document["coverage"]));
    let args = ["--coverage", "--format", "github", "--min", "90"];
    let outcome = test_of(&project(), &args);
    insta::assert_snapshot!("coverage_as_annotations", outcome.assert_exit(1).snapshot());
}

#[test]
fn every_part_can_be_used() {
    let waits = "\
cases:
  twice:
    answers:
      - { ask: GET /state, nth: 1, body: { state: running } }
      - { ask: GET /state, nth: 2, body: { state: done } }
    expect: row.state == \"done\"
";
    let list = "\
cases:
  all:
    answers:
      - { ask: GET /list, body: { items: [{ id: 1 }, { id: 2, branch: main }], next_page_token: null } }
    expect: rows | length == 1
";
    let more = "
  too many:
    given: { list: [{ id: 3 }, { id: 1 }] }
    answers:
      - { ask: GET /item/3, body: { id: 3, note: x } }
    expect: exit == 1
    exit: 1
  conflict:
    given: { list: [{ id: 3 }] }
    answers:
      - { ask: GET /item/3, status: 409, body: { message: busy } }
    expect: rows == []
";
    let project = project()
        .query(
            "items",
            &ITEMS.replace("rows | length < 10", "row.note != \"x\""),
        )
        .file("tests/items.yaml", format!("{CASES}{more}"))
        .file("tests/waits.yaml", waits)
        .file("tests/list.yaml", list);
    let outcome = test_of(&project, &["--coverage", "--min", "100"]);
    insta::assert_snapshot!(shown(outcome.assert_exit(0)));
}

#[test]
fn an_old_recording_is_a_warning() {
    let project = project()
        .file("runner.yaml", "tests: { max_age: 180d }\n")
        .file(
            "tests/items.yaml",
            "cases:\n  usual: { expect: \"rows | length == 0\" }\n",
        )
        .file(
            "tests/items/usual.answers.yaml",
            "--- # runner answers 1 · recorded 2020-01-01T00:00:00Z · circleci\n\
             ask: GET /list\nstatus: 200\nbody: { \"items\": [], \"next_page_token\": null }\n",
        );
    let outcome = test_of(&project, &[]);
    let text = outcome.assert_exit(0).stderr_text();
    assert!(
        text.starts_with("warning: the recording of items/usual is "),
        "{text}"
    );
    assert!(
        text.ends_with(" old, more than 180d; record it anew: `runner record items/usual`\n"),
        "{text}"
    );
    let project = project.file("runner.yaml", "tests: { max_age: 90000d }\n");
    assert_eq!(test_of(&project, &[]).assert_exit(0).stderr_text(), "");
}

const REPORT: &str = "\
data: { all: { query: list } }
sql: |
  select a.id as id, upper(a.branch) as branch, null as never_there
  from all a
  where a.id < 100
report:
  template: |
    {% if rows %}
    {%- for row in rows -%}
    {{ row.id }}
    {% else %}
    none
    {% endfor %}
    {% elif data.all | length > 5 %}
    many
    {% else -%}
      nothing
    {% endif %}
    {% include \"parts/end.md\" %}
";

fn report() -> Project {
    let case = |name: &str, items: &str| {
        format!(
            "  {name}:\n    answers: [{{ ask: GET /list, body: {{ items: {items}, next_page_token: null }} }}]\n    expect: exit == 0\n"
        )
    };
    Project::new()
        .circleci_at("http://127.0.0.1:1", "")
        .query("list", LIST)
        .query("report", &REPORT.replace("from all a", "from \"all\" a"))
        .file(
            "parts/end.md",
            "{% macro note(x) %}note {{ x }}{% endmacro %}\n\
             {% if rows | length < 100 %}end{% else %}the end{% endif %}\n",
        )
        .file(
            "tests/report.yaml",
            format!(
                "cases:\n{}{}",
                case("usual", "[{ id: 2, branch: x }]"),
                case("empty", "[]")
            ),
        )
}

#[test]
fn branches_of_reports_and_columns_of_statements_are_parts() {
    let outcome = test_of(&report(), &["report", "--coverage"]);
    insta::assert_snapshot!(shown(outcome.assert_exit(0)));
    let one = test_of(&report(), &["report/usual", "--coverage"]);
    insta::assert_snapshot!("branches_of_one_case", shown(one.assert_exit(0)));
}

/// Taking note of branches must not change what is rendered.
#[test]
fn coverage_does_not_change_a_document() {
    let project = report();
    let cases = project.read("tests/report.yaml").unwrap();
    project.write(
        "tests/report.yaml",
        cases.replace("    expect: exit == 0\n", ""),
    );
    test_of(&project, &["--update"]).assert_exit(0);
    let document = project.read("tests/report/empty.txt").unwrap();
    test_of(&project, &["report", "--coverage"]).assert_exit(0);
    assert!(document.starts_with("nothing\n"), "{document}");
}

/// The second report takes what the first one does not, and the other way round.
#[test]
fn a_file_of_several_reports_counts_once() {
    let second = "data: { all: { query: list } }\nreport:\n  template: \"{% set rows = range(100) | list %}\
                  {% include 'parts/end.md' %}\"\n";
    let project = report().query("second", second).file(
        "tests/second.yaml",
        "cases:\n  usual:\n    answers: [{ ask: GET /list, body: { items: [] } }]\n    expect: text == \"the end\\n\"\n",
    );
    let outcome = test_of(&project, &["report", "second", "--coverage"]);
    let text = outcome.assert_exit(0).stdout_text();
    assert_eq!(text.matches("parts/end.md").count(), 1, "{text}");
    assert!(
        text.contains("parts/end.md:1: `{% macro note(x) %}` is never called"),
        "{text}"
    );
    assert!(text.contains("(9 of 13 parts; 2 of 2 queries)"), "{text}");
}
