//! The state of items: new, unfinished, young, missed, expired.

use std::time::Duration;

use serde_json::json;

use super::{DAY, Fixture, HOUR, Place, T0, done, on_both, open};
use crate::store::{FoundItem, ItemOutcome, PendingItem, Reason};

const REVISIT: Duration = Duration::from_secs(14 * 86_400);

on_both! {
    new_items_are_asked_newest_first,
    an_item_is_asked_once_a_sync,
    a_changed_item_is_asked_again,
    an_item_may_be_listed_twice,
    unfinished_items_are_asked_until_they_are_done,
    young_items_are_asked_after_a_quarter_of_their_age,
    an_item_is_asked_once_more_when_it_is_no_longer_young,
    without_revisit_an_item_is_asked_once,
    failures_are_counted_in_a_row,
    expired_items_thin_out,
    finished_items_that_are_no_longer_listed_are_forgotten,
    many_items_are_noted_and_read_in_parts,
}

fn found(key: &str, at: i64) -> FoundItem {
    found_as(key, at, "{}")
}

fn found_as(key: &str, at: i64, json: &str) -> FoundItem {
    FoundItem {
        key: key.to_owned(),
        json: json.to_owned(),
        at: Some(at),
    }
}

impl Fixture {
    fn note(&mut self, items: &[FoundItem]) {
        let noted = self.store.note_items(self.partition, &self.sync, items);
        noted.expect("items are noted");
    }

    /// Returns the items that are due, with their reasons.
    fn due(&mut self, revisit: Option<Duration>) -> Vec<(String, Reason)> {
        let marked = self.store.mark_due(self.partition, &self.sync, revisit);
        marked.expect("items are marked");
        let items = self.next(100).into_iter();
        items.map(|item| (item.key, item.reason)).collect()
    }

    fn next(&mut self, most: usize) -> Vec<PendingItem> {
        let items = self.store.next_items(self.partition, &self.sync, most);
        items.expect("items are read")
    }

    fn end(&mut self, item: &str, outcome: &ItemOutcome) {
        let sync = self.sync.clone();
        let arrival = sync.arrival(self.partition, Some(item));
        let ended = self
            .store
            .end_item(&self.table, arrival, self.sync.at, outcome);
        ended.expect("an item is ended");
    }

    fn miss(&mut self, item: &str) {
        self.end(item, &ItemOutcome::Missed(format!("{item} failed")));
    }
}

fn keys(due: &[(String, Reason)]) -> Vec<&str> {
    due.iter().map(|(key, _)| key.as_str()).collect()
}

fn new_items_are_asked_newest_first(place: &Place) {
    let mut fixture = Fixture::new(place);
    fixture.note(&[
        found("old", T0 - DAY),
        found("new", T0),
        found("mid", T0 - HOUR),
    ]);
    let timeless = FoundItem {
        at: None,
        ..found("timeless", 0)
    };
    fixture.note(&[timeless]);
    let due = fixture.due(None);
    assert_eq!(keys(&due), ["new", "timeless", "mid", "old"]);
    assert!(due.iter().all(|(_, reason)| *reason == Reason::New));
    assert_eq!(fixture.next(2).len(), 2);
    assert_eq!(
        fixture.next(9)[1].at,
        T0,
        "without a time, that of the sync"
    );
}

fn an_item_is_asked_once_a_sync(place: &Place) {
    let mut fixture = Fixture::new(place);
    fixture.note(&[found("a", T0), found("b", T0)]);
    fixture
        .write_item("a", vec![open(json!({ "id": "1" }))])
        .expect("rows");
    fixture.miss("b");
    assert_eq!(fixture.due(Some(REVISIT)), []);
    fixture.begin(T0 + HOUR);
    let due = fixture.due(Some(REVISIT));
    assert_eq!(
        due,
        [
            ("a".to_owned(), Reason::Unfinished),
            ("b".to_owned(), Reason::Missed)
        ]
    );
}

fn a_changed_item_is_asked_again(place: &Place) {
    let mut fixture = Fixture::new(place);
    let noted = [
        found_as("a", T0, "{\"u\":1}"),
        found_as("b", T0, "{\"u\":1}"),
    ];
    fixture.note(&noted);
    for item in ["a", "b"] {
        fixture.write_item(item, vec![]).expect("rows");
    }
    fixture.begin(T0 + HOUR);
    fixture.note(&[noted[0].clone(), found_as("b", T0, "{\"u\":2}")]);
    assert_eq!(fixture.due(None), [("b".to_owned(), Reason::New)]);
    assert_eq!(fixture.next(1)[0].json, "{\"u\":2}");
}

fn an_item_may_be_listed_twice(place: &Place) {
    let mut fixture = Fixture::new(place);
    // As on pages that shift while they are read.
    fixture.note(&[
        found_as("a", T0, "1"),
        found("b", T0),
        found_as("a", T0, "2"),
    ]);
    let due = fixture.due(None);
    assert_eq!(keys(&due), ["a", "b"]);
    assert_eq!(fixture.next(1)[0].json, "2", "the later one is newer");
    fixture.note(&[found_as("a", T0, "2"), found_as("a", T0, "2")]);
    assert_eq!(fixture.due(None).len(), 2);
}

fn unfinished_items_are_asked_until_they_are_done(place: &Place) {
    let mut fixture = Fixture::new(place);
    fixture.note(&[found("a", T0)]);
    let row = json!({ "id": "1" });
    for hour in 1..4 {
        let rows = vec![open(row.clone()), done(json!({ "id": "2" }))];
        fixture.write_item("a", rows).expect("rows");
        fixture.begin(T0 + hour * HOUR);
        assert_eq!(fixture.due(None), [("a".to_owned(), Reason::Unfinished)]);
    }
    fixture
        .write_item("a", vec![done(row), done(json!({ "id": "2" }))])
        .expect("rows");
    fixture.begin(T0 + DAY);
    assert_eq!(fixture.due(None), []);
}

fn young_items_are_asked_after_a_quarter_of_their_age(place: &Place) {
    let mut fixture = Fixture::new(place);
    fixture.note(&[found("a", T0 - 4 * HOUR)]);
    fixture.write_item("a", vec![]).expect("rows");
    fixture.begin(T0 + HOUR - 1);
    assert_eq!(fixture.due(Some(REVISIT)), []);
    fixture.begin(T0 + HOUR);
    assert_eq!(
        fixture.due(Some(REVISIT)),
        [("a".to_owned(), Reason::Revisit)]
    );
    fixture.write_item("a", vec![]).expect("rows");
    // Its age was five hours.
    fixture.begin(T0 + HOUR + 75 * HOUR / 60 - 1);
    assert_eq!(fixture.due(Some(REVISIT)), []);
    fixture.begin(T0 + HOUR + 75 * HOUR / 60);
    assert_eq!(fixture.due(Some(REVISIT)).len(), 1);
}

fn an_item_is_asked_once_more_when_it_is_no_longer_young(place: &Place) {
    let mut fixture = Fixture::new(place);
    let at = T0 - 13 * DAY;
    fixture.note(&[found("a", at)]);
    fixture.write_item("a", vec![]).expect("rows");
    fixture.begin(at + 14 * DAY - 1);
    assert_eq!(fixture.due(Some(REVISIT)), []);
    fixture.begin(at + 14 * DAY);
    assert_eq!(
        fixture.due(Some(REVISIT)),
        [("a".to_owned(), Reason::Revisit)]
    );
    fixture.write_item("a", vec![]).expect("rows");
    for days in [15, 40, 400] {
        fixture.begin(at + days * DAY);
        assert_eq!(fixture.due(Some(REVISIT)), []);
    }
}

fn without_revisit_an_item_is_asked_once(place: &Place) {
    let mut fixture = Fixture::new(place);
    fixture.note(&[found("a", T0 - HOUR), found("ahead", T0 + HOUR)]);
    for item in ["a", "ahead"] {
        fixture
            .write_item(item, vec![done(json!({ "id": item }))])
            .expect("rows");
    }
    fixture.begin(T0 + DAY);
    assert_eq!(fixture.due(None), [], "even if its clock is ahead");
}

fn failures_are_counted_in_a_row(place: &Place) {
    let mut fixture = Fixture::new(place);
    fixture.note(&[found("a", T0), found("b", T0), found("c", T0)]);
    let partition = fixture.partition;
    for sync in 1..=5 {
        fixture.miss("a");
        if sync == 3 {
            fixture.write_item("b", vec![]).expect("rows");
        } else {
            fixture.miss("b");
        }
        fixture.write_item("c", vec![]).expect("rows");
        fixture.begin(T0 + sync * HOUR);
        fixture.due(None);
    }
    assert_eq!(fixture.next(9)[0].misses, 5);
    let (count, often) = fixture.store.missed(partition, 5).expect("misses");
    assert_eq!(count, 2);
    assert_eq!(often, [("a".to_owned(), "a failed".to_owned())]);
    let table = fixture.table.clone();
    assert_eq!(fixture.store.forget_missed(&table), Ok(2));
    assert_eq!(fixture.store.missed(partition, 1), Ok((0, Vec::new())));
    fixture.begin(T0 + 10 * HOUR);
    assert_eq!(fixture.due(None), []);
}

fn expired_items_thin_out(place: &Place) {
    let mut fixture = Fixture::new(place);
    fixture.note(&[found("a", T0 - 100 * DAY), found("b", T0 - 100 * DAY)]);
    for item in ["a", "b"] {
        let row = open(json!({ "id": item, "status": "running" }));
        fixture.write_item(item, vec![row]).expect("rows");
    }
    fixture.begin(T0 + DAY);
    assert_eq!(fixture.due(Some(REVISIT)).len(), 2);
    fixture.end("a", &ItemOutcome::Expired);
    let nothing = json!({ "id": null, "status": null });
    assert_eq!(
        fixture
            .write_item("b", vec![done(nothing)])
            .expect("rows")
            .expired,
        1
    );
    assert_eq!(fixture.column("_gone_at"), [json!(null), json!(null)]);
    assert_eq!(fixture.column("status"), ["running", "running"]);
    fixture.begin(T0 + 2 * DAY);
    assert_eq!(fixture.due(Some(REVISIT)), []);
    // A quarter of 101 days later.
    fixture.begin(T0 + 27 * DAY);
    assert_eq!(fixture.due(Some(REVISIT)).len(), 2);
}

fn finished_items_that_are_no_longer_listed_are_forgotten(place: &Place) {
    let mut fixture = Fixture::new(place);
    let old = T0 - 20 * DAY;
    let items = ["done", "open", "missed", "listed"].map(|key| found(key, old));
    fixture.note(&items);
    fixture.note(&[found("young", T0)]);
    for (item, is_done) in [
        ("done", true),
        ("open", false),
        ("listed", true),
        ("young", true),
    ] {
        let row = super::row(json!({ "id": item }), is_done);
        fixture.write_item(item, vec![row]).expect("rows");
    }
    fixture.miss("missed");
    fixture.begin(T0 + HOUR);
    fixture.note(&[found("listed", old)]);
    let (partition, sync) = (fixture.partition, fixture.sync.clone());
    let ended = fixture
        .store
        .end_listing(partition, &sync, Some(old), Some(REVISIT));
    ended.expect("a listing ends");
    let statement = "SELECT key FROM runner_items ORDER BY key";
    let left = fixture.store.db.all(statement, &[]).expect("items");
    let left: Vec<_> = left.iter().filter_map(|row| row[0].as_text()).collect();
    assert_eq!(left, ["listed", "missed", "open", "young"]);
}

fn many_items_are_noted_and_read_in_parts(place: &Place) {
    let mut fixture = Fixture::new(place);
    let items: Vec<FoundItem> = (0..5_000)
        .map(|n| found(&format!("i{n:04}"), T0 - n))
        .collect();
    fixture.note(&items);
    let mut asked = Vec::new();
    loop {
        let items = fixture.next(256);
        if items.is_empty() {
            break;
        }
        for item in items {
            fixture.end(&item.key, &ItemOutcome::Done);
            asked.push(item.key);
        }
    }
    assert_eq!(asked.len(), 5_000);
    assert!(asked.is_sorted());
}
