//! Rows: each exactly once, with their former versions.

use serde_json::{Value, json};

use super::{DAY, Fixture, HOUR, Place, SECOND, T0, counts, definition, done, on_both, open};
use crate::core::column::ColumnType;
use crate::store::{
    Coverage, Gone, IncomingRow, Keys, Selection, StoreErrorKind, TableDefinition, WholeAnswer,
    bounded_key,
};

on_both! {
    rows_are_written_once,
    the_last_of_two_rows_with_a_key_is_kept,
    done_is_not_a_change,
    a_key_may_have_several_columns,
    a_row_without_a_key_is_expired,
    long_keys_are_told_apart,
    a_misfit_undoes_the_transaction,
    former_versions_are_read_as_of_a_time,
    times_within_a_second_are_told_apart,
    rows_that_an_item_lacks_are_gone,
    gone_rows_may_be_kept,
    an_answer_that_is_cut_ends_nothing,
    a_row_that_moves_is_not_gone,
    rows_that_a_listing_lacks_are_gone,
    rows_of_another_partition_stay,
    ten_thousand_rows_are_one_batch,
    rows_are_selected_by_time_and_change,
}

fn a(status: &str) -> Value {
    json!({ "id": "a", "at": "2025-11-25T08:00:00Z", "status": status })
}

fn b(status: &str) -> Value {
    json!({ "id": "b", "at": "2025-11-25T08:30:00Z", "status": status })
}

fn rows_are_written_once(place: &Place) {
    let mut fixture = Fixture::new(place);
    let first = fixture.write_item("i", vec![done(a("ok")), done(b("ok"))]);
    assert_eq!(first, Ok(counts(2, 0, 0)));
    fixture.begin(T0 + HOUR);
    let same = fixture.write_item("i", vec![done(b("ok")), done(a("ok"))]);
    assert_eq!(same, Ok(counts(0, 0, 0)));
    fixture.begin(T0 + 2 * HOUR);
    let third = json!({ "id": "c", "status": "new" });
    let changed = fixture.write_item("i", vec![done(a("ok")), done(b("failed")), done(third)]);
    assert_eq!(changed, Ok(counts(1, 1, 0)));
    assert_eq!(fixture.rows().len(), 3);
    let seen = |time: &str| json!(format!("2025-11-25T{time}Z"));
    let mut first_seen = fixture.column("_first_seen");
    first_seen.sort_by_key(Value::to_string);
    assert_eq!(
        first_seen,
        [seen("09:00:00"), seen("09:00:00"), seen("11:00:00")]
    );
    let mut changed_at = fixture.column("_changed_at");
    changed_at.sort_by_key(Value::to_string);
    assert_eq!(
        changed_at,
        [seen("09:00:00"), seen("11:00:00"), seen("11:00:00")]
    );
}

fn the_last_of_two_rows_with_a_key_is_kept(place: &Place) {
    let mut fixture = Fixture::new(place);
    let rows = vec![
        open(a("running")),
        done(b("ok")),
        done(b("ok")),
        done(a("ok")),
    ];
    let counts = fixture.write_item("i", rows).expect("rows");
    assert_eq!((counts.new, counts.changed, counts.doubled), (2, 0, 1));
    assert_eq!(fixture.rows(), [a("ok"), b("ok")]);
}

fn done_is_not_a_change(place: &Place) {
    let mut fixture = Fixture::new(place);
    fixture.write_item("i", vec![open(a("x"))]).expect("rows");
    let (table, partition) = (fixture.table.clone(), fixture.partition);
    assert_eq!(fixture.store.count_open(&table, partition), Ok(1));
    let oldest = fixture.store.oldest_open(&table, partition, None, T0);
    assert_eq!(oldest, Ok(Some(T0 - HOUR)));
    fixture.begin(T0 + HOUR);
    assert_eq!(
        fixture.write_item("i", vec![done(a("x"))]),
        Ok(counts(0, 0, 0))
    );
    assert_eq!(fixture.column("_done"), [true]);
    assert_eq!(fixture.store.count_open(&table, partition), Ok(0));
    assert_eq!(
        fixture.store.oldest_open(&table, partition, None, T0),
        Ok(None)
    );
    assert_eq!(
        fixture.store.status().expect("a status").tables[0].versions,
        0
    );
}

fn a_key_may_have_several_columns(place: &Place) {
    let two = TableDefinition {
        key: vec!["job".to_owned(), "part".to_owned()],
        ..definition(&[("job", None), ("part", None), ("n", None)])
    };
    let mut fixture = Fixture::with(place, &two);
    let rows = |n: i64| {
        vec![
            done(json!({ "job": "a", "part": 1, "n": n })),
            done(json!({ "job": "a", "part": 2, "n": n })),
            done(json!({ "job": "a", "part": null, "n": n })),
            done(json!({ "job": null, "part": 1, "n": n })),
            done(json!({ "job": "a,1", "part": null, "n": n })),
            done(json!({ "job": null, "part": null, "n": n })),
        ]
    };
    let written = fixture.write(rows(1)).expect("rows");
    assert_eq!((written.new, written.expired, written.doubled), (5, 1, 0));
    fixture.begin(T0 + HOUR);
    let written = fixture.write(rows(2)).expect("rows");
    assert_eq!((written.new, written.changed), (0, 5));
    assert_eq!(fixture.rows().len(), 5);
}

fn a_row_without_a_key_is_expired(place: &Place) {
    let mut fixture = Fixture::new(place);
    fixture
        .write_item("i", vec![open(a("running"))])
        .expect("rows");
    fixture.begin(T0 + HOUR);
    let nothing = json!({ "id": null, "at": null, "status": null });
    let counts = fixture.write_item("i", vec![done(nothing)]).expect("rows");
    assert_eq!((counts.expired, counts.gone, counts.new), (1, 0, 0));
    assert_eq!(fixture.rows(), [a("running")]);
    assert_eq!(fixture.column("_gone_at"), [json!(null)]);
}

fn long_keys_are_told_apart(place: &Place) {
    let mut fixture = Fixture::new(place);
    // A B-tree of PostgreSQL takes 2704 bytes, after compression.
    let mut random = fastrand::Rng::with_seed(7);
    let long: String = (0..20_000).map(|_| random.alphanumeric()).collect();
    let rows = |status: &str| {
        let ids = [format!("{long}a"), format!("{long}b")];
        ids.map(|id| done(json!({ "id": id, "status": status })))
            .to_vec()
    };
    let item = bounded_key(long.clone());
    assert_eq!(fixture.write_item(&item, rows("x")), Ok(counts(2, 0, 0)));
    fixture.begin(T0 + HOUR);
    assert_eq!(fixture.write_item(&item, rows("x")), Ok(counts(0, 0, 0)));
    assert_eq!(
        fixture.write_item(&item, rows("y")[..1].to_vec()),
        Ok(counts(0, 1, 1))
    );
    assert_eq!(fixture.column("id").len(), 2);
    assert!(
        fixture
            .column("id")
            .contains(&Value::from(format!("{long}a")))
    );
}

fn a_misfit_undoes_the_transaction(place: &Place) {
    let columns = [
        ("id", None),
        ("at", None),
        ("status", None),
        ("n", Some(ColumnType::Int)),
    ];
    let mut fixture = Fixture::with(place, &definition(&columns));
    let a = |status: &str| {
        let mut row = a(status);
        row["n"] = json!(1);
        row
    };
    fixture.write_item("i", vec![done(a("ok"))]).expect("rows");
    let before = fixture.table.clone();
    fixture.begin(T0 + HOUR);
    let rows = vec![
        done(json!({ "id": "a", "status": "changed", "extra": 1, "n": 2 })),
        done(json!({ "id": "b", "n": "two" })),
    ];
    let error = fixture
        .write_item("i", rows)
        .expect_err("`two` is no integer");
    assert_eq!(error.kind, StoreErrorKind::Misfit);
    assert!(
        error.message.contains("`n` of the table `runs` is `int`"),
        "{error:?}"
    );
    assert_eq!(fixture.table, before, "no column was added");
    assert_eq!(fixture.store.tables().expect("tables"), [before]);
    assert_eq!(fixture.rows(), [a("ok")]);
    let time = json!({ "id": "b", "at": "soon" });
    let error = fixture
        .write_item("i", vec![done(time)])
        .expect_err("no time");
    assert_eq!(error.kind, StoreErrorKind::Misfit);
    // The store is still good.
    assert_eq!(
        fixture.write_item("i", vec![done(a("ok")), done(b("ok"))]),
        Ok(counts(1, 0, 0))
    );
}

fn former_versions_are_read_as_of_a_time(place: &Place) {
    let mut fixture = Fixture::new(place);
    fixture
        .write_item("i", vec![open(a("running")), done(b("ok"))])
        .expect("rows");
    fixture.begin(T0 + HOUR);
    fixture
        .write_item("i", vec![done(a("failed")), done(b("ok"))])
        .expect("rows");
    fixture.begin(T0 + 2 * HOUR);
    assert_eq!(
        fixture.write_item("i", vec![done(a("failed"))]),
        Ok(counts(0, 0, 1))
    );
    fixture.begin(T0 + 3 * HOUR);
    let back = fixture.write_item("i", vec![done(a("failed")), done(b("ok"))]);
    assert_eq!(back, Ok(counts(0, 1, 0)));
    assert_eq!(fixture.rows_as_of(T0 - 1), Vec::<Value>::new());
    assert_eq!(fixture.rows_as_of(T0), [a("running"), b("ok")]);
    assert_eq!(fixture.rows_as_of(T0 + HOUR - 1), [a("running"), b("ok")]);
    assert_eq!(fixture.rows_as_of(T0 + HOUR), [a("failed"), b("ok")]);
    assert_eq!(fixture.rows_as_of(T0 + 2 * HOUR), [a("failed")]);
    assert_eq!(fixture.rows_as_of(T0 + 3 * HOUR - 1), [a("failed")]);
    assert_eq!(fixture.rows_as_of(T0 + 3 * HOUR), [a("failed"), b("ok")]);
    assert_eq!(fixture.rows(), [a("failed"), b("ok")]);
    let status = fixture.store.status().expect("a status");
    assert_eq!((status.tables[0].versions, status.tables[0].gone), (2, 0));
}

fn times_within_a_second_are_told_apart(place: &Place) {
    let mut fixture = Fixture::new(place);
    // As text, `00Z` comes after `00.5Z`, and `.12Z` after `.123Z`.
    let times = [0, 120_000, 123_000, 500_000].map(|micros| T0 + SECOND + micros);
    for (index, time) in times.into_iter().enumerate() {
        fixture.begin(time);
        fixture
            .write_item("i", vec![done(a(&index.to_string()))])
            .expect("rows");
    }
    assert_eq!(fixture.rows_as_of(times[0] - 1), Vec::<Value>::new());
    for (index, time) in times.into_iter().enumerate() {
        assert_eq!(fixture.rows_as_of(time), [a(&index.to_string())]);
        assert_eq!(fixture.rows_as_of(time + 1), [a(&index.to_string())]);
    }
    assert_eq!(fixture.column("_changed_at"), ["2025-11-25T09:00:01.5Z"]);
}

fn rows_that_an_item_lacks_are_gone(place: &Place) {
    let mut fixture = Fixture::new(place);
    fixture
        .write_item("i", vec![open(a("x")), open(b("x"))])
        .expect("rows");
    let other = json!({ "id": "c", "status": "x" });
    fixture
        .write_item("other", vec![open(other)])
        .expect("rows");
    fixture.begin(T0 + HOUR);
    assert_eq!(
        fixture.write_item("i", vec![done(a("x"))]),
        Ok(counts(0, 0, 1))
    );
    let gone = fixture.column("_gone_at");
    assert_eq!(
        gone.iter()
            .filter(|time| !time.is_null())
            .collect::<Vec<_>>(),
        [&json!("2025-11-25T10:00:00Z")]
    );
    // What is gone is not asked for, and counts once.
    let (table, partition) = (fixture.table.clone(), fixture.partition);
    assert_eq!(fixture.store.count_open(&table, partition), Ok(1));
    assert_eq!(
        fixture.write_item("i", vec![done(a("x"))]),
        Ok(counts(0, 0, 0))
    );
}

fn gone_rows_may_be_kept(place: &Place) {
    let mut fixture = Fixture::new(place);
    fixture
        .write_item("i", vec![open(a("x")), open(b("x"))])
        .expect("rows");
    fixture.begin(T0 + HOUR);
    let whole = WholeAnswer {
        since: None,
        gone: Gone::Keep,
    };
    let kept = fixture.write_item_with("i", vec![open(a("x"))], Coverage::Whole(whole));
    assert_eq!(kept, Ok(counts(0, 0, 0)));
    assert_eq!(fixture.column("_gone_at"), [json!(null), json!(null)]);
    let (table, partition) = (fixture.table.clone(), fixture.partition);
    assert_eq!(fixture.store.count_open(&table, partition), Ok(1));
}

fn an_answer_that_is_cut_ends_nothing(place: &Place) {
    let mut fixture = Fixture::new(place);
    fixture
        .write_item("i", vec![open(a("x")), open(b("x"))])
        .expect("rows");
    fixture.begin(T0 + HOUR);
    let cut = fixture.write_item_with("i", vec![open(a("x"))], Coverage::Part("more"));
    assert_eq!(cut, Ok(counts(0, 0, 0)));
    let (table, partition) = (fixture.table.clone(), fixture.partition);
    assert_eq!(fixture.store.count_open(&table, partition), Ok(2));
}

fn a_row_that_moves_is_not_gone(place: &Place) {
    let mut fixture = Fixture::new(place);
    fixture.write_item("one", vec![done(a("x"))]).expect("rows");
    fixture.begin(T0 + HOUR);
    assert_eq!(
        fixture.write_item("two", vec![done(a("x"))]),
        Ok(counts(0, 0, 0))
    );
    assert_eq!(fixture.write_item("one", vec![]), Ok(counts(0, 0, 0)));
    assert_eq!(fixture.write_item("two", vec![]), Ok(counts(0, 0, 1)));
}

fn end_missing(fixture: &mut Fixture, since: Option<i64>, seen: &[&str]) -> u64 {
    let seen: Keys = seen.iter().map(|key| (*key).to_owned()).collect();
    let table = fixture.table.clone();
    let sync = fixture.sync.clone();
    let arrival = sync.arrival(fixture.partition, None);
    let ended = fixture
        .store
        .end_missing(&table, arrival, since, &seen, Gone::Mark);
    ended.expect("rows are ended")
}

fn rows_that_a_listing_lacks_are_gone(place: &Place) {
    let mut fixture = Fixture::new(place);
    let timeless = json!({ "id": "c", "status": "x" });
    fixture
        .write(vec![done(a("x")), done(b("x")), done(timeless)])
        .expect("rows");
    fixture.begin(T0 + HOUR);
    // `a` is older than the listing.
    assert_eq!(end_missing(&mut fixture, Some(T0 - HOUR / 2), &[]), 1);
    assert_eq!(end_missing(&mut fixture, Some(T0 - HOUR), &["a"]), 0);
    assert_eq!(end_missing(&mut fixture, None, &["a"]), 1);
    assert_eq!(end_missing(&mut fixture, None, &[]), 1);
    assert_eq!(fixture.store.status().expect("a status").tables[0].gone, 3);
}

fn rows_of_another_partition_stay(place: &Place) {
    let mut fixture = Fixture::new(place);
    fixture.write(vec![done(a("x"))]).expect("rows");
    let other = fixture
        .store
        .partition("runs", "{\"project\":\"b\"}")
        .expect("a partition");
    assert_ne!(other.id, fixture.partition);
    fixture.partition = other.id;
    assert_eq!(end_missing(&mut fixture, None, &[]), 0);
    fixture.write(vec![done(b("x"))]).expect("rows");
    let selection = Selection {
        partition: Some(other.id),
        ..Selection::default()
    };
    assert_eq!(fixture.records(&selection).len(), 1);
    assert_eq!(
        fixture.store.partition("runs", "{\"project\":\"b\"}"),
        Ok(other)
    );
}

fn ten_thousand_rows_are_one_batch(place: &Place) {
    let mut fixture = Fixture::new(place);
    let rows = |status: &dyn Fn(i64) -> &'static str| -> Vec<IncomingRow> {
        let row = |n: i64| {
            let at = crate::store::cell::format_micros(T0 - n * SECOND);
            done(json!({ "id": format!("run-{n}"), "at": at, "status": status(n) }))
        };
        (0..10_000).map(row).collect()
    };
    assert_eq!(
        fixture.write_item("i", rows(&|_| "ok")),
        Ok(counts(10_000, 0, 0))
    );
    fixture.begin(T0 + HOUR);
    assert_eq!(
        fixture.write_item("i", rows(&|_| "ok")),
        Ok(counts(0, 0, 0))
    );
    fixture.begin(T0 + 2 * HOUR);
    let every_tenth = |n: i64| if n % 10 == 0 { "failed" } else { "ok" };
    assert_eq!(
        fixture.write_item("i", rows(&every_tenth)),
        Ok(counts(0, 1_000, 0))
    );
    fixture.begin(T0 + 3 * HOUR);
    assert_eq!(fixture.write_item("i", vec![]), Ok(counts(0, 0, 10_000)));
    assert_eq!(fixture.rows_as_of(T0).len(), 10_000);
    assert_eq!(fixture.rows_as_of(T0 + 3 * HOUR).len(), 0);
}

fn rows_are_selected_by_time_and_change(place: &Place) {
    let mut fixture = Fixture::new(place);
    let old = json!({ "id": "c", "at": "2025-11-20T00:00:00Z", "status": "x" });
    fixture
        .write(vec![done(a("x")), done(b("x")), done(old.clone())])
        .expect("rows");
    let first = fixture.sync.number;
    fixture.begin(T0 + HOUR);
    fixture.write(vec![done(b("y"))]).expect("rows");
    let mut ids = |selection: Selection| -> Vec<Value> {
        let records = fixture.records(&selection).into_iter();
        records
            .map(|mut record| record.remove("id").unwrap_or_default())
            .collect()
    };
    let all = Selection::default();
    assert_eq!(ids(all), ["c", "a", "b"], "by time");
    assert_eq!(
        ids(Selection {
            since: Some(T0 - DAY),
            ..all
        }),
        ["a", "b"]
    );
    assert_eq!(
        ids(Selection {
            since: Some(T0 - HOUR),
            ..all
        }),
        ["a", "b"]
    );
    assert_eq!(
        ids(Selection {
            until: Some(T0 - HOUR),
            ..all
        }),
        ["c"]
    );
    assert_eq!(
        ids(Selection {
            changed_after: Some(first),
            ..all
        }),
        ["b"]
    );
}
