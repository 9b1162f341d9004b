//! Queries over the answers of other queries: `data`, and one SELECT over it.

use std::time::Duration;

use serde_json::{Value, json};

use crate::case::{Case, told, transcript};
use crate::support::{Answer, Exchange, Fault, Project, Run, Server};

/// A query of jobs, whose columns are known.
pub const JOBS: &str = "resource: circleci
endpoint: /jobs
rows: $.items[*]
extract: { name: $.name, seconds: { path: $.seconds, default: null } }
";

/// A query whose columns are unknown before it runs.
pub const RAW: &str = "resource: circleci\nendpoint: /raw\nrows: $.items[*]\n";

/// An answer with these records.
pub fn items(path: &str, records: impl Into<Value>) -> Exchange {
    let records: Value = records.into();
    Exchange::get(&format!("/api/v2{path}"))
        .answers(json!({"items": records, "next_page_token": null}))
}

/// A query over the jobs, and over the others as `raw`.
fn over_both(yaml: &str) -> Case {
    Case::query(&format!(
        "data: {{ jobs: {{ query: jobs }}, raw: {{ query: raw }} }}\n{yaml}"
    ))
    .file("queries/jobs.yaml", JOBS)
    .file("queries/raw.yaml", RAW)
}

/// A query over the jobs alone.
pub fn over_jobs(yaml: &str) -> Case {
    Case::query(&format!("data: {{ jobs: {{ query: jobs }} }}\n{yaml}"))
        .file("queries/jobs.yaml", JOBS)
}

fn three_jobs() -> Exchange {
    items(
        "/jobs",
        json!([
            {"name": "build", "seconds": 60},
            {"name": "test", "seconds": 300},
            {"name": "lint", "seconds": null},
        ]),
    )
}

mod asking {
    use super::*;

    #[test]
    fn all_queries_run_at_the_same_time() {
        let seen = over_both("sql: select jobs.name, raw.x from jobs, raw").asks(vec![
            items("/jobs", json!([{"name": "a"}])).together(2),
            items("/raw", json!([{"x": 1}])).together(2),
        ]);
        let expected = json!([{"name": "a", "x": 1}]);
        assert_eq!(seen.outcome.assert_exit(0).stdout_json(), expected);
    }

    #[test]
    fn equal_requests_are_sent_once() {
        let seen = Case::query(
            "data: { one: { query: jobs }, two: { query: jobs }, deep: { query: deep } }
sql: select count(*) as n from one, two, deep",
        )
        .file("queries/jobs.yaml", JOBS)
        .file(
            "queries/deep.yaml",
            "data: { again: { query: jobs } }\nsql: select name from again",
        )
        .asks(vec![three_jobs()]);
        assert_eq!(
            seen.outcome.assert_exit(0).stdout_json(),
            json!([{"n": 27}])
        );
    }

    #[test]
    fn vars_are_passed_on_by_name_and_by_word() {
        let asked = |path: &'static str| items(path, json!([{"name": "x"}]));
        let seen = Case::query(
            "vars: { branch: main, number: { type: int, default: 7 } }
data:
  same: { query: one }
  other: { query: one, vars: { branch: \"{{ branch }}-{{ number }}\" } }
sql: select same.name as a, other.name as b from same, other",
        )
        .file(
            "queries/one.yaml",
            "resource: circleci\nvars: { branch: default }\nendpoint: /b/{{ branch }}\nrows: $.items[*]",
        )
        .args(["branch=a/b"])
        .asks(vec![asked("/b/a%2Fb"), asked("/b/a%2Fb-7")]);
        seen.outcome.assert_exit(0);
    }

    #[test]
    fn one_that_fails_fails_the_whole_with_its_exit_code() {
        let report = |name: &str, reply: Exchange, exit: i32| {
            let server = Server::start(vec![items("/jobs", json!([])).at_least(0), reply]);
            let project = over_both("report: { template: \"{{ data.jobs | length }}\" }")
                .settings("retry: { max_attempts: 1 }")
                .project_at(&server.url());
            let outcome = Run::in_(&project)
                .args(["run", "q", "--out", "report.md"])
                .outcome();
            assert_eq!(outcome.assert_exit(exit).stdout_text(), "", "{name}");
            assert_eq!(project.read("report.md"), None, "{name}");
            server.finish();
            outcome
        };
        let raw = || Exchange::get("/api/v2/raw");
        let outcomes = [
            report("404", raw().answers((404, json!({"message": "none"}))), 3),
            report("401", raw().answers((401, json!({"message": "who"}))), 4),
            report("closed", raw().answers(Fault::CloseAtOnce), 5),
        ];
        insta::assert_snapshot!(transcript(&outcomes[..1]));
    }

    #[test]
    fn nothing_is_sent_of_what_is_missing_a_part() {
        let seen = over_both(
            "method: POST\nendpoint: /message\nbody: { json: { text: \"{{ data.jobs | length }}\" } }",
        )
        .args(["--yes"])
        .asks(vec![
            three_jobs().together(2),
            Exchange::get("/api/v2/raw")
                .together(2)
                .answers((404, json!({"message": "none"}))),
        ]);
        seen.outcome.assert_exit(3);
    }

    #[test]
    fn an_item_that_fails_leaves_the_rest_and_says_so() {
        let server = Server::start(vec![
            items("/n/1", json!([{"n": 1}])),
            Exchange::get("/api/v2/n/2").answers((404, json!({"message": "none"}))),
            items("/n/3", json!([{"n": 3}])),
        ]);
        let project = Case::query(
            "data: { walk: { query: walk } }
report:
  template: |
    {% for row in data.walk %}{{ row.n }},{% endfor %} partial: {{ run.partial }}, {{ run.failures | length }} of {{ run.requests }}",
        )
        .file(
            "queries/walk.yaml",
            "resource: circleci\nfor_each: { n: { in: [1, 2, 3] } }\nendpoint: /n/{{ n }}\nrows: $.items[*]",
        )
        .project_at(&server.url());
        let outcome = Run::in_(&project)
            .args(["run", "q", "--out", "report.md"])
            .outcome();
        outcome.assert_exit(6);
        assert_eq!(
            project.read("report.md").as_deref(),
            Some("1,3, partial: true, 1 of 3\n")
        );
        insta::assert_snapshot!(outcome.snapshot());
        server.finish();
    }

    #[test]
    fn the_first_item_that_fails_may_end_the_run() {
        let seen = Case::query(
            "data: { walk: { query: walk } }\nreport: { template: \"{{ data.walk | length }}\" }",
        )
        .file(
            "queries/walk.yaml",
            "resource: circleci\nfor_each: { n: { in: [1] } }\nendpoint: /n/{{ n }}\nrows: $.items[*]",
        )
        .args(["--fail-fast"])
        .asks(vec![
            Exchange::get("/api/v2/n/1").answers((404, json!({"message": "none"}))),
        ]);
        assert_eq!(seen.outcome.assert_exit(3).stdout_text(), "");
    }

    #[test]
    fn a_statement_gives_the_items_of_a_walk() {
        let seen = Case::query(
            "for_each: { job: { query: slow } }
endpoint: /job/{{ job.name }}
rows: $.items[*]
extract: { name: $.name, place: \"{{ job.place }}\" }",
        )
        .file("queries/jobs.yaml", JOBS)
        .file(
            "queries/slow.yaml",
            "data: { jobs: { query: jobs } }
sql: select name, rank() over (order by seconds desc) as place from jobs where seconds > 1",
        )
        .asks(vec![
            three_jobs(),
            items("/job/build", json!([{"name": "b"}])),
            items("/job/test", json!([{"name": "t"}])),
        ]);
        assert_eq!(
            seen.outcome.assert_exit(0).stdout_json(),
            json!([{"name": "t", "place": 1}, {"name": "b", "place": 2}])
        );
    }

    #[test]
    fn a_cut_listing_of_its_own_is_partial_too() {
        let seen = Case::query(
            "endpoint: /x
rows: $.items[*]
paginate: { max_pages: 1 }
report: { template: \"{{ rows | length }} {{ run.partial }}\" }",
        )
        .asks(vec![
            Exchange::get("/api/v2/x").answers(json!({"items": [{}], "next_page_token": "more"})),
        ]);
        assert_eq!(seen.outcome.assert_exit(6).stdout_text(), "1 true\n");
    }

    #[test]
    fn a_query_that_writes_gives_no_data() {
        let outcome = Case::query("data: { w: { query: w } }\nsql: select * from w")
            .file(
                "queries/w.yaml",
                "resource: circleci\nmethod: DELETE\nendpoint: /x",
            )
            .args(["--yes"])
            .asks_nothing();
        outcome.assert_exit(7);
        insta::assert_snapshot!(told(&outcome));
    }

    #[test]
    fn without_a_token_nothing_is_requested() {
        let outcome = over_jobs("sql: select * from jobs")
            .with(|run| run.without_env("CIRCLE_TOKEN"))
            .asks_nothing();
        outcome.assert_exit(4);
    }

    #[test]
    fn a_dry_run_shows_the_requests_of_its_data() {
        let outcomes = [
            over_both("sql: select * from jobs").args(["--dry-run"]).asks_nothing(),
            over_both("report: { template: x }").args(["--dry-run"]).asks_nothing(),
            over_both("method: POST\nendpoint: /m/{{ data.jobs[0].name }}\nbody: { json: { text: \"{{ data.jobs | length }}\" } }")
                .args(["--dry-run"])
                .asks_nothing(),
            Case::query("sql: select 1 as x").args(["--dry-run"]).asks_nothing(),
        ];
        for outcome in &outcomes {
            outcome.assert_exit(0);
        }
        let curl = over_both("sql: select * from jobs")
            .args(["--curl"])
            .asks_nothing();
        curl.assert_exit(2);
        insta::assert_snapshot!(transcript(outcomes.iter().chain([&curl])));
    }

    #[test]
    fn verbosity_reports_every_request() {
        let seen = over_both("sql: select count(*) as n from jobs, raw")
            .args(["-v"])
            .asks(vec![three_jobs(), items("/raw", json!([{"x": 1}]))]);
        let stderr = seen.outcome.assert_exit(0).stderr_text();
        assert!(
            stderr.contains("/jobs") && stderr.contains("/raw"),
            "{stderr}"
        );
    }
}

mod sql {
    use super::*;

    #[test]
    fn tables_are_joined_and_windowed_and_values_keep_their_kinds() {
        let seen = over_both(
            "sql: |
  select jobs.name, seconds,
         rank() over (order by seconds desc) as place,
         raw.ok, raw.tags, raw.tags ->> 0 as first, raw.id, raw.huge, raw.ratio,
         raw.missing, json_group_array(raw.id) over () as ids
  from jobs left join raw on raw.name = jobs.name
  order by jobs.name",
        )
        .asks(vec![
            three_jobs(),
            items(
                "/raw",
                json!([
                    {"name": "build", "ok": true, "tags": ["a", {"b": 1}], "id": 9_007_199_254_740_993_i64,
                     "huge": 18_446_744_073_709_551_615_u64, "ratio": 0.5, "missing": null},
                    {"name": "test", "ok": false, "tags": [], "id": -1, "huge": 1, "ratio": 2.0, "missing": "x"},
                ]),
            ),
        ]);
        insta::assert_snapshot!(seen.outcome.assert_exit(0).snapshot());
    }

    #[test]
    fn columns_stand_in_the_order_of_the_select() {
        let seen = over_jobs("sql: select seconds as z, name as a, 1 as m from jobs order by name")
            .args(["-o", "csv"])
            .asks(vec![three_jobs()]);
        assert_eq!(
            seen.outcome.assert_exit(0).stdout_text(),
            "z,a,m\n60,build,1\n,lint,1\n300,test,1\n"
        );
    }

    #[test]
    fn records_go_on_as_any_others_do() {
        let seen = over_jobs(
            "vars: { least: { type: int, default: 1 } }
sql: select name, seconds, seconds / 60 as minutes from jobs union all select name, seconds, 9 from jobs
where: seconds is not none and minutes >= least
unique: name
sort: -minutes
limit: 1
extract:
  name: $.name
  minutes: $.minutes
  seconds: $.seconds
  text: \"{{ row.name }}: {{ row.minutes }}\"
expect: [rows | length == 1, data.jobs | length == 3, rows | length == 2]",
        )
        .asks(vec![three_jobs()]);
        insta::assert_snapshot!(seen.outcome.assert_exit(1).snapshot());
    }

    #[test]
    fn what_comes_after_stop_when_is_not_there_however_many_rows() {
        let many = "sql: |
  with recursive n(i) as (select 1 union all select i + 1 from n where i < 2000)
  select i from n\n";
        for (lines, count) in [
            ("stop_when: row.i == 100", 99),
            ("stop_when: row.i == 600", 599),
            ("where: row.i % 2 == 0", 1_000),
            ("limit: 700", 700),
            ("", 2_000),
        ] {
            let outcome = Case::query(&format!("{many}{lines}")).asks_nothing();
            let rows = outcome.assert_exit(0).stdout_json();
            assert_eq!(rows.as_array().map(Vec::len), Some(count), "{lines}");
        }
    }

    #[test]
    fn an_empty_table_has_the_columns_that_are_known() {
        let known = over_jobs("sql: select name, seconds from jobs")
            .args(["-o", "csv"])
            .asks(vec![items("/jobs", json!([]))]);
        assert_eq!(known.outcome.assert_exit(0).stdout_text(), "name,seconds\n");
        let unknown =
            Case::query("data: { raw: { query: raw } }\nsql: select x, count(*) as n from raw")
                .file("queries/raw.yaml", RAW)
                .asks(vec![items("/raw", json!([]))]);
        assert_eq!(
            unknown.outcome.assert_exit(0).stdout_json(),
            json!([{"x": null, "n": 0}])
        );
    }

    #[test]
    fn what_only_the_records_can_tell_points_into_the_file() {
        let column = Case::query(
            "data: { raw: { query: raw } }\nsql: |\n  select name,\n    durration\n  from raw",
        )
        .file("queries/raw.yaml", RAW)
        .asks(vec![items("/raw", json!([{"name": "a", "duration": 1}]))]);
        let value = over_jobs("sql: select json_extract(name, '$.x') as x from jobs")
            .asks(vec![three_jobs()]);
        let overflow = over_jobs("sql: select abs(-9223372036854775807 - seconds) as x from jobs")
            .asks(vec![items("/jobs", json!([{"seconds": 1}]))]);
        let outcomes = [column.outcome, value.outcome, overflow.outcome];
        for outcome in &outcomes {
            outcome.assert_exit(2);
        }
        insta::assert_snapshot!(transcript(&outcomes));
    }

    #[test]
    fn a_var_is_bound_and_never_pasted() {
        let hostile = "'; drop table jobs; --";
        let seen = over_jobs(
            "vars: { name: {}, least: { type: int, default: 5 }, tags: { type: list, default: [a] }, no: null, since: { type: time, default: 7d } }
sql: select :name as name, :least + 1 as n, :tags ->> 0 as tag, :no as no, typeof(:since) as kind, count(*) as jobs from jobs where name <> :name",
        )
        .args([format!("name={hostile}")])
        .asks(vec![three_jobs()]);
        assert_eq!(
            seen.outcome.assert_exit(0).stdout_json(),
            json!([{"name": hostile, "n": 6, "tag": "a", "no": null, "kind": "text", "jobs": 3}])
        );
    }

    #[test]
    fn the_clock_of_a_statement_is_the_run_s() {
        let outcome = Case::query("sql: select date('now') as day, now() as now")
            .args(["--now", "2020-02-29T12:00:00Z"])
            .asks_nothing();
        assert_eq!(
            outcome.assert_exit(0).stdout_json(),
            json!([{"day": "2020-02-29", "now": "2020-02-29T12:00:00Z"}])
        );
    }

    #[test]
    fn a_secret_var_stays_masked_in_rows_and_faults() {
        let secret = "hunter2-and-more";
        let rows = over_jobs(
            "vars: { token: { secret: true } }
sql: select :token as token, 'x' || :token as more, json_object('t', :token) as nested from jobs limit 1",
        )
        .args([format!("token={secret}")])
        .with(move |run| run.secret(secret))
        .asks(vec![three_jobs()]);
        let fault = over_jobs(
            "vars: { token: { secret: true } }
sql: select json_extract(:token, '$.x') as x from jobs",
        )
        .args([format!("token={secret}")])
        .with(move |run| run.secret(secret))
        .asks(vec![three_jobs()]);
        let path = over_jobs(
            "vars: { token: { secret: true } }
sql: select json_extract('{}', :token) as x from jobs",
        )
        .args([format!("token={secret}")])
        .with(move |run| run.secret(secret))
        .asks(vec![three_jobs()]);
        insta::assert_snapshot!(transcript([&rows.outcome, &fault.outcome, &path.outcome]));
    }
}

mod endless {
    use super::*;

    const ENDLESS: &str = "sql: |
  with recursive n(i) as (select 1 union all select i + 1 from n)
  select count(*) as n from n";

    #[test]
    fn a_statement_without_end_is_stopped_in_time() {
        let outcome = Case::query(ENDLESS)
            .args(["--timeout", "300ms"])
            .with(|run| run.timeout(Duration::from_secs(10)))
            .asks_nothing();
        outcome.assert_exit(5);
        insta::assert_snapshot!(told(&outcome));
    }

    #[test]
    fn one_that_never_stops_giving_rows_is_stopped_too() {
        let outcome = Case::query(&ENDLESS.replace("count(*)", "i"))
            .args(["--timeout", "300ms", "--out", "rows.json"])
            .with(|run| run.timeout(Duration::from_secs(10)))
            .asks_nothing();
        outcome.assert_exit(5);
    }

    #[test]
    fn an_interrupt_ends_it() {
        let server = Server::start(vec![three_jobs()]);
        let project = over_jobs(&format!("{ENDLESS}, jobs")).project_at(&server.url());
        let running = Run::in_(&project)
            .args(["run", "q", "--out", "rows.csv"])
            .timeout(Duration::from_secs(10))
            .start();
        server.wait_for_requests(1);
        std::thread::sleep(Duration::from_millis(100));
        running.interrupt();
        running.finish().assert_exit(130);
        assert_eq!(project.read("rows.csv"), None);
        server.finish();
    }

    #[test]
    fn a_reader_that_goes_ends_it() {
        let project =
            Case::query(&ENDLESS.replace("count(*)", "i")).project_at("http://localhost:1");
        Run::in_(&project)
            .args(["run", "q", "-o", "ndjson"])
            .stdout_closed_after(100)
            .timeout(Duration::from_secs(10))
            .outcome();
    }
}

mod bodies {
    use super::*;

    fn sent(yaml: &str, jobs: Value) -> Vec<u8> {
        let seen = Case::query(&format!(
            "data: {{ jobs: {{ query: jobs }}, text: {{ query: text }} }}\nmethod: POST\nendpoint: /m\n{yaml}"
        ))
        .file("queries/jobs.yaml", JOBS)
        .file(
            "queries/text.yaml",
            "data: { jobs: { query: jobs } }\nreport: { template: \"{% for j in data.jobs %}* {{ j.name }}\\n{% endfor %}\" }",
        )
        .args(["--yes"])
        .asks(vec![items("/jobs", jobs), Exchange::post("/api/v2/m")]);
        seen.outcome.assert_exit(0);
        seen.requests[1].body.clone()
    }

    #[test]
    fn records_and_documents_stand_in_a_body() {
        let hostile = "a\"b\\c\n{{ x }} 100% é";
        let body = sent(
            "body: { json: { rows: \"{{ data.jobs }}\", n: \"{{ data.jobs | length }}\", text: \"{{ data.text }}\", first: \"*{{ data.jobs[0].name }}*\" } }",
            json!([{"name": hostile, "seconds": 1.5}, {"name": null, "seconds": null}]),
        );
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(
            body,
            json!({
                "rows": [{"name": hostile, "seconds": 1.5}, {"name": null, "seconds": null}],
                "n": 2,
                "text": format!("* {hostile}\n* \n"),
                "first": format!("*{hostile}*"),
            })
        );
    }

    #[test]
    fn a_form_and_a_text_take_them_too() {
        let form = sent(
            "body: { form: { text: \"{{ data.text }}\" } }",
            json!([{"name": "a&b=c 100%"}]),
        );
        assert_eq!(
            String::from_utf8(form).unwrap(),
            "text=*+a%26b%3Dc+100%25%0A"
        );
        let text = sent(
            "body: { text: \"{{ data.text }}|{{ data.jobs | tojson }}\" }",
            json!([{"name": "a", "seconds": 1}]),
        );
        assert_eq!(
            String::from_utf8(text).unwrap(),
            "* a\n|[{\"name\":\"a\",\"seconds\":1}]"
        );
    }

    #[test]
    fn an_address_and_params_take_them_too() {
        let seen = over_jobs(
            "endpoint: /job/{{ data.jobs[0].name }}\nparams: { n: \"{{ data.jobs | length }}\" }",
        )
        .asks(vec![
            items("/jobs", json!([{"name": "a/b ?"}])),
            Exchange::get("/api/v2/job/a%2Fb%20%3F?n=1"),
        ]);
        seen.outcome.assert_exit(0);
    }

    #[test]
    fn a_walk_asks_for_its_data_once() {
        let seen = over_jobs(
            "for_each: { n: { in: [1, 2] } }\nendpoint: /n/{{ n }}/{{ data.jobs | length }}\nrows: $.items[*]",
        )
        .asks(vec![
            three_jobs(),
            Exchange::get("/api/v2/n/1/3"),
            Exchange::get("/api/v2/n/2/3"),
        ]);
        seen.outcome.assert_exit(0);
    }
}

#[test]
fn several_queries_of_a_run_share_their_requests() {
    let server = Server::start(vec![three_jobs()]);
    let project = Project::new()
        .circleci(&server)
        .query("jobs", JOBS)
        .query(
            "one",
            "data: { jobs: { query: jobs } }\nsql: select count(*) as n from jobs",
        )
        .query(
            "two",
            "data: { jobs: { query: jobs } }\nreport: { template: \"{{ data.jobs | length }}\" }",
        );
    let outcome = Run::in_(&project).args(["run", "one", "two"]).outcome();
    insta::assert_snapshot!(outcome.assert_exit(0).snapshot());
    server.finish();
}

#[test]
fn a_slow_response_does_not_outlive_the_time_limit() {
    let outcome = over_jobs("sql: select * from jobs")
        .args(["--timeout", "300ms"])
        .asks(vec![
            Exchange::get("/api/v2/jobs").answers(
                Answer::status(200)
                    .json(&json!({"items": []}))
                    .after(Duration::from_secs(20)),
            ),
        ])
        .outcome;
    outcome.assert_exit(5);
}
