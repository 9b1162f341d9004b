//! Limits of databases, and things that they hold already.

use serde_json::json;

use super::{Fixture, Place, T0, definition, done, on_both};
use crate::core::column::ColumnType;
use crate::store::export::{ExportFacts, ExportPlan, FORMATS, write};
use crate::store::{
    Opening, Selection, Store, StoreError, StoreErrorKind, StoredTable, TableDefinition,
};

on_both! {
    a_table_without_columns_is_empty,
    integers_that_no_number_holds_stay,
    names_that_no_column_has_are_refused,
    more_columns_than_a_table_has_are_refused,
    a_table_of_another_program_stays,
    tables_named_as_indexes_are_no_others,
    first_syncs_do_not_disturb_each_other,
}

/// Exports tables in every format, and returns the numbers of rows.
fn exported(tables: &[StoredTable], store: &mut Store, as_of: Option<i64>) -> Vec<u64> {
    let mut counts = Vec::new();
    for format in FORMATS {
        let folder = tempfile::tempdir().expect("a folder");
        let plan = ExportPlan {
            tables: tables.to_vec(),
            is_whole: true,
            selection: Selection {
                as_of,
                ..Selection::default()
            },
            format,
            facts: ExportFacts {
                format: format.name,
                time: "2025-11-25T09:00:00Z".to_owned(),
                since: None,
                as_of: None,
            },
            working_directory: folder.path(),
            folder: std::path::Path::new("out"),
            projects: Vec::new(),
        };
        let tables = write(&plan, store, || ()).expect("an export");
        counts.extend(tables.iter().map(|table| table.rows));
    }
    counts
}

fn a_table_without_columns_is_empty(place: &Place) {
    let mut fixture = Fixture::with(place, &definition(&[]));
    assert_eq!(fixture.rows(), [json!(null); 0]);
    assert_eq!(fixture.rows_as_of(T0), [json!(null); 0]);
    let status = fixture.store.status().expect("a status");
    assert_eq!(status.tables[0].rows, 0);
    let tables = [fixture.table.clone()];
    let zeros = vec![0; FORMATS.len()];
    assert_eq!(exported(&tables, &mut fixture.store, None), zeros);
    assert_eq!(exported(&tables, &mut fixture.store, Some(T0)), zeros);
    let keys = fixture.store.keys_of(&tables[0], &mut |_| Ok(true));
    assert_eq!(keys, Ok(Vec::new()));
    fixture
        .write(vec![done(json!({ "id": "a" }))])
        .expect("the first row");
    assert_eq!(fixture.rows(), [json!({ "id": "a" })]);
}

fn integers_that_no_number_holds_stay(place: &Place) {
    let large = 9_007_199_254_740_993_i64;
    for former in [false, true] {
        let mut fixture = Fixture::new(place);
        let row = |status: serde_json::Value| vec![done(json!({ "id": "a", "status": status }))];
        fixture.write(row(json!(-large))).expect("an integer");
        if former {
            fixture.begin(T0 + 1);
            fixture.write(row(json!(1))).expect("another");
        }
        let before = fixture.rows();
        fixture.begin(T0 + 2);
        let error = fixture.write(row(json!(1.5))).expect_err("it is refused");
        assert_eq!(error.kind, StoreErrorKind::Misfit);
        assert!(
            error.message.contains("-9007199254740993 of the row `a`"),
            "{error:?}"
        );
        assert!(
            error
                .help
                .is_some_and(|help| help.contains("--column status")),
            "a way out"
        );
        assert_eq!(fixture.rows(), before);
        let columns = &fixture.store.tables().expect("tables")[0].columns;
        assert_eq!(columns[2].kind, Some(ColumnType::Int));
        let wider = definition(&[
            ("id", None),
            ("at", None),
            ("status", Some(ColumnType::Number)),
        ]);
        let error = fixture.follow(&wider).expect_err("by the query too");
        assert_eq!(error.kind, StoreErrorKind::Misfit);
        let table = fixture.table.clone();
        fixture.store.forget_table(&table).expect("for the next");
    }
    let mut fixture = Fixture::new(place);
    let rows = [large - 1, 1 - large].map(|n| done(json!({ "id": n.to_string(), "status": n })));
    fixture.write(rows.to_vec()).expect("integers");
    fixture.begin(T0 + 3);
    fixture
        .write(vec![done(json!({ "id": "b", "status": 0.5 }))])
        .expect("a number holds these");
}

fn names_that_no_column_has_are_refused(place: &Place) {
    let mut fixture = Fixture::new(place);
    for (name, words) in [("a\0b", "`a\\0b` has a NUL character"), ("", "no name")] {
        let error = fixture
            .follow(&definition(&[("id", None), (name, None)]))
            .expect_err("of the query");
        assert_eq!(error.kind, StoreErrorKind::Schema);
        assert!(error.message.contains(words), "{error:?}");
        let mut row = done(json!({ "id": "a" }));
        row.record.insert(name.to_owned(), json!(1));
        let error = fixture.write(vec![row]).expect_err("of a row");
        assert_eq!(error.kind, StoreErrorKind::Schema);
        assert!(error.message.contains(words), "{error:?}");
    }
    fixture
        .write(vec![done(json!({ "id": "a" }))])
        .expect("nothing has changed");
}

fn more_columns_than_a_table_has_are_refused(place: &Place) {
    let names: Vec<String> = (1..1_499).map(|number| format!("c{number}")).collect();
    let columns: Vec<_> = std::iter::once("id")
        .chain(names.iter().map(String::as_str))
        .map(|name| (name, Some(ColumnType::Int)))
        .collect();
    let mut fixture = Fixture::with(place, &definition(&columns));
    let row = |name: &str| {
        let mut row = done(json!({ "id": 1 }));
        row.record.insert(name.to_owned(), json!(2));
        vec![row]
    };
    fixture.write(row("one")).expect("as many as may be");
    assert_eq!(fixture.rows()[0]["one"], json!(2));
    let error = fixture.write(row("two")).expect_err("too many");
    assert_eq!(error.kind, StoreErrorKind::Schema);
    assert!(error.message.contains("at most 1500 columns"), "{error:?}");
    fixture.write(row("one")).expect("nothing has changed");
}

fn a_table_of_another_program_stays(place: &Place) {
    let mut fixture = Fixture::new(place);
    let other = |name: &str| TableDefinition {
        name: name.to_owned(),
        query: name.to_owned(),
        ..definition(&[("id", None)])
    };
    let db = &mut *fixture.store.db;
    db.run("CREATE TABLE builds (x int); CREATE TABLE jobs_history (x int)")
        .expect("another program's");
    for (name, taken) in [("builds", "builds"), ("jobs", "jobs_history")] {
        let error = fixture.follow(&other(name)).expect_err("it is refused");
        assert_eq!(error.kind, StoreErrorKind::Schema);
        let words = format!("a table `{taken}` that the store has not created");
        assert!(error.message.contains(&words), "{error:?}");
    }
    let later = TableDefinition {
        history: false,
        ..other("jobs")
    };
    fixture.follow(&later).expect("it needs no former versions");
    let error = fixture.follow(&other("jobs")).expect_err("now it does");
    assert!(error.message.contains("`jobs_history`"), "{error:?}");
}

fn tables_named_as_indexes_are_no_others(place: &Place) {
    let mut fixture = Fixture::new(place);
    for name in ["runs_item", "runs_sync", "runs_at", "runs_open", "runs_key"] {
        let other = TableDefinition {
            name: name.to_owned(),
            query: name.to_owned(),
            ..definition(&[("id", None)])
        };
        fixture.follow(&other).expect(name);
    }
}

fn first_syncs_do_not_disturb_each_other(place: &Place) {
    for _ in 0..5 {
        let place = place.another().expect("a place");
        let starts = std::sync::Barrier::new(6);
        let results: Vec<_> = std::thread::scope(|scope| {
            let sync = || {
                starts.wait();
                let mut store = place.try_open(Opening::Create)?;
                store.begin_sync(T0)?;
                store.follow(&definition(&[("id", None)]))?;
                Ok::<_, StoreError>(store)
            };
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(sync)).collect();
            // Each keeps its store, and so the lock, until all have tried.
            let joined = threads.into_iter();
            joined
                .map(|thread| thread.join().expect("no panic"))
                .collect()
        });
        let (won, lost): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
        assert_eq!(won.len(), 1, "{lost:?}");
        for error in lost.into_iter().filter_map(Result::err) {
            assert_eq!(error.kind, StoreErrorKind::Locked, "{error:?}");
        }
    }
}
