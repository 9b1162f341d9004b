//! Syncs: their lock, their clock, and the position of a partition.

use std::time::Duration;

use super::{Fixture, HOUR, Place, SECOND, T0, on_both};
use crate::store::cell::format_sorted;
use crate::store::{Opening, Partition, StoreErrorKind};

const OVERLAP: Duration = Duration::from_secs(3_600);

on_both! {
    two_syncs_do_not_write_at_once,
    a_lock_ends_with_its_connection,
    readers_do_not_wait_for_a_sync,
    syncs_have_numbers_and_later_times,
    a_later_format_is_refused,
    another_database_is_no_store,
    a_listing_that_did_not_end_is_read_again,
    positions_are_of_a_partition,
    lost_connections_say_so,
}

fn two_syncs_do_not_write_at_once(place: &Place) {
    let mut first = place.open();
    let mut second = place.open();
    let sync = first.begin_sync(T0).expect("the first");
    let error = second.begin_sync(T0).expect_err("the second");
    assert_eq!(error.kind, StoreErrorKind::Locked);
    let error = second.lock().expect_err("nor may rows be removed");
    assert_eq!(error.kind, StoreErrorKind::Locked);
    assert_eq!(
        second.last_sync(),
        Ok(sync.number),
        "the refused one did not count"
    );
    // The holder may begin again.
    assert_eq!(
        first.begin_sync(T0).expect("it has the lock").number,
        sync.number + 1
    );
    let error = second.begin_sync(T0).expect_err("the second");
    assert_eq!(error.kind, StoreErrorKind::Locked);
}

fn a_lock_ends_with_its_connection(place: &Place) {
    for _ in 0..20 {
        place
            .open()
            .begin_sync(T0)
            .expect("the one before has ended");
    }
}

fn readers_do_not_wait_for_a_sync(place: &Place) {
    let mut fixture = Fixture::new(place);
    let row = super::done(serde_json::json!({ "id": "a", "at": null, "status": "x" }));
    fixture.write(vec![row]).expect("rows");
    let mut reader = place.try_open(Opening::Existing).expect("a reader");
    fixture.store.db.run("BEGIN").expect("a transaction");
    let removed = fixture
        .store
        .db
        .execute("DELETE FROM runs", &[])
        .expect("a row");
    assert_eq!(removed, 1);
    let status = reader.status().expect("what was committed");
    assert_eq!(status.tables[0].rows, 1);
    fixture.store.db.run("ROLLBACK").expect("it is undone");
}

fn syncs_have_numbers_and_later_times(place: &Place) {
    let mut store = place.open();
    let first = store.begin_sync(T0).expect("a sync");
    assert_eq!((first.number, first.at, first.behind), (1, T0, None));
    let second = store.begin_sync(T0 + HOUR).expect("a sync");
    assert_eq!(
        (second.number, second.at, second.behind),
        (2, T0 + HOUR, None)
    );
    // The clock was set back.
    let third = store.begin_sync(T0 - HOUR).expect("a sync");
    assert_eq!((third.number, third.at), (3, T0 + HOUR + 1));
    assert_eq!(third.behind, Some(Duration::from_secs(7_200)));
    drop(store);
    let fourth = place.open().begin_sync(T0 + 2 * HOUR).expect("a sync");
    assert_eq!((fourth.number, fourth.at), (4, T0 + 2 * HOUR));
}

fn a_later_format_is_refused(place: &Place) {
    let mut store = place.open();
    let statement = "UPDATE runner_meta SET value = 2 WHERE name = 'format'";
    store.db.run(statement).expect("a later format");
    drop(store);
    for opening in [Opening::Create, Opening::Existing] {
        let error = place.try_open(opening).expect_err("it is refused");
        assert_eq!(error.kind, StoreErrorKind::Usage);
        assert!(error.message.contains("format 2"), "{error:?}");
        assert!(error.help.is_some());
    }
}

fn another_database_is_no_store(place: &Place) {
    let mut store = place.open();
    store
        .db
        .run("DROP TABLE runner_meta; CREATE TABLE other (id TEXT)")
        .expect("other tables");
    drop(store);
    let error = place
        .try_open(Opening::Existing)
        .expect_err("it is refused");
    assert_eq!(error.kind, StoreErrorKind::Usage);
    assert!(error.message.contains("not a store"), "{error:?}");
}

fn a_listing_that_did_not_end_is_read_again(place: &Place) {
    let mut fixture = Fixture::new(place);
    let since = |fixture: &mut Fixture| -> Partition {
        fixture.store.partition("runs", "{}").expect("a partition")
    };
    let (id, sync) = (fixture.partition, fixture.sync.clone());
    assert_eq!(since(&mut fixture).since(OVERLAP), None, "all, at first");
    fixture.store.begin_listing(id, None).expect("it begins");
    assert_eq!(since(&mut fixture).since(OVERLAP), None);
    fixture
        .store
        .end_listing(id, &sync, Some(T0 - 2 * HOUR), None)
        .expect("it ends");
    assert_eq!(
        since(&mut fixture).since(OVERLAP),
        Some(T0 - 3 * HOUR),
        "the server's clock"
    );
    // A backfill is interrupted: it goes on, even after others that were not to go as far.
    fixture.begin(T0 + HOUR);
    fixture
        .store
        .begin_listing(id, Some(T0 - 100 * HOUR))
        .expect("it begins");
    assert_eq!(since(&mut fixture).since(OVERLAP), Some(T0 - 100 * HOUR));
    fixture.begin(T0 + 2 * HOUR);
    let sync = fixture.sync.clone();
    fixture
        .store
        .end_listing(id, &sync, Some(T0 + 5 * HOUR), None)
        .expect("it ends");
    assert_eq!(
        since(&mut fixture).since(OVERLAP),
        Some(T0 + HOUR),
        "the position"
    );
    // A listing with older items only does not set the clock back.
    fixture.begin(T0 + 9 * HOUR);
    let sync = fixture.sync.clone();
    fixture
        .store
        .end_listing(id, &sync, Some(T0), None)
        .expect("it ends");
    assert_eq!(since(&mut fixture).newest, Some(T0 + 5 * HOUR));
    assert_eq!(since(&mut fixture).since(OVERLAP), Some(T0 + 4 * HOUR));
    fixture
        .store
        .end_listing(id, &sync, None, None)
        .expect("an empty one");
    assert_eq!(since(&mut fixture).newest, Some(T0 + 5 * HOUR));
}

fn positions_are_of_a_partition(place: &Place) {
    let mut fixture = Fixture::new(place);
    let sync = fixture.sync.clone();
    fixture
        .store
        .end_listing(fixture.partition, &sync, None, None)
        .expect("it ends");
    fixture
        .store
        .consume(fixture.partition, 7)
        .expect("a number");
    fixture
        .store
        .end_partition(fixture.partition, &sync)
        .expect("a time");
    let one = fixture.store.partition("runs", "{}").expect("a partition");
    assert_eq!(
        (one.position, one.consumed, one.is_listing),
        (Some(T0), 7, false)
    );
    let other = fixture
        .store
        .partition("runs", "{\"a\":1}")
        .expect("another");
    assert_eq!((other.position, other.consumed), (None, 0));
    let status = fixture.store.status().expect("a status");
    assert_eq!(status.tables[0].synced_at, Some(T0));
}

fn lost_connections_say_so(place: &Place) {
    let Some(database) = &place.database else {
        return;
    };
    let mut store = place.open();
    store.begin_sync(T0).expect("a sync");
    assert_eq!(super::server::end_connections(&database.url()), 1);
    let error = store.begin_sync(T0 + SECOND).expect_err("it is gone");
    assert_eq!(error.kind, StoreErrorKind::Connection, "{error:?}");
    let error = store.begin_sync(T0 + SECOND).expect_err("it stays gone");
    assert_eq!(error.kind, StoreErrorKind::Connection, "{error:?}");
    assert!(!format!("{error:?}").contains(super::server::PASSWORD));
    // Nothing of it is left.
    let sync = place
        .open()
        .begin_sync(T0 + SECOND)
        .expect("a new connection");
    assert_eq!(
        (sync.number, sync.time.as_str()),
        (2, format_sorted(T0 + SECOND).as_str())
    );
}
