//! Values that a filter could not read, which are null over a record and in a document.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use minijinja::value::{Object, ObjectRepr};

use crate::core::time::{DURATION_EXAMPLE, TIME_EXAMPLE};

/// The name under which filters find [`Unreadable`].
pub const UNREADABLE: &str = "(unreadable)";

/// The kind of value that a filter reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Expected {
    /// A time.
    Time,
    /// A duration, or seconds.
    Duration,
    /// A number.
    Number,
}

impl Expected {
    /// Returns the kind in words, for one value and for several.
    pub fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::Time => ("a time", "times"),
            Self::Duration => ("a duration", "durations"),
            Self::Number => ("a number", "numbers"),
        }
    }

    /// Returns the kind with an example.
    pub fn example(self) -> &'static str {
        match self {
            Self::Time => TIME_EXAMPLE,
            Self::Duration => DURATION_EXAMPLE,
            Self::Number => "a number",
        }
    }
}

/// Values that could not be read, by expression and kind: their count and the first of them.
pub type UnreadableValues = BTreeMap<(String, Expected), (usize, String)>;

/// Collects the values that could not be read.
#[derive(Debug, Default)]
pub struct Unreadable {
    /// Those found by the expression being evaluated.
    met: Mutex<Vec<(Expected, String)>>,
    noted: Mutex<UnreadableValues>,
}

impl Unreadable {
    /// Adds a value, as described by a message.
    pub fn push(&self, expected: Expected, shown: String) {
        lock(&self.met).push((expected, shown));
    }

    /// Attributes the values added to an expression; their text is only kept if it does not use a
    /// secret.
    pub fn settle(&self, expression: &str, is_secret: impl FnOnce() -> bool) {
        let met = std::mem::take(&mut *lock(&self.met));
        if met.is_empty() {
            return;
        }
        let is_secret = is_secret();
        let mut noted = lock(&self.noted);
        for (expected, shown) in met {
            let key = (expression.to_owned(), expected);
            let first = || {
                if is_secret {
                    "a secret (not shown)".to_owned()
                } else {
                    shown
                }
            };
            noted.entry(key).or_insert_with(|| (0, first())).0 += 1;
        }
    }

    /// Takes the values attributed so far.
    pub fn take(&self) -> UnreadableValues {
        std::mem::take(&mut lock(&self.noted))
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Object for Unreadable {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }
}
