//! `runner store export`: tables as files for other programs.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use crate::case::{Case, told};
use crate::data::items;
use crate::support::{Outcome, Project, Run, Server, sha256};

/// A query with columns of every type. The type of those without `type` comes from the values.
const RUNS: &str = "endpoint: /runs
rows: $.items[*]
extract:
  id: $.id
  created_at: { path: $.created_at, type: time }
  number: $.number
  minutes: $.minutes
  ok: $.ok
  tags: $.tags
  note: $.note
store: { key: id, at: created_at, history: true }";

fn records() -> Value {
    json!([
        {"id": "a", "created_at": "2001-02-28T23:59:59.5Z", "number": 1, "minutes": 1.5, "ok": true, "tags": ["x", "y"]},
        {"id": "b", "created_at": "2001-03-01T00:00:00Z", "number": 9_007_199_254_740_993_i64, "minutes": 2, "ok": false, "tags": {"a": null}},
        {"id": "c \"é\", d", "created_at": "2098-01-01T00:30:00+01:00", "number": -3, "minutes": null, "ok": null, "tags": null},
        {"id": "d", "created_at": null, "number": null, "minutes": 0.1, "ok": true, "tags": "text\n=1"},
    ])
}

/// A project whose store has a table `q` of these records.
fn project_with(records: Value) -> Project {
    let server = Server::start(vec![items("/runs", records)]);
    let project = Case::query(RUNS).project_at(&server.url());
    run(&project, &["sync", "q"]).assert_exit(0);
    server.finish();
    project
}

fn run(project: &Project, args: &[&str]) -> Outcome {
    Run::in_(project).args(args).outcome()
}

fn export(project: &Project, args: &[&str]) -> Outcome {
    run(project, &[&["store", "export"], args].concat())
}

/// The files below a folder, by path, with their content.
fn files(project: &Project, folder: &str) -> BTreeMap<String, Vec<u8>> {
    fn collect(root: &Path, folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
        for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
            let path = entry.path();
            if path.is_dir() {
                collect(root, &path, found);
            } else {
                let name = path.strip_prefix(root).expect("below").to_string_lossy();
                found.insert(name.into_owned(), std::fs::read(&path).expect("a file"));
            }
        }
    }
    let root = project.path().join(folder);
    let mut found = BTreeMap::new();
    collect(&root, &root, &mut found);
    found
}

fn names(project: &Project, folder: &str) -> Vec<String> {
    files(project, folder).into_keys().collect()
}

fn manifest(project: &Project, folder: &str) -> Value {
    let text = project
        .read(&format!("{folder}/manifest.json"))
        .expect("a manifest");
    serde_json::from_str(&text).expect("JSON")
}

/// The records of all NDJSON files below a folder, in order of their paths.
fn ndjson(project: &Project, folder: &str) -> Vec<Value> {
    let files = files(project, folder).into_iter();
    files
        .filter(|(name, _)| name.ends_with("part.ndjson"))
        .flat_map(|(_, bytes)| {
            let text = String::from_utf8(bytes).expect("a text");
            let lines: Vec<Value> = text
                .lines()
                .map(|line| serde_json::from_str(line).expect("JSON"))
                .collect();
            lines
        })
        .collect()
}

const PARTS: [&str; 4] = [
    "q/month=2001-02/part",
    "q/month=2001-03/part",
    "q/month=2097-12/part",
    "q/month=__HIVE_DEFAULT_PARTITION__/part",
];

fn parts(format: &str) -> Vec<String> {
    let parts = PARTS.iter().map(|part| format!("{part}.{format}"));
    std::iter::once("manifest.json".to_owned())
        .chain(parts)
        .collect()
}

#[test]
fn a_month_is_a_file() {
    let project = project_with(records());
    let outcome = export(&project, &["--ndjson", "out"]);
    outcome.assert_exit(0);
    assert_eq!(
        outcome.stdout_json()[0],
        json!({"table": "q", "rows": 4, "files": 4, "bytes": outcome.stdout_json()[0]["bytes"],
            "from": "2001-02", "to": "2097-12"})
    );
    assert!(
        told(&outcome).contains("exported 4 rows to 4 files in `out`"),
        "{}",
        told(&outcome)
    );
    assert_eq!(names(&project, "out"), parts("ndjson"));
    let rows = ndjson(&project, "out");
    let shown: Vec<Value> = rows
        .iter()
        .map(|row| {
            json!([
                row["id"],
                row["created_at"],
                row["number"],
                row["minutes"],
                row["ok"],
                row["tags"],
                row["note"]
            ])
        })
        .collect();
    assert_eq!(
        shown,
        [
            json!([
                "a",
                "2001-02-28T23:59:59.5Z",
                1,
                1.5,
                true,
                ["x", "y"],
                null
            ]),
            json!(["b", "2001-03-01T00:00:00Z", 9_007_199_254_740_993_i64, 2, false, {"a": null}, null]),
            json!([
                "c \"é\", d",
                "2097-12-31T23:30:00Z",
                -3,
                null,
                null,
                null,
                null
            ]),
            json!(["d", null, null, 0.1, true, "text\n=1", null]),
        ]
    );
    for row in &rows {
        assert!(
            row["_first_seen"].is_string() && row["_gone_at"].is_null(),
            "{row}"
        );
        assert_eq!(row["_done"], true);
    }
}

#[test]
fn the_manifest_describes_the_files() {
    let project = project_with(records());
    export(&project, &["--csv", "out", "--since", "2001-03-01"]).assert_exit(0);
    let manifest = manifest(&project, "out");
    let table = &manifest["tables"][0];
    assert_eq!(manifest["generator"], "runner store export");
    assert_eq!(manifest["version"], 1);
    assert_eq!(
        [
            &table["name"],
            &table["format"],
            &table["partition"],
            &table["rows"],
            &table["since"],
            &table["as_of"]
        ],
        [
            &json!("q"),
            &json!("csv"),
            &json!("month"),
            &json!(2),
            &json!("2001-03-01T00:00:00Z"),
            &Value::Null
        ]
    );
    let columns: Vec<String> = table["columns"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|column| {
            format!(
                "{} {}",
                column["name"].as_str().expect("a name"),
                column["type"]
            )
        })
        .collect();
    assert_eq!(
        columns,
        [
            "id \"text\"",
            "created_at \"time\"",
            "number \"int\"",
            "minutes \"number\"",
            "ok \"bool\"",
            "tags \"json\"",
            "note null",
            "_first_seen \"time\"",
            "_changed_at \"time\"",
            "_gone_at \"time\"",
            "_done \"bool\"",
        ]
    );
    let files = files(&project, "out");
    let described = table["files"].as_array().expect("a list");
    assert_eq!(described.len(), 2);
    for file in described {
        let bytes = &files[file["path"].as_str().expect("a path")];
        assert_eq!(file["bytes"], bytes.len());
        assert_eq!(file["rows"], 1);
        assert_eq!(file["sha256"], sha256(bytes));
    }
    assert_eq!(described[0]["month"], "2001-03");
}

/// The same cells as those of `run -o csv`.
#[test]
fn csv_is_that_of_run() {
    let project = project_with(records());
    export(&project, &["--csv", "out"]).assert_exit(0);
    let written = files(&project, "out");
    assert_eq!(names(&project, "out"), parts("csv"));
    let mut lines = Vec::new();
    for part in PARTS {
        let text = String::from_utf8(written[&format!("{part}.csv")].clone()).expect("a text");
        let (header, rows) = text.split_once('\n').expect("a header");
        assert_eq!(
            header,
            "id,created_at,number,minutes,ok,tags,note,_first_seen,_changed_at,_gone_at,_done"
        );
        lines.push(rows.to_owned());
    }
    let server = Server::start(vec![items("/runs", records())]);
    let again = Case::query(RUNS).project_at(&server.url());
    let outcome = run(&again, &["run", "q", "-o", "csv"]);
    outcome.assert_exit(0);
    let text = outcome.stdout_text();
    let (_, expected) = text.split_once('\n').expect("a header");
    for (rows, start) in lines.iter().zip(["a,", "b,", "\"c \"\"é\"\", d\",", "d,"]) {
        let end = rows.find(",,2").unwrap_or(rows.len());
        assert!(rows.starts_with(start), "{rows}");
        assert!(expected.contains(&rows[..end]), "{rows}\n{expected}");
    }
}

#[cfg(feature = "parquet")]
#[test]
fn parquet_holds_the_same_rows() {
    use parquet::file::reader::{FileReader as _, SerializedFileReader};
    use parquet::record::Field;

    let project = project_with(records());
    export(&project, &["--parquet", "out"]).assert_exit(0);
    assert_eq!(names(&project, "out"), parts("parquet"));
    let mut rows = Vec::new();
    for bytes in files(&project, "out")
        .into_values()
        .filter(|bytes| bytes.starts_with(b"PAR1"))
    {
        let reader = SerializedFileReader::new(bytes::Bytes::from(bytes)).expect("a file");
        for row in reader.get_row_iter(None).expect("rows") {
            let row = row.expect("a row");
            let fields = row.get_column_iter().take(7);
            rows.push(fields.map(|(_, field)| field.clone()).collect::<Vec<_>>());
        }
    }
    let text = |text: &str| Field::Str(text.to_owned());
    assert_eq!(
        rows,
        [
            vec![
                text("a"),
                Field::TimestampMicros(983_404_799_500_000),
                Field::Long(1),
                Field::Double(1.5),
                Field::Bool(true),
                text("[\"x\",\"y\"]"),
                Field::Null,
            ],
            vec![
                text("b"),
                Field::TimestampMicros(983_404_800_000_000),
                Field::Long(9_007_199_254_740_993),
                Field::Double(2.0),
                Field::Bool(false),
                text("{\"a\":null}"),
                Field::Null,
            ],
            vec![
                text("c \"é\", d"),
                Field::TimestampMicros(4_039_371_000_000_000),
                Field::Long(-3),
                Field::Null,
                Field::Null,
                Field::Null,
                Field::Null,
            ],
            vec![
                text("d"),
                Field::Null,
                Field::Null,
                Field::Double(0.1),
                Field::Bool(true),
                text("\"text\\n=1\""),
                Field::Null,
            ],
        ]
    );
}

#[test]
fn an_export_replaces_the_previous_one_and_nothing_else() {
    let project = project_with(records());
    project.write("out/notes.txt", "mine");
    project.write("out/q/month=2001-02/notes.txt", "mine");
    export(&project, &["--ndjson", "out"]).assert_exit(0);
    let first = files(&project, "out");
    export(&project, &["--ndjson", "out"]).assert_exit(0);
    let second = files(&project, "out");
    for (name, bytes) in &first {
        assert!(name == "manifest.json" || second[name] == *bytes, "{name}");
    }
    // Months that are no more go, with their folders if these are empty.
    run(&project, &["store", "vacuum", "--older", "2y", "--yes"]).assert_exit(0);
    export(&project, &["--ndjson", "out"]).assert_exit(0);
    assert_eq!(
        names(&project, "out"),
        [
            "manifest.json",
            "notes.txt",
            "q/month=2001-02/notes.txt",
            "q/month=2097-12/part.ndjson",
            "q/month=__HIVE_DEFAULT_PARTITION__/part.ndjson",
        ]
    );
    assert!(!project.path().join("out/q/month=2001-03").exists());
    // Another format takes the place of this one.
    export(&project, &["--csv", "out"]).assert_exit(0);
    assert_eq!(
        names(&project, "out")[3..],
        [
            "q/month=2097-12/part.csv",
            "q/month=__HIVE_DEFAULT_PARTITION__/part.csv"
        ]
    );
}

#[test]
fn files_of_others_are_not_replaced() {
    let project = project_with(records());
    let foreign = "out/q/month=2001-03/part.csv";
    project.write(foreign, "mine");
    let outcome = export(&project, &["--csv", "out"]);
    outcome.assert_exit(2);
    let words =
        format!("cannot write `{foreign}`: it is there, and `manifest.json` does not name it");
    assert!(told(&outcome).contains(&words), "{}", told(&outcome));
    assert_eq!(names(&project, "out"), [&foreign["out/".len()..]]);
    assert_eq!(project.read(foreign).as_deref(), Some("mine"));
    // Another format has other files, and its manifest does not name this one either.
    export(&project, &["--ndjson", "out"]).assert_exit(0);
    export(&project, &["--csv", "out"]).assert_exit(2);
    assert_eq!(project.read(foreign).as_deref(), Some("mine"));
    std::fs::remove_file(project.path().join(foreign)).expect("removed");
    export(&project, &["--csv", "out"]).assert_exit(0);
    assert_eq!(names(&project, "out"), parts("csv"));
}

/// Killed between the first file and the manifest, which is then still aside.
#[test]
fn an_export_goes_on_after_one_that_was_killed() {
    let project = project_with(records());
    export(&project, &["--csv", "out"]).assert_exit(0);
    let out = project.path().join("out");
    std::fs::create_dir(out.join(".runner-staging")).expect("a folder");
    std::fs::rename(out.join("manifest.json"), out.join(".runner-staging/index")).expect("moved");
    std::fs::remove_file(out.join("q/month=2097-12/part.csv")).expect("removed");
    export(&project, &["--csv", "out"]).assert_exit(0);
    assert_eq!(names(&project, "out"), parts("csv"));
}

#[test]
fn a_failed_export_leaves_the_previous_one() {
    let project = project_with(records());
    export(&project, &["--ndjson", "out"]).assert_exit(0);
    run(&project, &["store", "vacuum", "--older", "2y", "--yes"]).assert_exit(0);
    // A file of the next export cannot be written: a folder has its name.
    project.write("out/q/month=2097-12/part.csv/file", "");
    let before = files(&project, "out");
    let outcome = export(&project, &["--csv", "out"]);
    outcome.assert_exit(2);
    assert!(
        told(&outcome).contains("cannot write `out/q/month=2097-12/part.csv`"),
        "{}",
        told(&outcome)
    );
    assert_eq!(files(&project, "out"), before);
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_leaves_the_previous_export() {
    let long =
        json!({"id": "e", "created_at": "2001-03-01T00:00:00Z", "note": "x".repeat(200_000)});
    let project = project_with(json!([long]));
    export(&project, &["--csv", "out"]).assert_exit(0);
    let before = files(&project, "out");
    // No file may grow beyond this: as on a full disk, a write fails after some have succeeded.
    let line = format!(
        "trap '' XFSZ; ulimit -f 100; exec {} store export --ndjson out --store .runner/store.db",
        env!("CARGO_BIN_EXE_runner")
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &line])
        .current_dir(project.path())
        .output()
        .expect("bash");
    assert_eq!(output.status.code(), Some(2), "{output:?}");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("error[cannot-write]: cannot write `out/"),
        "{told}"
    );
    assert_eq!(files(&project, "out"), before);
}

#[test]
fn what_a_killed_export_left_is_removed() {
    let project = project_with(records());
    project.write("out/.runner-staging/0", "half a file");
    export(&project, &["--ndjson", "out"]).assert_exit(0);
    assert_eq!(names(&project, "out"), parts("ndjson"));
}

#[test]
fn tables_that_are_not_named_stay() {
    let project = project_with(records());
    export(&project, &["--ndjson", "out"]).assert_exit(0);
    let kept = manifest(&project, "out")["tables"][0].clone();
    let server = Server::start(vec![items(
        "/runs",
        json!([{"id": "z", "created_at": null}]),
    )]);
    let other = Case::query(RUNS).project_at(&server.url());
    let resource = "resources/circleci.yaml";
    project.write(resource, other.read(resource).expect("a file"));
    project.write(
        "queries/p.yaml",
        other.read("queries/q.yaml").expect("a file"),
    );
    run(&project, &["sync", "p"]).assert_exit(0);
    export(&project, &["--csv", "out", "p"]).assert_exit(0);
    let tables = manifest(&project, "out")["tables"].clone();
    assert_eq!(tables[0]["name"], "p");
    assert_eq!(tables[1], kept);
    assert!(names(&project, "out").contains(&"q/month=2001-02/part.ndjson".to_owned()));
    // A table that the store has no more is removed by an export of all tables only.
    run(&project, &["store", "forget", "q", "--yes"]).assert_exit(0);
    export(&project, &["--csv", "out", "p"]).assert_exit(0);
    assert!(names(&project, "out").contains(&"q/month=2001-02/part.ndjson".to_owned()));
    export(&project, &["--csv", "out"]).assert_exit(0);
    assert_eq!(
        names(&project, "out"),
        [
            "manifest.json",
            "p/month=__HIVE_DEFAULT_PARTITION__/part.csv"
        ]
    );
}

#[test]
fn rows_are_exported_as_they_were() {
    let at = "2001-02-03T00:00:00Z";
    let project = project_with(json!([{"id": "a", "created_at": at, "number": 1}]));
    let before = ndjson_of(&project, &[]);
    let server = Server::start(vec![items(
        "/runs",
        json!([{"id": "a", "created_at": at, "number": 2}]),
    )]);
    let other = Case::query(RUNS).project_at(&server.url());
    project.write(
        "resources/circleci.yaml",
        other.read("resources/circleci.yaml").expect("a file"),
    );
    run(&project, &["sync", "q"]).assert_exit(0);
    let now = ndjson_of(&project, &[]);
    assert_eq!(
        [&before[0]["number"], &now[0]["number"]],
        [&json!(1), &json!(2)]
    );
    let seen = before[0]["_changed_at"].as_str().expect("a time");
    let then = ndjson_of(&project, &["--as-of", seen]);
    assert_eq!(then, before);
    assert_eq!(
        ndjson_of(&project, &["--as-of", "2001-01-01"]),
        [Value::Null; 0]
    );
}

fn ndjson_of(project: &Project, args: &[&str]) -> Vec<Value> {
    export(project, &[&["--ndjson", "out"], args].concat()).assert_exit(0);
    ndjson(project, "out")
}

#[test]
fn a_column_named_month_keeps_its_name() {
    let query = "endpoint: /runs
rows: $.items[*]
extract: { id: $.id, Month: $.month, created_at: $.created_at }
store: { key: id, at: created_at }";
    let record = json!([{"id": "a", "month": "May", "created_at": "2001-02-03T00:00:00Z"}]);
    let server = Server::start(vec![items("/runs", record)]);
    let project = Case::query(query).project_at(&server.url());
    run(&project, &["sync", "q"]).assert_exit(0);
    assert_eq!(ndjson_of(&project, &[])[0]["Month"], "May");
    assert_eq!(names(&project, "out")[1], "q/row_month=2001-02/part.ndjson");
    assert_eq!(
        manifest(&project, "out")["tables"][0]["partition"],
        "row_month"
    );
}

#[test]
fn what_cannot_be_exported_is_refused() {
    let project = project_with(records());
    project.write("foreign/manifest.json", "{\"name\": \"an extension\"}");
    let mut told_all = Vec::new();
    for args in [
        &["--csv", "out", "runs"][..],
        &["--csv", "out", "qq"],
        &["--csv", "out", "--store", "none.db"],
        &["--csv", "queries/out"],
        &["--csv", "foreign"],
        &["--csv", ""],
        &["--csv", "out", "--since", "soon"],
        &["--csv", "out", "--as-of", "soon"],
        &["--csv", "queries/q.yaml"],
        &["--csv", "out", "--ndjson", "other"],
        &[],
    ] {
        let outcome = export(&project, args);
        outcome.assert_exit(2);
        assert_eq!(outcome.stdout_text(), "");
        told_all.push(format!(
            "$ runner store export {}\n{}",
            args.join(" "),
            told(&outcome)
        ));
    }
    insta::assert_snapshot!(told_all.join("\n"));
    assert!(!project.path().join("out").exists());
    assert!(!project.path().join("queries/out").exists());
    assert_eq!(names(&project, "foreign"), ["manifest.json"]);
}

/// All of the demo, in all formats: as many rows as the store has.
#[test]
fn the_demo_is_exported_whole() {
    let project = Project::shipped();
    let synced = run(&project, &["sync", "--demo", "project_slug=gh/acme/web"]);
    synced.assert_exit(0);
    let status = run(&project, &["store", "status", "--demo", "-o", "json"]).stdout_json();
    let expected: Vec<(Value, Value)> = status
        .as_array()
        .expect("a list")
        .iter()
        .map(|table| (table["table"].clone(), table["rows"].clone()))
        .collect();
    assert!(expected.len() >= 3, "{expected:?}");
    for format in ["csv", "ndjson", "parquet"] {
        if format == "parquet" && cfg!(not(feature = "parquet")) {
            continue;
        }
        let outcome = export(
            &project,
            &[&format!("--{format}"), format, "--demo", "-o", "json"],
        );
        outcome.assert_exit(0);
        let rows = outcome.stdout_json();
        let rows = rows.as_array().expect("a list").iter();
        let rows: Vec<(Value, Value)> = rows
            .map(|table| (table["table"].clone(), table["rows"].clone()))
            .collect();
        assert_eq!(rows, expected, "{format}");
    }
    for (table, rows) in &expected {
        let table = table.as_str().expect("a name");
        let read = ndjson(&project, &format!("ndjson/{table}"));
        assert_eq!(*rows, read.len(), "{table}");
        let lines: usize = files(&project, &format!("csv/{table}"))
            .into_values()
            .map(|bytes| csv::Reader::from_reader(&*bytes).into_records().count())
            .sum();
        assert_eq!(*rows, lines, "{table}");
    }
}
