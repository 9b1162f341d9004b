//! Tables: created, and changed as their queries change.

use serde_json::json;

use super::{Fixture, Place, T0, definition, done, on_both};
use crate::core::column::ColumnType;
use crate::store::cell::format_micros;
use crate::store::{StoreError, StoreErrorKind, StoredTable, TableDefinition};

on_both! {
    a_table_is_read_back_as_it_was_created,
    a_column_without_values_gets_the_type_of_the_first,
    new_columns_are_added,
    integers_become_numbers_by_a_value,
    integers_become_numbers_by_the_query,
    a_declared_integer_is_not_widened_by_a_value,
    values_of_several_types_are_json,
    another_type_is_refused,
    another_key_is_refused,
    names_that_differ_in_case_are_refused,
    own_names_are_refused,
    long_names_are_refused,
    two_queries_do_not_share_a_table,
    names_may_be_any_text,
    history_may_begin_later,
    rows_follow_another_time,
    a_time_column_becomes_the_time,
}

fn kinds(table: &StoredTable) -> Vec<(&str, Option<ColumnType>)> {
    let columns = table.columns.iter();
    columns
        .map(|column| (column.name.as_str(), column.kind))
        .collect()
}

fn refused(result: Result<(), StoreError>, kind: StoreErrorKind) -> String {
    let error = result.expect_err("it is refused");
    assert_eq!(error.kind, kind, "{error:?}");
    match error.help {
        Some(help) => format!("{} ({help})", error.message),
        None => error.message,
    }
}

fn a_table_is_read_back_as_it_was_created(place: &Place) {
    let columns = [
        ("id", Some(ColumnType::Text)),
        ("at", Some(ColumnType::Time)),
        ("number", Some(ColumnType::Int)),
        ("minutes", Some(ColumnType::Number)),
        ("flaky", Some(ColumnType::Bool)),
        ("tags", Some(ColumnType::Json)),
        ("branch", None),
    ];
    let created = Fixture::with(place, &definition(&columns));
    assert_eq!(kinds(&created.table), columns);
    let (table, mut again) = (created.table, created.store);
    assert_eq!(
        again.tables().expect("tables"),
        std::slice::from_ref(&table)
    );
    drop(again);
    let mut reopened = place
        .try_open(crate::store::Opening::Existing)
        .expect("a store");
    assert_eq!(
        reopened.tables().expect("tables"),
        std::slice::from_ref(&table)
    );
    assert_eq!(
        reopened
            .follow(&definition(&columns))
            .expect("the same table"),
        table
    );
}

fn a_column_without_values_gets_the_type_of_the_first(place: &Place) {
    let mut fixture = Fixture::new(place);
    fixture
        .write(vec![done(json!({ "id": "a", "status": null }))])
        .expect("rows");
    assert_eq!(kinds(&fixture.table)[2], ("status", None));
    fixture
        .write(vec![done(json!({ "id": "b", "status": 3 }))])
        .expect("rows");
    assert_eq!(kinds(&fixture.table)[2], ("status", Some(ColumnType::Int)));
    assert_eq!(fixture.column("status"), [json!(null), json!(3)]);
}

fn new_columns_are_added(place: &Place) {
    let mut fixture = Fixture::new(place);
    fixture
        .write(vec![done(json!({ "id": "a", "status": "ok" }))])
        .expect("rows");
    let mut next = definition(&[
        ("id", None),
        ("at", None),
        ("status", None),
        ("minutes", Some(ColumnType::Number)),
    ]);
    fixture.follow(&next).expect("a new column");
    // One that the query does not announce.
    let row = done(json!({ "id": "a", "status": "ok", "minutes": 1.5, "branch": "main" }));
    fixture.begin(T0 + 1);
    assert_eq!(fixture.write(vec![row]).expect("rows").changed, 1);
    assert_eq!(
        fixture.rows(),
        [json!({ "id": "a", "at": null, "status": "ok", "minutes": 1.5, "branch": "main" })]
    );
    // A column that the query no longer has keeps its values.
    next.columns.truncate(2);
    fixture.follow(&next).expect("fewer columns");
    assert_eq!(fixture.column("branch"), ["main"]);
    let before = fixture.rows_as_of(T0);
    assert_eq!(before[0]["minutes"], json!(null));
}

fn integers_become_numbers_by_a_value(place: &Place) {
    let mut fixture = Fixture::new(place);
    let rows = vec![
        done(json!({ "id": "a", "status": 1 })),
        done(json!({ "id": "b", "status": 2 })),
    ];
    fixture.write(rows.clone()).expect("rows");
    fixture.begin(T0 + 1);
    let changed = done(json!({ "id": "b", "status": 2.5 }));
    assert_eq!(
        fixture
            .write(vec![rows[0].clone(), changed])
            .expect("rows")
            .changed,
        1
    );
    assert_eq!(
        kinds(&fixture.table)[2],
        ("status", Some(ColumnType::Number))
    );
    let values = fixture.column("status");
    assert_eq!(
        values
            .iter()
            .map(serde_json::Value::as_f64)
            .collect::<Vec<_>>(),
        [Some(1.0), Some(2.5)]
    );
    assert_eq!(values[0].to_string(), "1", "the same on both databases");
    let before = fixture.rows_as_of(T0);
    assert_eq!(before[1]["status"].as_f64(), Some(2.0));
}

fn integers_become_numbers_by_the_query(place: &Place) {
    let with = |kind| definition(&[("id", None), ("n", Some(kind))]);
    let mut fixture = Fixture::with(place, &with(ColumnType::Int));
    fixture
        .write(vec![done(json!({ "id": "a", "n": 7 }))])
        .expect("rows");
    fixture
        .follow(&with(ColumnType::Number))
        .expect("it is wider");
    fixture.begin(T0 + 1);
    let rows = vec![
        done(json!({ "id": "a", "n": 7 })),
        done(json!({ "id": "b", "n": 0.5 })),
    ];
    let counts = fixture.write(rows).expect("rows");
    assert_eq!((counts.new, counts.changed), (1, 0));
}

fn a_declared_integer_is_not_widened_by_a_value(place: &Place) {
    let mut fixture = Fixture::with(
        place,
        &definition(&[("id", None), ("n", Some(ColumnType::Int))]),
    );
    let written = fixture.write(vec![done(json!({ "id": "a", "n": 0.5 }))]);
    let words = refused(written.map(drop), StoreErrorKind::Misfit);
    assert!(
        words.contains("`n` of the table `runs` is `int`, and the number 0.5 of the row `a`"),
        "{words}"
    );
}

fn values_of_several_types_are_json(place: &Place) {
    let mut fixture = Fixture::new(place);
    let rows = vec![
        done(json!({ "id": "a", "status": 1 })),
        done(json!({ "id": "b", "status": "1" })),
        done(json!({ "id": "c", "status": { "z": [1.50], "a": null } })),
    ];
    fixture.write(rows.clone()).expect("rows");
    assert_eq!(kinds(&fixture.table)[2], ("status", Some(ColumnType::Json)));
    let values = fixture.column("status");
    assert_eq!(
        values,
        [json!(1), json!("1"), json!({ "z": [1.50], "a": null })]
    );
    assert_eq!(fixture.write(rows).expect("rows").changed, 0);
}

fn another_type_is_refused(place: &Place) {
    let with = |kind| definition(&[("id", None), ("n", Some(kind))]);
    let mut fixture = Fixture::with(place, &with(ColumnType::Number));
    for kind in [ColumnType::Int, ColumnType::Text, ColumnType::Json] {
        let words = refused(fixture.follow(&with(kind)), StoreErrorKind::Schema);
        assert!(
            words.contains(&format!("is `number`, and the query says `{kind}`")),
            "{words}"
        );
        assert!(
            words.contains("runner store forget runs --column n"),
            "{words}"
        );
    }
    let table = fixture.table.clone();
    fixture
        .store
        .forget_column(&table, "n")
        .expect("the way out");
    fixture
        .follow(&with(ColumnType::Text))
        .expect("another type");
    fixture
        .write(vec![done(json!({ "id": "a", "n": "x" }))])
        .expect("rows");
}

fn another_key_is_refused(place: &Place) {
    let mut fixture = Fixture::new(place);
    let other = TableDefinition {
        key: vec!["id".to_owned(), "status".to_owned()],
        ..definition(&[("id", None), ("status", None)])
    };
    let words = refused(fixture.follow(&other), StoreErrorKind::Schema);
    assert!(
        words.contains("is `id`, and the query says `id`, `status`"),
        "{words}"
    );
    let table = fixture.table.clone();
    fixture.store.forget_table(&table).expect("the way out");
    fixture.follow(&other).expect("a new table");
}

fn names_that_differ_in_case_are_refused(place: &Place) {
    let mut fixture = Fixture::new(place);
    let other = definition(&[("id", None), ("Status", None)]);
    let words = refused(fixture.follow(&other), StoreErrorKind::Schema);
    assert!(words.contains("`status` and `Status`"), "{words}");
    let row = done(json!({ "id": "a", "STATUS": "ok" }));
    let words = refused(fixture.write(vec![row]).map(drop), StoreErrorKind::Schema);
    assert!(words.contains("`status` and `STATUS`"), "{words}");
    let query = TableDefinition {
        name: "Runs".to_owned(),
        query: "Runs".to_owned(),
        ..definition(&[("id", None)])
    };
    let words = refused(fixture.follow(&query), StoreErrorKind::Schema);
    assert!(
        words.contains("the table `runs` belongs to the query `runs`"),
        "{words}"
    );
}

fn own_names_are_refused(place: &Place) {
    let mut fixture = Fixture::new(place);
    for name in ["_key", "_ITEM", "_gone_at", "_from", "_To"] {
        let other = definition(&[("id", None), (name, Some(ColumnType::Text))]);
        let words = refused(fixture.follow(&other), StoreErrorKind::Schema);
        assert!(
            words.contains(&format!("the store has a column `{name}` of its own")),
            "{words}"
        );
    }
    for name in ["rowid", "OID", "xmin", "ctid"] {
        let other = definition(&[("id", None), (name, Some(ColumnType::Text))]);
        let words = refused(fixture.follow(&other), StoreErrorKind::Schema);
        assert!(
            words.contains(&format!("databases have a column `{name}` of their own")),
            "{words}"
        );
    }
    for name in [
        "runner_items",
        "Runner_x",
        "sqlite_x",
        "pg_class",
        "runs_history",
    ] {
        let other = TableDefinition {
            name: name.to_owned(),
            ..definition(&[("id", None)])
        };
        refused(fixture.follow(&other), StoreErrorKind::Usage);
    }
}

fn long_names_are_refused(place: &Place) {
    let mut fixture = Fixture::new(place);
    // PostgreSQL would cut them, and tell two of them no longer apart.
    let query = |length: usize| TableDefinition {
        name: "q".repeat(length),
        query: "q".repeat(length),
        ..definition(&[("id", None)])
    };
    fixture.follow(&query(50)).expect("as long as names may be");
    let words = refused(fixture.follow(&query(51)), StoreErrorKind::Usage);
    assert!(words.contains("at most 50 bytes"), "{words}");
    let column = |length: usize| definition(&[("id", None), (&"ä".repeat(length), None)]);
    fixture.follow(&column(31)).expect("62 bytes");
    let words = refused(fixture.follow(&column(32)), StoreErrorKind::Schema);
    assert!(words.contains("at most 63 bytes"), "{words}");
}

fn two_queries_do_not_share_a_table(place: &Place) {
    let mut fixture = Fixture::new(place);
    let other = TableDefinition {
        query: "r-uns".to_owned(),
        ..definition(&[("id", None)])
    };
    let words = refused(fixture.follow(&other), StoreErrorKind::Schema);
    assert!(
        words.contains("belongs to the query `runs`, not to `r-uns`"),
        "{words}"
    );
}

fn names_may_be_any_text(place: &Place) {
    let names = ["select", "a \"b\"", "$1", "c'd", "ü", "x?1", "%s", "user"];
    let columns: Vec<_> = std::iter::once("id")
        .chain(names)
        .map(|name| (name, None))
        .collect();
    let mut fixture = Fixture::with(place, &definition(&columns));
    let mut record = serde_json::Map::new();
    record.insert("id".to_owned(), json!("a"));
    for (index, name) in names.iter().enumerate() {
        record.insert((*name).to_owned(), json!(index));
    }
    let record = serde_json::Value::Object(record);
    fixture.write(vec![done(record.clone())]).expect("rows");
    assert_eq!(fixture.rows(), [record]);
    let table = fixture.table.clone();
    for name in names {
        fixture
            .store
            .forget_column(&table, name)
            .unwrap_or_else(|error| panic!("{name}: {error:?}"));
        fixture.table.columns.retain(|column| column.name != name);
        let table = fixture.table.clone();
        table
            .save(&mut *fixture.store.db)
            .expect("the list of columns");
    }
    assert_eq!(fixture.rows(), [json!({ "id": "a" })]);
}

fn history_may_begin_later(place: &Place) {
    let without = TableDefinition {
        history: false,
        ..definition(&[("id", None), ("status", None)])
    };
    let mut fixture = Fixture::with(place, &without);
    let row = |status: &str| vec![done(json!({ "id": "a", "status": status }))];
    fixture.write(row("one")).expect("rows");
    fixture.begin(T0 + 1);
    fixture.write(row("two")).expect("rows");
    fixture
        .follow(&definition(&[("id", None)]))
        .expect("a history from now on");
    fixture.begin(T0 + 2);
    fixture.write(row("three")).expect("rows");
    assert_eq!(
        fixture.rows_as_of(T0 + 1),
        [json!({ "id": "a", "status": "two" })]
    );
    assert_eq!(
        fixture.rows_as_of(T0 + 2),
        [json!({ "id": "a", "status": "three" })]
    );
    fixture.follow(&without).expect("former versions stay");
    assert_eq!(fixture.rows_as_of(T0 + 1).len(), 1);
}

fn rows_follow_another_time(place: &Place) {
    let times = |at: Option<&str>, kind| TableDefinition {
        at: at.map(str::to_owned),
        ..definition(&[("id", None), ("at", None), ("end", kind), ("n", None)])
    };
    let second = 1_000_000;
    let mut fixture = Fixture::with(place, &times(Some("at"), None));
    let row = |id: &str, at: Option<i64>, end: serde_json::Value| {
        done(json!({ "id": id, "at": at.map(format_micros), "end": end, "n": 1 }))
    };
    let end = |seconds: i64| json!(format_micros(T0 + seconds * second));
    let rows: Vec<_> = (10..1_300)
        .map(|number| row(&format!("x{number:04}"), None, end(number)))
        .chain([
            row("a", Some(T0), end(1)),
            row("b", Some(T0), json!(null)),
            row("c", None, json!("soon")),
        ])
        .collect();
    fixture.write(rows).expect("rows");
    fixture.begin(T0 + 1);
    let changed = row("a", Some(T0), end(2));
    fixture.write(vec![changed]).expect("a former version");
    let at = |fixture: &mut Fixture| {
        let mut found = Vec::new();
        for table in ["runs", "runs_history"] {
            let statement = format!("SELECT _key, _at FROM {table} ORDER BY _key");
            let rows = fixture.store.db.all(&statement, &[]).expect("rows");
            found.extend(rows.into_iter().map(|row| {
                let key = row[0].as_text().unwrap_or_default().to_owned();
                (key, row[1].as_int().map(|time| (time - T0) / second))
            }));
        }
        let few = found.iter().filter(|(key, _)| !key.starts_with('x'));
        let few: Vec<_> = few.map(|(_, time)| *time).collect();
        let last = found
            .iter()
            .find(|(key, _)| key == "x1299")
            .map(|(_, time)| *time);
        (few, last.expect("a row"))
    };
    let of_at = (vec![Some(0), Some(0), None, Some(0)], None);
    let of_end = (vec![Some(2), None, None, Some(1)], Some(1_299));
    assert_eq!(at(&mut fixture), of_at);
    fixture.follow(&times(Some("end"), None)).expect("another");
    assert_eq!(at(&mut fixture), of_end);
    fixture.follow(&times(Some("n"), None)).expect("no time");
    assert_eq!(at(&mut fixture), (vec![None; 4], None));
    fixture.follow(&times(Some("at"), None)).expect("back");
    assert_eq!(at(&mut fixture), of_at);
    fixture.follow(&times(None, None)).expect("none");
    assert_eq!(at(&mut fixture), (vec![None; 4], None));
    fixture.follow(&times(Some("new"), None)).expect("unknown");
    assert_eq!(at(&mut fixture), (vec![None; 4], None));
    let since = crate::store::Selection {
        since: Some(T0 + second),
        ..crate::store::Selection::default()
    };
    fixture.follow(&times(Some("end"), None)).expect("the end");
    assert_eq!(fixture.records(&since).len(), 1_291);
}

/// A column of times, whose values databases keep in their own form.
fn a_time_column_becomes_the_time(place: &Place) {
    let of = |at: &str| TableDefinition {
        at: Some(at.to_owned()),
        ..definition(&[
            ("id", None),
            ("one", Some(ColumnType::Time)),
            ("two", Some(ColumnType::Time)),
        ])
    };
    let mut fixture = Fixture::with(place, &of("one"));
    let times = ["2025-11-25T09:00:00.000125Z", "2025-11-25T10:00:00+01:00"];
    let rows = times.map(|two| done(json!({ "id": two, "one": null, "two": two })));
    fixture.write(rows.to_vec()).expect("rows");
    fixture.follow(&of("two")).expect("another");
    let rows = fixture
        .store
        .db
        .all("SELECT _at FROM runs ORDER BY _at", &[]);
    let found: Vec<_> = rows
        .expect("rows")
        .iter()
        .map(|row| row[0].as_int())
        .collect();
    assert_eq!(found, [Some(T0), Some(T0 + 125)]);
}
