//! Exports read the same from both kinds of database.

use serde_json::{Value, json};

use super::{DAY, Fixture, HOUR, Place, T0, on_both, open};
use crate::core::column::ColumnType;
use crate::sink::StagedFiles;
use crate::store::cell::format_micros;
use crate::store::export::{self, ExportFacts, ExportPlan, FORMATS};
use crate::store::{Opening, Selection, Store, StoreError, StoredTable};

on_both! {
    rows_are_in_their_months,
    rows_are_exported_as_they_were,
    a_reader_sees_one_state,
    the_first_and_the_last_year_have_months,
    rows_without_a_time_are_the_first,
}

fn run(id: &str, at: Option<i64>, status: &str) -> Value {
    json!({ "id": id, "at": at.map(format_micros), "status": status })
}

/// A table with rows of two months and one without a time, then changed.
fn filled(place: &Place) -> Fixture {
    let columns = [
        ("id", None),
        ("at", Some(ColumnType::Time)),
        ("status", None),
        ("unknown", None),
    ];
    let mut fixture = Fixture::with(place, &super::definition(&columns));
    let rows = vec![
        open(run("b", Some(T0 + 10 * DAY), "running")),
        open(run("a", Some(T0), "running")),
        open(run("c", None, "running")),
    ];
    fixture.write(rows).expect("rows");
    fixture.begin(T0 + HOUR);
    fixture
        .write(vec![open(run("a", Some(T0), "ok"))])
        .expect("rows");
    fixture
}

/// Exports a table, and returns its files: the month with the `id` and `status` of each row.
fn exported(
    table: &StoredTable,
    store: &mut Store,
    as_of: Option<i64>,
) -> Vec<(String, Vec<Value>)> {
    let folder = tempfile::tempdir().expect("a folder");
    let format = FORMATS.iter().find(|format| format.name == "ndjson");
    let plan = ExportPlan {
        tables: vec![table.clone()],
        is_whole: true,
        selection: Selection {
            as_of,
            ..Selection::default()
        },
        format: format.expect("a format"),
        facts: ExportFacts {
            format: "ndjson",
            time: format_micros(T0),
            since: None,
            as_of: None,
        },
        working_directory: folder.path(),
        folder: std::path::Path::new("out"),
        projects: Vec::new(),
    };
    let tables = export::write(&plan, store, || ()).expect("an export");
    let out = StagedFiles::open(folder.path(), plan.folder, "manifest.json", Vec::new());
    let out = out.expect("a folder");
    let mut files: Vec<(String, Vec<Value>)> = Vec::new();
    for file in &tables[0].files {
        let bytes = out.read(&file.written.name, 1 << 20).expect("a file");
        let text = String::from_utf8(bytes.expect("a file")).expect("a text");
        let rows = text.lines().map(|line| {
            let row: Value = serde_json::from_str(line).expect("JSON");
            assert!(
                row["unknown"].is_null() && row["_first_seen"].is_string(),
                "{row}"
            );
            json!([row["id"], row["status"]])
        });
        let month = file
            .written
            .name
            .split(['=', '/'])
            .nth(2)
            .unwrap_or_default();
        files.push((month.to_owned(), rows.collect()));
    }
    files.sort_by(|one, other| one.0.cmp(&other.0));
    files
}

fn expected(status: &str) -> Vec<(String, Vec<Value>)> {
    vec![
        ("2025-11".to_owned(), vec![json!(["a", status])]),
        ("2025-12".to_owned(), vec![json!(["b", "running"])]),
        (
            "__HIVE_DEFAULT_PARTITION__".to_owned(),
            vec![json!(["c", "running"])],
        ),
    ]
}

fn rows_are_in_their_months(place: &Place) {
    let mut fixture = filled(place);
    let files = exported(&fixture.table, &mut fixture.store, None);
    assert_eq!(files, expected("ok"));
}

fn rows_are_exported_as_they_were(place: &Place) {
    let mut fixture = filled(place);
    let table = fixture.table.clone();
    assert_eq!(
        exported(&table, &mut fixture.store, Some(T0)),
        expected("running")
    );
    assert_eq!(
        exported(&table, &mut fixture.store, Some(T0 + HOUR)),
        expected("ok")
    );
    assert_eq!(exported(&table, &mut fixture.store, Some(T0 - HOUR)), []);
}

fn a_reader_sees_one_state(place: &Place) {
    let mut fixture = filled(place);
    let table = fixture.table.clone();
    let mut reader = place.try_open(Opening::Existing).expect("a store");
    let count = |reader: &mut Store| {
        let mut count = 0;
        let selection = Selection::default();
        let read = reader.each_row_in_time(&table, &selection, &mut |_, _| {
            count += 1;
            Ok(())
        });
        read.map(|()| count)
    };
    let counts = reader.reading(|reader| {
        let before = count(reader)?;
        fixture.write(vec![open(run("d", None, "running"))])?;
        Ok::<_, StoreError>((before, count(reader)?))
    });
    assert_eq!(counts, Ok((3, 3)));
    assert_eq!(count(&mut reader), Ok(4));
}

fn the_first_and_the_last_year_have_months(place: &Place) {
    let columns = [
        ("id", None),
        ("at", None),
        ("status", None),
        ("unknown", None),
    ];
    let mut fixture = Fixture::with(place, &super::definition(&columns));
    let times = [
        ("a", "0000-01-01T00:00:00Z"),
        ("b", "2026-01-01T00:00:00Z"),
        ("c", "9999-12-30T00:00:00Z"),
        ("d", "9999-12-31T23:59:59.999999Z"),
    ];
    let row = |id: &str, at: Option<&str>| open(json!({ "id": id, "at": at, "status": 1 }));
    let mut rows: Vec<_> = times.iter().map(|(id, at)| row(id, Some(at))).collect();
    rows.push(row("e", None));
    fixture.write(rows).expect("rows");
    let files = exported(&fixture.table, &mut fixture.store, None);
    let expected = [
        ("0000-01", vec!["a"]),
        ("2026-01", vec!["b"]),
        ("9999-12", vec!["c", "d"]),
        ("__HIVE_DEFAULT_PARTITION__", vec!["e"]),
    ];
    let expected = expected.map(|(month, ids)| {
        let rows = ids.into_iter().map(|id| json!([id, 1]));
        (month.to_owned(), rows.collect::<Vec<_>>())
    });
    assert_eq!(files, expected);
}

/// On both databases, which have orders of their own for nulls and texts.
fn rows_without_a_time_are_the_first(place: &Place) {
    let mut fixture = filled(place);
    let rows = ["B", "z", "é"].map(|id| open(run(id, None, "running")));
    fixture.write(rows.to_vec()).expect("rows");
    assert_eq!(fixture.column("id"), ["B", "c", "z", "é", "a", "b"]);
}
