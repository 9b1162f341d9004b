//! Aggregate functions `percentile`, `median` and `stddev`, also as window functions. NULLs are
//! ignored; without numbers, the result is NULL.
//!
//! A text that is not a number is an error, unlike in SQLite's `avg`, which takes it for 0: a wrong
//! statistic looks like a right one. A statement decides what such texts mean, with `nullif` or
//! `case`.

use rusqlite::functions::{Aggregate, Context, FunctionFlags, WindowAggregate};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, Result};

use super::functions::fault;
use super::value::kind;

/// The signatures of the functions.
pub const USAGE: &[&str] = &["percentile(x, 95)", "median(x)", "stddev(x)"];

/// Registers the functions.
///
/// # Errors
///
/// If SQLite cannot be set up.
pub fn register(connection: &Connection) -> Result<()> {
    let flags = FunctionFlags::SQLITE_UTF8
        | FunctionFlags::SQLITE_DETERMINISTIC
        | FunctionFlags::SQLITE_INNOCUOUS;
    connection.create_window_function("percentile", 2, flags, Summary::Percentile)?;
    connection.create_window_function("median", 1, flags, Summary::Median)?;
    connection.create_window_function("stddev", 1, flags, Summary::Deviation)
}

/// The statistic to compute.
#[derive(Debug, Clone, Copy)]
enum Summary {
    /// The percentile by linear interpolation between the closest ranks, rounded to 6 digits, like
    /// the template filter of the same name.
    Percentile,
    /// The 50th percentile.
    Median,
    /// The sample standard deviation (n-1); NULL for fewer than two numbers.
    Deviation,
}

/// The numbers of a group or a window.
#[derive(Debug, Default)]
struct Numbers {
    /// Sorted if `is_sorted`. A group is sorted once, at its end; a window stays sorted, since each
    /// row reads the result.
    list: Vec<f64>,
    is_sorted: bool,
    /// The second argument of `percentile`.
    rank: Option<f64>,
}

impl Numbers {
    fn add(&mut self, number: f64) {
        let at = if self.is_sorted {
            self.place(number)
        } else {
            self.list.len()
        };
        self.list.insert(at, number);
    }

    fn remove(&mut self, number: f64) {
        self.sort();
        let at = self.place(number);
        if self
            .list
            .get(at)
            .is_some_and(|known| known.total_cmp(&number).is_eq())
        {
            self.list.remove(at);
        }
    }

    fn sort(&mut self) {
        if !self.is_sorted {
            self.list.sort_unstable_by(f64::total_cmp);
            self.is_sorted = true;
        }
    }

    /// The first place of a number in the sorted list.
    fn place(&self, number: f64) -> usize {
        self.list
            .partition_point(|known| known.total_cmp(&number).is_lt())
    }

    fn percentile(&mut self, rank: f64) -> Option<f64> {
        self.sort();
        let last = self.list.len().checked_sub(1)?;
        #[expect(
            clippy::cast_precision_loss,
            reason = "a list is far shorter than 2^53"
        )]
        let position = rank / 100.0 * last as f64;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "the position lies within the list"
        )]
        let (low, high) = (position.floor() as usize, position.ceil() as usize);
        let part = position - position.floor();
        let number = self.list[low] + (self.list[high] - self.list[low]) * part;
        let rounded = (number * 1e6).round() / 1e6;
        // A number beyond 1e302 has no digits to round, and would become infinite.
        Some(if rounded.is_finite() { rounded } else { number })
    }

    fn deviation(&self) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            reason = "a list is far shorter than 2^53"
        )]
        let count = self.list.len() as f64;
        if count < 2.0 {
            return None;
        }
        let mean = self.list.iter().sum::<f64>() / count;
        let squares: f64 = self.list.iter().map(|number| (number - mean).powi(2)).sum();
        Some((squares / (count - 1.0)).sqrt())
    }
}

impl Summary {
    fn name(self) -> &'static str {
        match self {
            Self::Percentile => "percentile",
            Self::Median => "median",
            Self::Deviation => "stddev",
        }
    }

    fn of(self, numbers: Option<&mut Numbers>) -> Option<f64> {
        let numbers = numbers?;
        match self {
            Self::Percentile => numbers.rank.and_then(|rank| numbers.percentile(rank)),
            Self::Median => numbers.percentile(50.0),
            Self::Deviation => numbers.deviation(),
        }
    }

    /// Converts an argument to a number; numeric strings count, as in templates.
    fn number(self, value: ValueRef<'_>) -> Result<Option<f64>> {
        #[expect(clippy::cast_precision_loss, reason = "as in SQLite's own `avg`")]
        let number = match value {
            ValueRef::Null => return Ok(None),
            ValueRef::Integer(whole) => Some(whole as f64),
            ValueRef::Real(real) => Some(real),
            ValueRef::Text(_) => value
                .as_str()
                .ok()
                .and_then(|text| text.trim().parse().ok())
                .filter(|number: &f64| number.is_finite()),
            ValueRef::Blob(_) => None,
        };
        if number.is_none() {
            let message = format!("`{}` takes numbers, got {}", self.name(), kind(value));
            return Err(fault(message));
        }
        Ok(number)
    }

    /// Reads the second argument of `percentile`, which is the same for all rows of a group.
    fn rank(self, context: &Context<'_>, numbers: &mut Numbers) -> Result<()> {
        if context.len() < 2 {
            return Ok(());
        }
        let value = context.get_raw(1);
        let rank = self
            .number(value)
            .ok()
            .flatten()
            .filter(|rank| (0.0..=100.0).contains(rank));
        let Some(rank) = rank else {
            let got = kind(value);
            return Err(fault(format!(
                "a percentile must be between 0 and 100, got {got}"
            )));
        };
        let known = *numbers.rank.get_or_insert(rank);
        if known.total_cmp(&rank).is_ne() {
            return Err(fault(format!(
                "`percentile` takes one rank for all rows of a group, got {known} and {rank}"
            )));
        }
        Ok(())
    }
}

impl Aggregate<Numbers, Option<f64>> for Summary {
    fn init(&self, _: &mut Context<'_>) -> Result<Numbers> {
        Ok(Numbers::default())
    }

    fn step(&self, context: &mut Context<'_>, numbers: &mut Numbers) -> Result<()> {
        self.rank(context, numbers)?;
        if let Some(number) = self.number(context.get_raw(0))? {
            numbers.add(number);
        }
        Ok(())
    }

    fn finalize(&self, _: &mut Context<'_>, mut numbers: Option<Numbers>) -> Result<Option<f64>> {
        Ok(self.of(numbers.as_mut()))
    }
}

impl WindowAggregate<Numbers, Option<f64>> for Summary {
    fn value(&self, numbers: Option<&mut Numbers>) -> Result<Option<f64>> {
        Ok(self.of(numbers))
    }

    fn inverse(&self, context: &mut Context<'_>, numbers: &mut Numbers) -> Result<()> {
        if let Some(number) = self.number(context.get_raw(0))? {
            numbers.remove(number);
        }
        Ok(())
    }
}
