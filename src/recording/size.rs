//! The size of a recording. Large ones make a repository slow and are never reviewed.

use std::fmt;

use crate::recording::write::push_exchange;
use crate::recording::{Recorded, Recording};

/// The maximum size of the answers of a case.
pub const MOST: usize = 1024 * 1024;

/// The number of exchanges that are named.
const NAMED: usize = 3;

/// A recording that is too large.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct TooLarge {
    /// Its size in bytes.
    pub total: usize,
    /// The maximum.
    pub most: usize,
    /// The largest exchanges with their sizes, largest first.
    pub largest: Vec<(String, usize)>,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "the answers have {} bytes, more than {}",
            self.total, self.most
        )
    }
}

/// Checks the size of a recording as it would be written.
///
/// # Errors
///
/// Fails if it is larger than `most` bytes.
pub fn check(recording: &Recording, most: usize) -> Result<(), TooLarge> {
    let sizes: Vec<usize> = recording.exchanges.iter().map(size).collect();
    let total = sizes.iter().sum();
    if total <= most {
        return Ok(());
    }
    let mut order: Vec<usize> = (0..sizes.len()).collect();
    order.sort_by_key(|index| std::cmp::Reverse(sizes[*index]));
    let largest = order
        .into_iter()
        .take(NAMED)
        .map(|index| (recording.exchanges[index].ask.label(), sizes[index]))
        .collect();
    Err(TooLarge {
        total,
        most,
        largest,
    })
}

fn size(recorded: &Recorded) -> usize {
    let mut text = String::from("---\n");
    push_exchange(&mut text, recorded);
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::tests::reading;

    #[test]
    fn the_largest_exchanges_are_named() {
        let recording = reading(
            "--- # runner answers 1\nask: GET /a\nbody: 1\n---\nask: GET /b\ntext: \"0123456789\"\n\
             ---\nask: GET /c\n---\nask: GET /d\nbody: \"0123456789\"\n",
        );
        assert_eq!(check(&recording, MOST), Ok(()));
        let error = check(&recording, 100).expect_err("too large");
        assert_eq!(
            error.to_string(),
            "the answers have 158 bytes, more than 100"
        );
        let names: Vec<&str> = error
            .largest
            .iter()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(names, ["GET /b", "GET /d", "GET /a"]);
    }
}
