//! Decisions of a shared limit, with times that the tests choose.

use super::*;

const GAP: Duration = Duration::from_micros(33_334);

fn terms() -> Terms {
    Terms {
        rate: Some(RateLimit {
            requests: 30,
            per: Duration::from_secs(1),
            burst: 3,
        }),
        concurrency: 8,
        share: None,
    }
}

fn demand(in_use: usize, waiting: usize) -> Demand {
    Demand {
        in_use,
        waiting,
        latency: Duration::from_millis(20),
    }
}

fn count(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).expect("not zero")
}

fn millis(number: u64) -> Duration {
    Duration::from_millis(number)
}

/// A grant of so many slots from now on, with all permits.
fn grant(slots: u32) -> Grant {
    Grant {
        slots,
        permits: 8,
        processes: 2,
        ..Grant::default()
    }
}

#[track_caller]
fn asked(step: Step) -> Ask {
    match step {
        Step::Ask(ask) => ask,
        other => panic!("{other:?} is no question"),
    }
}

/// A limit with permits and these slots.
fn joined(terms: Terms, now: Instant, granted: Grant) -> SharedLimit {
    let mut limit = SharedLimit::new(terms);
    let first = asked(limit.next(now, demand(0, 10)));
    assert_eq!((first.slots, first.permits), (0, 8));
    assert_eq!(limit.granted(&first, &grant(0), now), Some(Change::Joined));
    let ask = Ask {
        slots: granted.slots,
        ..first
    };
    assert_eq!(limit.granted(&ask, &granted, now), None);
    limit
}

#[test]
fn limits_are_divided_exactly_and_never_to_nothing() {
    let part = terms().divided(count(4));
    let rate = part.rate.expect("a rate");
    assert_eq!((rate.requests, rate.per), (30, Duration::from_secs(4)));
    assert_eq!((rate.burst, part.concurrency), (1, 2));
    assert_eq!(terms().divided(count(100)).concurrency, 1);
    assert_eq!(terms().divided(count(1)), terms());
}

#[test]
fn the_gap_is_rounded_up() {
    assert_eq!(terms().gap(), GAP);
    let without = Terms {
        rate: None,
        ..terms()
    };
    assert_eq!(without.gap(), Duration::ZERO);
}

#[test]
fn slots_are_used_when_they_are_due() {
    let now = Instant::now();
    let mut limit = joined(terms(), now, grant(2));
    assert_eq!(limit.next(now, demand(0, 9)), Step::Send);
    let until = now + GAP;
    let is_pause = false;
    assert_eq!(
        limit.next(now, demand(1, 8)),
        Step::Wait { until, is_pause }
    );
    assert_eq!(limit.next(until, demand(1, 8)), Step::Send);
    let ask = asked(limit.next(until, demand(2, 7)));
    assert_eq!((ask.gap, ask.burst, ask.in_use), (GAP, 3, 2));
    assert!(ask.slots > 0);
}

#[test]
fn a_late_slot_is_forfeited() {
    for (late, is_used) in [(90, true), (150, false)] {
        let now = Instant::now();
        let mut limit = joined(terms(), now, grant(1));
        let step = limit.next(now + millis(late), demand(0, 9));
        assert_eq!(step == Step::Send, is_used, "{step:?}");
        // Nothing is left of it in any case.
        assert!(asked(limit.next(now + millis(late), demand(0, 9))).slots > 0);
    }
}

#[test]
fn a_process_that_was_stopped_does_not_catch_up() {
    let now = Instant::now();
    let mut limit = joined(terms(), now, grant(7));
    let later = now + Duration::from_secs(3);
    assert!(asked(limit.next(later, demand(0, 9))).slots > 0);
}

#[test]
fn a_burst_begins_in_the_past_and_counts_from_its_answer() {
    let now = Instant::now();
    let granted = Grant {
        first: -66_668,
        ..grant(3)
    };
    let mut limit = joined(terms(), now, granted);
    for _ in 0..3 {
        assert_eq!(limit.next(now + millis(50), demand(0, 9)), Step::Send);
    }
    asked(limit.next(now + millis(50), demand(3, 9)));
}

#[test]
fn a_pause_takes_the_slots_within_it() {
    let now = Instant::now();
    let mut limit = joined(terms(), now, grant(7));
    let later = now + millis(260);
    // The answer is old: the budget is asked again, for no slots.
    let refresh = asked(limit.next(now + millis(250), demand(0, 9)));
    assert_eq!(refresh.slots, 0);
    let paused = Grant {
        pause: Duration::from_secs(2),
        ..grant(0)
    };
    limit.granted(&refresh, &paused, later);
    let until = later + Duration::from_secs(2);
    let is_pause = true;
    assert_eq!(
        limit.next(later, demand(0, 9)),
        Step::Wait { until, is_pause }
    );
    assert!(asked(limit.next(until, demand(0, 9))).slots > 0);
}

#[test]
fn slots_that_are_too_far_ahead_are_asked_for_later() {
    let now = Instant::now();
    let mut limit = joined(terms(), now, grant(0));
    let ask = asked(limit.next(now, demand(0, 9)));
    let denied = Grant {
        ask_again: millis(70),
        ..grant(0)
    };
    limit.granted(&ask, &denied, now);
    let until = now + millis(70);
    let is_pause = false;
    assert_eq!(
        limit.next(now, demand(0, 9)),
        Step::Wait { until, is_pause }
    );
    asked(limit.next(until, demand(0, 9)));
}

#[test]
fn without_a_rate_only_permits_and_pauses_are_shared() {
    let now = Instant::now();
    let terms = Terms {
        rate: None,
        ..terms()
    };
    let mut limit = joined(terms, now, grant(0));
    for in_use in 0..8 {
        assert_eq!(limit.next(now, demand(in_use, 50)), Step::Send);
    }
    assert_eq!(
        asked(limit.next(now + FRESH, demand(1, 1))).slots,
        0,
        "only read"
    );
}

#[test]
fn more_permits_are_asked_for_when_all_are_in_use() {
    let now = Instant::now();
    let few = Grant {
        permits: 2,
        ..grant(7)
    };
    let mut limit = joined(terms(), now, few);
    let ask = asked(limit.next(now, demand(2, 3)));
    assert_eq!((ask.slots, ask.permits, ask.in_use), (0, 5, 2));
    limit.granted(&ask, &few, now);
    let until = now + PERMIT_RETRY;
    let is_pause = false;
    assert_eq!(
        limit.next(now, demand(2, 3)),
        Step::Wait { until, is_pause }
    );
}

#[test]
fn permits_go_around_if_there_are_more_processes() {
    let now = Instant::now();
    let one = Grant {
        permits: 1,
        processes: 9,
        ..grant(0)
    };
    let mut limit = joined(terms(), now, one);
    let later = now + TURN;
    assert!(matches!(limit.next(later, demand(1, 5)), Step::Wait { .. }));
    let ask = asked(limit.next(later, demand(0, 5)));
    assert_eq!(ask.permits, 0);
    let none = Grant { permits: 0, ..one };
    limit.granted(&ask, &none, later);
    let until = later + FRESH;
    let is_pause = false;
    assert_eq!(
        limit.next(later, demand(0, 5)),
        Step::Wait { until, is_pause }
    );
    assert_eq!(asked(limit.next(until, demand(0, 5))).permits, 5);
}

#[test]
fn as_many_slots_are_asked_for_as_can_be_used() {
    let slots = |latency: u64, permits: usize| {
        let now = Instant::now();
        let demand = Demand {
            in_use: 0,
            waiting: 100,
            latency: millis(latency),
        };
        let granted = Grant {
            permits,
            ..grant(0)
        };
        let mut limit = joined(terms(), now, granted);
        let mut last = 0;
        for _ in 0..12 {
            let ask = asked(limit.next(now, demand));
            last = ask.slots;
            limit.granted(
                &ask,
                &Grant {
                    permits,
                    slots: ask.slots,
                    first: -1_000_000,
                    ..grant(0)
                },
                now,
            );
            for _ in 0..ask.slots {
                assert_eq!(limit.next(now, demand), Step::Send);
            }
        }
        last
    };
    // A quarter of a second of the rate, if the answers are quick.
    assert_eq!(slots(20, 1), 7);
    assert_eq!(slots(150, 8), 7);
    // One at a time, if the next answer comes after the next slot.
    assert_eq!(slots(150, 1), 1);
    // Two at once, and two that are a little late.
    assert_eq!(slots(150, 2), 4);
}

#[test]
fn fewer_slots_are_asked_for_after_some_were_forfeited() {
    let mut batch = Batch {
        size: 8,
        used: 3,
        has_forfeited: true,
        calm: 0,
        patience: 1,
    };
    assert_eq!(batch.next(), 3);
    batch.used = 3;
    assert_eq!(batch.next(), 3);
    batch.used = 3;
    assert_eq!(batch.next(), 6);
}

#[test]
fn without_the_budget_a_process_falls_back_to_its_part() {
    let now = Instant::now();
    // Nothing is known: the run must not begin.
    let mut limit = SharedLimit::new(terms());
    assert_eq!(limit.alone(), None);
    asked(limit.next(now, demand(0, 1)));
    // The part that the run was given.
    let share = Some(count(8));
    let mut given = SharedLimit::new(Terms { share, ..terms() });
    assert_eq!(given.lost(now), Some(Change::Lost));
    assert_eq!(given.next(now, demand(0, 1)), Step::Alone);
    assert_eq!(
        given.alone(),
        Some(Terms { share, ..terms() }.divided(count(8)))
    );
    // The number of processes seen last.
    let mut seen = joined(terms(), now, grant(0));
    seen.lost(now);
    assert_eq!(seen.alone(), Some(terms().divided(count(2))));
}

#[test]
fn a_lost_budget_is_tried_again_and_reported_once() {
    let now = Instant::now();
    let mut limit = joined(terms(), now, grant(5));
    assert_eq!(limit.lost(now), Some(Change::Lost));
    assert_eq!(limit.probe(now), None);
    let later = now + RETRY;
    let probe = limit.probe(later).expect("it is time");
    assert_eq!((probe.slots, probe.permits), (0, 0));
    assert_eq!(limit.lost(later), None);
    assert_eq!(limit.probe(later), None);
    let back = later + RETRY;
    let regained = limit.granted(&probe, &grant(0), back);
    assert_eq!(regained, Some(Change::Regained));
    // The other process may still use its half.
    assert_eq!(asked(limit.next(back, demand(0, 1))).gap, GAP * 2);
    let later = back + RETRY;
    assert_eq!(asked(limit.next(later, demand(0, 1))).gap, GAP);
}

#[test]
fn unused_permits_are_returned() {
    let now = Instant::now();
    let mut limit = joined(terms(), now, grant(7));
    assert!(!limit.idle(8));
    assert!(limit.idle(3));
    assert!(!limit.idle(3));
    assert_eq!(asked(limit.next(now, demand(3, 1))).permits, 4);
}
