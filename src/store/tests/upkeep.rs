//! Status, and what removes rows.

use serde_json::{Value, json};

use super::{DAY, Fixture, HOUR, Place, T0, definition, done, on_both, open};
use crate::store::{FoundItem, StoreErrorKind};

on_both! {
    the_status_counts_everything,
    a_table_is_forgotten_with_its_state,
    a_column_is_forgotten_in_all_versions,
    the_key_and_the_time_stay,
    rows_are_forgotten_by_age,
    rows_are_forgotten_by_condition,
    vacuum_keeps_rows,
    unknown_tables_are_refused_with_a_hint,
}

fn run(id: &str, at: i64, status: &str) -> Value {
    json!({ "id": id, "at": crate::store::cell::format_micros(at), "status": status })
}

/// A table with an old row in two versions, a new one, and an item.
fn filled(place: &Place) -> Fixture {
    let mut fixture = Fixture::new(place);
    let item = FoundItem {
        key: "i".to_owned(),
        json: "{}".to_owned(),
        at: None,
    };
    let sync = fixture.sync.clone();
    fixture
        .store
        .note_items(fixture.partition, &sync, &[item])
        .expect("an item");
    let rows = vec![
        open(run("old", T0 - DAY, "running")),
        open(run("new", T0, "running")),
    ];
    fixture.write_item("i", rows).expect("rows");
    fixture.begin(T0 + HOUR);
    let rows = vec![
        done(run("old", T0 - DAY, "ok")),
        open(run("new", T0, "running")),
    ];
    fixture.write_item("i", rows).expect("rows");
    fixture
}

fn the_status_counts_everything(place: &Place) {
    let mut fixture = filled(place);
    fixture
        .store
        .begin_listing(fixture.partition, None)
        .expect("a listing begins");
    let sync = fixture.sync.clone();
    fixture
        .store
        .mark_due(fixture.partition, &sync, None)
        .expect("marked");
    let status = fixture.store.status().expect("a status");
    assert!(status.size > 0);
    let table = &status.tables[0];
    assert_eq!(
        (table.rows, table.unfinished, table.versions, table.gone),
        (2, 1, 1, 0)
    );
    assert_eq!((table.pending, table.missed, table.incomplete), (1, 0, 1));
    assert_eq!(table.range, Some((T0 - DAY, T0)));
    assert_eq!(table.synced_at, None);
}

fn a_table_is_forgotten_with_its_state(place: &Place) {
    let mut fixture = filled(place);
    let table = fixture.table.clone();
    fixture.store.forget_table(&table).expect("it is forgotten");
    assert_eq!(fixture.store.tables().expect("tables"), []);
    for name in ["runner_items", "runner_partitions", "runner_tables"] {
        let rows = fixture
            .store
            .db
            .all(&format!("SELECT 1 FROM {name}"), &[])
            .expect("rows");
        assert!(rows.is_empty(), "{name}");
    }
    assert_eq!(fixture.store.db.has_table("runs_history"), Ok(false));
    fixture
        .follow(&definition(&[("id", None)]))
        .expect("a new table");
    assert_eq!(fixture.rows(), Vec::<Value>::new());
    let partition = fixture.store.partition("runs", "{}").expect("a partition");
    assert_eq!(partition.position, None);
}

fn a_column_is_forgotten_in_all_versions(place: &Place) {
    let mut fixture = filled(place);
    let table = fixture.table.clone();
    fixture
        .store
        .forget_column(&table, "status")
        .expect("it is forgotten");
    fixture
        .follow(&definition(&[("id", None), ("at", None)]))
        .expect("without it");
    assert_eq!(fixture.table.position("status"), None);
    assert!(
        fixture
            .rows_as_of(T0)
            .iter()
            .all(|row| row.get("status").is_none())
    );
    let row = json!({ "id": "new", "status": 5 });
    fixture.write(vec![done(row)]).expect("of another type now");
    let error = fixture
        .store
        .forget_column(&table, "state")
        .expect_err("there is none");
    assert_eq!(error.help.as_deref(), Some("did you mean `status`?"));
}

fn the_key_and_the_time_stay(place: &Place) {
    let mut fixture = filled(place);
    let table = fixture.table.clone();
    for column in ["id", "at"] {
        let error = fixture
            .store
            .forget_column(&table, column)
            .expect_err(column);
        assert_eq!(error.kind, StoreErrorKind::Usage);
    }
}

fn rows_are_forgotten_by_age(place: &Place) {
    let mut fixture = filled(place);
    let table = fixture.table.clone();
    assert_eq!(fixture.store.forget_before(&table, T0 - DAY), Ok(0));
    assert_eq!(fixture.store.forget_before(&table, T0), Ok(1));
    assert_eq!(fixture.column("id"), ["new"]);
    assert_eq!(fixture.rows_as_of(T0).len(), 1, "nor its former versions");
    fixture
        .write(vec![done(json!({ "id": "timeless" }))])
        .expect("rows");
    assert_eq!(
        fixture.store.forget_before(&table, i64::MAX),
        Ok(1),
        "a row without a time stays"
    );
}

fn rows_are_forgotten_by_condition(place: &Place) {
    let mut fixture = filled(place);
    let table = fixture.table.clone();
    let mut seen = Vec::new();
    let keys = fixture.store.keys_of(&table, &mut |record| {
        seen.push(record["status"].clone());
        Ok(record["id"] == "old")
    });
    let keys = keys.expect("keys");
    assert_eq!(seen.len(), 2);
    assert_eq!(fixture.store.forget_rows(&table, &keys), Ok(1));
    assert_eq!(fixture.column("id"), ["new"]);
    assert_eq!(fixture.rows_as_of(T0).len(), 1, "nor its former versions");
    let many: Vec<String> = (0..100_000).map(|number| number.to_string()).collect();
    assert_eq!(fixture.store.forget_rows(&table, &many), Ok(0));
}

fn vacuum_keeps_rows(place: &Place) {
    let mut fixture = filled(place);
    fixture.store.vacuum().expect("it is shrunk");
    assert_eq!(fixture.rows().len(), 2);
}

fn unknown_tables_are_refused_with_a_hint(place: &Place) {
    let mut store = place.open();
    let error = store.table_named("runs").expect_err("an empty store");
    assert_eq!(error.kind, StoreErrorKind::Usage);
    drop(store);
    let mut fixture = filled(place);
    assert_eq!(
        fixture.store.table_named("runs").map(|table| table.name),
        Ok("runs".to_owned())
    );
    let error = fixture.store.table_named("rnus").expect_err("a slip");
    assert_eq!(error.help.as_deref(), Some("did you mean `runs`?"));
}
