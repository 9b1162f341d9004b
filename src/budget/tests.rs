//! Budgets in a real database.

use std::thread;
use std::time::{Duration, Instant};

use crate::budget::BudgetConnection;
use crate::http::shared::{Ask, Grant};
use crate::store::tests::server;
use crate::store::{Purpose, ServerAddress, StoreErrorKind};

const GAP: Duration = Duration::from_millis(100);

const NAME: &str = "https://api.example#0a1b2c3d4e";

fn open(database: &server::Database) -> BudgetConnection {
    let address = ServerAddress::parse(&database.url(), Purpose::Budget).expect("a URL");
    BudgetConnection::open(&address, None, NAME).unwrap_or_else(|error| panic!("{error:?}"))
}

fn ask(slots: u32) -> Ask {
    Ask {
        slots,
        gap: GAP,
        burst: 1,
        permits: 0,
        in_use: 0,
        capacity: 4,
    }
}

fn permits(wanted: usize, in_use: usize) -> Ask {
    Ask {
        permits: wanted,
        in_use,
        ..ask(0)
    }
}

fn granted(budget: &mut BudgetConnection, ask: Ask) -> Grant {
    budget.ask(&ask).unwrap_or_else(|error| panic!("{error:?}"))
}

/// Waits until something holds.
#[track_caller]
fn until(mut holds: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < deadline, "it does not come to hold");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_table_is_created_once_by_many() {
    let Some(database) = server::database() else {
        return;
    };
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                let mut budget = open(&database);
                // One that does not see the row of another yet asks again.
                until(|| granted(&mut budget, ask(1)).slots == 1);
            });
        }
    });
    let rows = database
        .connect()
        .query("SELECT name FROM runner_budget", &[]);
    let rows = rows.expect("a table");
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].get::<_, String>(0), NAME);
}

#[test]
fn slots_follow_each_other_whoever_asks() {
    let Some(database) = server::database() else {
        return;
    };
    let (mut one, mut other) = (open(&database), open(&database));
    let first = granted(&mut one, ask(10));
    assert_eq!((first.slots, first.pause), (10, Duration::ZERO));
    assert!((-50_000..=0).contains(&first.first), "{}", first.first);
    // One second later, less what has passed.
    let second = granted(&mut other, ask(90));
    assert!((0..=1_000_000).contains(&second.first), "{second:?}");
    // More than two seconds ahead nothing is granted.
    let third = granted(&mut one, ask(1));
    assert_eq!(third.slots, 0);
    assert!(third.ask_again >= Duration::from_millis(50), "{third:?}");
    // A row that was deleted is created again, with what was not used forgotten.
    let deleted = database.connect().execute("DELETE FROM runner_budget", &[]);
    assert_eq!(deleted.expect("a row"), 1);
    assert_eq!(granted(&mut one, ask(1)).slots, 1);
}

#[test]
fn the_latest_rate_and_burst_hold() {
    let Some(database) = server::database() else {
        return;
    };
    let mut budget = open(&database);
    granted(&mut budget, ask(1));
    let burst = Ask {
        gap: Duration::from_millis(20),
        burst: 5,
        ..ask(5)
    };
    // The slot before has moved the time on, so four of five are left of the burst.
    let grant = granted(&mut budget, burst);
    assert!((-80_000..=100_000).contains(&grant.first), "{grant:?}");
    let row = database
        .connect()
        .query_one(
            "SELECT extract(epoch FROM gap)::float8, burst FROM runner_budget",
            &[],
        )
        .expect("a row");
    assert!((row.get::<_, f64>(0) - 0.02).abs() < 1e-9);
    assert_eq!(row.get::<_, i32>(1), 5);
}

#[test]
fn a_refusal_holds_for_all_and_the_longest_counts() {
    let Some(database) = server::database() else {
        return;
    };
    let (mut one, mut other) = (open(&database), open(&database));
    // Also before there is a row.
    one.refuse(Duration::from_secs(30)).expect("a pause");
    one.refuse(Duration::from_secs(1)).expect("a pause");
    let read = granted(&mut other, ask(0));
    assert!(read.pause > Duration::from_secs(20), "{read:?}");
    assert_eq!(granted(&mut other, ask(1)).slots, 0);
}

#[test]
fn permits_are_divided_and_free_with_their_session() {
    let Some(database) = server::database() else {
        return;
    };
    let (mut one, mut other) = (open(&database), open(&database));
    let all = granted(&mut one, permits(9, 0));
    assert_eq!((all.permits, all.processes), (4, 1));
    // Nothing is free, and what is in use stays.
    let none = granted(&mut other, permits(9, 0));
    assert_eq!((none.permits, none.processes), (0, 2));
    // The number of processes holds for half a second.
    until(|| granted(&mut one, permits(9, 3)).permits == 3);
    assert_eq!(granted(&mut other, permits(9, 0)).permits, 1);
    // A fair part is given back.
    assert_eq!(granted(&mut one, permits(9, 0)).permits, 2);
    assert_eq!(granted(&mut other, permits(9, 1)).permits, 2);
    // What is not needed, too.
    one.keep(0).expect("unlocked");
    until(|| {
        let all = granted(&mut other, permits(9, 2));
        (all.permits, all.processes) == (4, 1)
    });
    // A session that ends leaves nothing.
    drop(other);
    until(|| granted(&mut open(&database), permits(9, 0)).permits == 4);
}

#[test]
fn a_lost_connection_and_a_wrong_password_are_told_apart() {
    let Some(database) = server::database() else {
        return;
    };
    let mut budget = open(&database);
    granted(&mut budget, ask(1));
    assert_eq!(server::end_connections(&database.url()), 1);
    let error = budget.ask(&ask(1)).expect_err("the connection is gone");
    assert_eq!(error.kind, StoreErrorKind::Connection);
    let url = database.url_with("wrong");
    let address = ServerAddress::parse(&url, Purpose::Budget).expect("a URL");
    let Err(error) = BudgetConnection::open(&address, None, NAME) else {
        panic!("the password is wrong");
    };
    assert_eq!(error.kind, StoreErrorKind::Credentials);
    assert!(error.message.starts_with("the shared budget `postgres://"));
    assert!(!error.message.contains("wrong@"));
}
