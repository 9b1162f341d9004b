//! The seeds of a test, and the replay of one that failed.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// The variable with a seed, or with a range of them.
const VARIABLE: &str = "RUNNER_SIMULATION";

/// Simulates the usual number of seeds, or those of the environment.
pub fn each(usual: u64, simulate: impl Fn(u64)) {
    let seeds = match std::env::var(VARIABLE) {
        Ok(text) => {
            parse(&text).expect("`RUNNER_SIMULATION` takes a seed, or a range such as `0..500`")
        }
        Err(_) => 0..usual,
    };
    assert!(!seeds.is_empty(), "`{VARIABLE}` has no seed");
    for seed in seeds {
        let result = catch_unwind(AssertUnwindSafe(|| simulate(seed)));
        // The panic itself has been printed.
        assert!(result.is_ok(), "replay it with {VARIABLE}={seed}");
    }
}

fn parse(text: &str) -> Option<Range<u64>> {
    match text.split_once("..") {
        None => text.parse().ok().map(|seed: u64| seed..seed + 1),
        Some((from, to)) => Some(from.parse().ok()?..to.parse().ok()?),
    }
}

#[test]
fn the_variable_has_a_seed_or_a_range() {
    assert_eq!(parse("17"), Some(17..18));
    assert_eq!(parse("3..5"), Some(3..5));
    assert_eq!(parse("x"), None);
    assert_eq!(parse("3.."), None);
}
