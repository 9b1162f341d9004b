//! Chance that follows from a seed.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::time::Duration;

/// A source of chance.
#[derive(Debug)]
pub struct Chance(RefCell<fastrand::Rng>);

impl Chance {
    /// Creates the chance of a seed.
    pub fn new(seed: u64) -> Self {
        Self(RefCell::new(fastrand::Rng::with_seed(seed)))
    }

    /// Returns a number of a range.
    pub fn number(&self, range: RangeInclusive<u64>) -> u64 {
        self.0.borrow_mut().u64(range)
    }

    /// Returns a size of a range.
    pub fn size(&self, range: RangeInclusive<usize>) -> usize {
        self.0.borrow_mut().usize(range)
    }

    /// Returns a duration of a range, in milliseconds.
    pub fn millis(&self, range: RangeInclusive<u64>) -> Duration {
        Duration::from_millis(self.number(range))
    }

    /// Returns true in a part of the cases, in percent.
    pub fn is(&self, percent: u64) -> bool {
        self.number(1..=100) <= percent
    }

    /// Returns a number in [0, 1).
    pub fn fraction(&self) -> f64 {
        self.0.borrow_mut().f64()
    }

    /// Returns one of some values.
    pub fn one_of<T: Copy>(&self, values: &[T]) -> T {
        values[self.size(0..=values.len() - 1)]
    }
}
