//! Values have one form, whichever database keeps them.

use serde_json::{Value, json};

use super::{Stage, assert_says, on_both};
use crate::support::{Exchange, Outcome};

on_both! {
    statements_see_one_form,
    an_empty_first_listing_leaves_the_store_readable,
    a_row_that_would_change_others_is_missed,
    another_time_counts_for_all_rows,
}

const NOW: &str = "2026-11-28T00:00:00Z";

/// Syncs a query `builds` of these records; the other queries are removed.
fn sync(stage: &Stage, query: &str, records: &Value) -> Outcome {
    for name in ["pipelines", "runs"] {
        let path = stage.project.path().join(format!("queries/{name}.yaml"));
        // Removed by an earlier call.
        let _ = std::fs::remove_file(path);
    }
    let head = "resource: circleci\nendpoint: /builds\nrows: $.items[*]\n";
    stage
        .project
        .write("queries/builds.yaml", format!("{head}{query}"));
    let answer = json!({ "items": records, "next_page_token": null });
    let server = stage.serve(vec![Exchange::get("/api/v2/builds").answers(answer)]);
    let outcome = stage.outcome(&["sync", "builds", "--now", NOW, "-o", "csv"]);
    server.finish();
    outcome
}

/// Returns the output of a statement over the store.
fn sql(stage: &Stage, words: &[&str], statement: &str) -> String {
    let store = stage.database.as_ref().map(super::server::Database::url);
    let store = store.map_or("--store".to_owned(), |url| format!("--store={url}"));
    let words = [&["sql", &store, statement][..], words].concat();
    let outcome = stage.run(&words).outcome();
    outcome.assert_exit(0).stdout_text()
}

fn statements_see_one_form(stage: &Stage) {
    let query = "extract:
  id: $.id
  t: { path: $.t, type: time }
  n: { path: $.n, type: number }
  i: $.i
  b: $.b
  j: { path: $.j, type: json }
  none: $.none
store: { key: id, at: t, history: true, gone: mark }
";
    let records = json!([
        { "id": "a", "t": "2026-11-25T10:00:00+01:00", "n": 0, "i": 1, "b": true, "j": "x" },
        { "id": "b", "t": "2026-11-25T09:00:00.5Z", "n": 1.5, "i": 2, "b": false, "j": [1.50, null] },
        { "id": "c", "t": null, "n": 1e300, "i": null, "b": null, "j": 1.10 },
        { "id": "d", "t": "9999-12-31T23:59:59Z", "n": null, "i": 4, "b": null, "j": null },
    ]);
    sync(stage, query, &records).assert_exit(0);
    // Now of integers and other numbers.
    let more = json!([{ "id": "e", "n": 3, "i": 2.5, "j": { "b": 1, "a": true } }]);
    sync(stage, query, &more).assert_exit(0);
    let all = "select *, typeof(n) tn, typeof(i) ti, typeof(j) tj from builds order by id";
    let texts = ["csv", "ndjson"].map(|format| sql(stage, &["-o", format], all));
    insta::assert_snapshot!("forms_sql", texts.join("\n"));
    let then = sql(
        stage,
        &["-o", "csv", "--as-of", "2026-11-28T00:00:00Z"],
        all,
    );
    insta::assert_snapshot!("forms_sql_as_of", then);
    stage.project.write(
        "queries/report.yaml",
        "data: { builds: { store: builds } }\n\
         report: { template: \"{% for b in data.builds %}{{ b }}\\n{% endfor %}\" }\n",
    );
    let report = stage.outcome(&["run", "report"]);
    insta::assert_snapshot!("forms_data", report.assert_exit(0).stdout_text());
    stage
        .outcome(&["store", "export", "--ndjson", "out"])
        .assert_exit(0);
    let parts = ["__HIVE_DEFAULT_PARTITION__", "2026-11", "9999-12"];
    let read = |part| {
        let path = format!("out/builds/month={part}/part.ndjson");
        stage.project.read(&path).expect("a file")
    };
    insta::assert_snapshot!("forms_export", parts.map(read).concat());
}

fn an_empty_first_listing_leaves_the_store_readable(stage: &Stage) {
    sync(stage, "store: { key: id, history: true }\n", &json!([])).assert_exit(0);
    assert_eq!(
        sql(stage, &["-o", "csv"], "select count(*) n from builds"),
        "n\n0\n"
    );
    assert_eq!(
        sql(
            stage,
            &["-o", "csv", "--as-of", NOW],
            "select count(*) n from builds"
        ),
        "n\n0\n"
    );
    assert_eq!(stage.status("builds")["rows"], 0);
    for format in ["--csv", "--ndjson", "--parquet"] {
        if format == "--parquet" && cfg!(not(feature = "parquet")) {
            continue;
        }
        let out = format!("out{format}");
        stage
            .outcome(&["store", "export", format, &out])
            .assert_exit(0);
        let out = format!("as{format}");
        stage
            .outcome(&["store", "export", format, &out, "--as-of", NOW])
            .assert_exit(0);
    }
    stage.project.write(
        "queries/report.yaml",
        "data: { builds: { store: builds } }\n\
         report: { template: \"n={{ data.builds | length }}\" }\n",
    );
    stage.project.write(
        "queries/count.yaml",
        "data: { builds: { store: builds } }\nsql: select count(*) as n from builds\n",
    );
    let report = stage.outcome(&["run", "report"]);
    assert_eq!(report.assert_exit(0).stdout_text().trim(), "n=0");
    let count = stage.outcome(&["run", "count", "-o", "csv"]);
    assert_eq!(count.assert_exit(0).stdout_text(), "n\n0\n");
}

fn a_row_that_would_change_others_is_missed(stage: &Stage) {
    let query = "store: { key: id, history: true }\n";
    let large = 9_007_199_254_740_993_i64;
    sync(stage, query, &json!([{ "id": "a", "v": large }])).assert_exit(0);
    let outcome = sync(stage, query, &json!([{ "id": "b", "v": 1.5 }]));
    assert_ne!(outcome.exit, 0);
    assert_says(&outcome, "cannot hold 9007199254740993 of the row `a`");
    assert_says(&outcome, "runner store forget builds --column v");
    assert_eq!(
        sql(stage, &["-o", "csv"], "select id, v from builds"),
        format!("id,v\na,{large}\n")
    );
}

fn another_time_counts_for_all_rows(stage: &Stage) {
    let query = |at: &str| {
        format!("extract: {{ id: $.id, c: $.c, d: $.d }}\nstore: {{ key: id, at: {at} }}\n")
    };
    let record = json!([{ "id": 1, "c": "2020-01-01", "d": "2026-11-01" }]);
    sync(stage, &query("c"), &record).assert_exit(0);
    sync(stage, &query("d"), &json!([])).assert_exit(0);
    stage
        .outcome(&["store", "vacuum", "--older", "1y", "--yes"])
        .assert_exit(0);
    assert_eq!(stage.status("builds")["rows"], 1);
    stage
        .outcome(&["store", "export", "--csv", "out", "--since", "2026-01-01"])
        .assert_exit(0);
    let file = "out/builds/month=2026-11/part.csv";
    assert!(stage.project.read(file).is_some());
}
