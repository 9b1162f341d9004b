//! Sorts records: in memory if they are few, otherwise in a temporary file.
//!
//! Records that do not fit into memory are sorted and written as a *run*. At the end the runs are
//! merged. Runs are in the order in which records came, and of equal records the one of the earlier
//! run comes first: the result is that of one stable sort.

use std::cmp::Ordering;
use std::collections::{BinaryHeap, VecDeque};
use std::io::{self, BufReader, Read as _};
use std::ops::Range;
use std::rc::Rc;

use serde_json::Value;

use crate::core::json::{self, number, pack, unpack};
use crate::engine::records::KeyedRecord;
use crate::sink::{SpillFile, SpillReader};

/// The estimated size of the records that are sorted in memory, in bytes.
const IN_MEMORY: usize = 32 << 20;

/// The number of runs that are merged at a time.
const MOST_RUNS: usize = 32;

/// The bytes of a run that are read or written at a time.
const BUFFER: usize = 64 << 10;

/// Collects records to sort.
pub struct Sorter {
    /// For each key, true if it is in descending order.
    order: Rc<[bool]>,
    most: usize,
    records: Vec<KeyedRecord>,
    weight: usize,
    file: Option<SpillFile>,
    /// The runs, by the number of times their records were merged. Those of a higher level came first.
    levels: Vec<Vec<Range<u64>>>,
}

impl Sorter {
    /// Creates an empty sorter.
    pub fn new(descending: impl IntoIterator<Item = bool>) -> Self {
        Self::within(descending, IN_MEMORY)
    }

    /// Creates an empty sorter that holds about `most` bytes in memory.
    pub fn within(descending: impl IntoIterator<Item = bool>, most: usize) -> Self {
        Self {
            order: descending.into_iter().collect(),
            most,
            records: Vec::new(),
            weight: 0,
            file: None,
            levels: Vec::new(),
        }
    }

    /// Adds records.
    ///
    /// # Errors
    ///
    /// If the temporary file cannot be written.
    pub fn extend(&mut self, batch: Vec<KeyedRecord>) -> io::Result<()> {
        for kept in batch {
            let keys: usize = kept.keys.iter().map(json::weight).sum();
            self.weight += json::weight(&kept.record) + keys;
            self.records.push(kept);
            if self.weight > self.most {
                self.end_run()?;
            }
        }
        Ok(())
    }

    /// Sorts the records.
    ///
    /// # Errors
    ///
    /// As [`Sorter::extend`].
    pub fn finish(mut self) -> io::Result<Sorted> {
        self.sort();
        let last = Source::Memory(std::mem::take(&mut self.records).into());
        let Some(file) = &self.file else {
            return Sorted::new(&self.order, vec![last]);
        };
        let runs = self.levels.iter().rev().flatten();
        let mut sources: Vec<Source> = runs.map(|run| Source::run(file, run)).collect();
        sources.push(last);
        Sorted::new(&self.order, sources)
    }

    fn sort(&mut self) {
        let order = &self.order;
        self.records
            .sort_by(|left, right| compare_keys(&left.keys, &right.keys, order));
    }

    fn end_run(&mut self) -> io::Result<()> {
        self.sort();
        self.weight = 0;
        let records = std::mem::take(&mut self.records);
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(SpillFile::create()?),
        };
        let run = write_run(file, records.into_iter().map(Ok))?;
        let mut run = Some(run);
        for level in 0.. {
            if level == self.levels.len() {
                self.levels.push(Vec::new());
            }
            let runs = &mut self.levels[level];
            runs.extend(run.take());
            if runs.len() < MOST_RUNS {
                return Ok(());
            }
            let runs = std::mem::take(runs);
            let sources = runs.iter().map(|run| Source::run(file, run)).collect();
            let merged = Sorted::new(&self.order, sources)?;
            run = Some(write_run(file, merged)?);
        }
        Ok(())
    }
}

/// Writes records to the end of the file and returns their place.
fn write_run(
    file: &mut SpillFile,
    records: impl IntoIterator<Item = io::Result<KeyedRecord>>,
) -> io::Result<Range<u64>> {
    let from = file.end();
    let mut buffer = Vec::with_capacity(2 * BUFFER);
    for kept in records {
        let kept = kept?;
        let start = buffer.len();
        buffer.extend_from_slice(&[0; 8]);
        for key in &kept.keys {
            pack(key, &mut buffer);
        }
        pack(&kept.record, &mut buffer);
        let length = (buffer.len() - start - 8) as u64;
        buffer[start..start + 8].copy_from_slice(&length.to_le_bytes());
        if buffer.len() >= BUFFER {
            file.push(&buffer)?;
            buffer.clear();
        }
    }
    file.push(&buffer)?;
    Ok(from..file.end())
}

/// Sorted records.
enum Source {
    Memory(VecDeque<KeyedRecord>),
    Run(BufReader<SpillReader>),
}

impl Source {
    fn run(file: &SpillFile, run: &Range<u64>) -> Self {
        Self::Run(BufReader::with_capacity(BUFFER, file.reader(run.clone())))
    }

    /// Returns the next record, which has this many keys.
    fn next(&mut self, keys: usize) -> io::Result<Option<KeyedRecord>> {
        let reader = match self {
            Self::Memory(records) => return Ok(records.pop_front()),
            Self::Run(reader) => reader,
        };
        let mut length = [0; 8];
        match reader.read(&mut length)? {
            0 => return Ok(None),
            count => reader.read_exact(&mut length[count..])?,
        }
        let damaged = || io::Error::from(io::ErrorKind::InvalidData);
        let length = usize::try_from(u64::from_le_bytes(length)).map_err(|_| damaged())?;
        let mut bytes = vec![0; length];
        reader.read_exact(&mut bytes)?;
        let mut rest = bytes.as_slice();
        let keys: Option<Vec<Value>> = (0..keys).map(|_| unpack(&mut rest)).collect();
        let (Some(keys), Some(record)) = (keys, unpack(&mut rest)) else {
            return Err(damaged());
        };
        Ok(Some(KeyedRecord::new(record).with_keys(keys)))
    }
}

/// The next record of a source.
struct Head {
    kept: KeyedRecord,
    source: usize,
    order: Rc<[bool]>,
}

impl Ord for Head {
    /// The greatest is the first of the result, as a heap returns it.
    fn cmp(&self, other: &Self) -> Ordering {
        compare_keys(&self.kept.keys, &other.kept.keys, &self.order)
            .then(self.source.cmp(&other.source))
            .reverse()
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

/// The records in order. The sources hold what is left of a temporary file.
pub struct Sorted {
    order: Rc<[bool]>,
    sources: Vec<Source>,
    heads: BinaryHeap<Head>,
}

impl Sorted {
    fn new(order: &Rc<[bool]>, sources: Vec<Source>) -> io::Result<Self> {
        let mut sorted = Self {
            order: Rc::clone(order),
            sources,
            heads: BinaryHeap::new(),
        };
        for source in 0..sorted.sources.len() {
            sorted.pull(source)?;
        }
        Ok(sorted)
    }

    fn pull(&mut self, source: usize) -> io::Result<()> {
        if let Some(kept) = self.sources[source].next(self.order.len())? {
            self.heads.push(Head {
                kept,
                source,
                order: Rc::clone(&self.order),
            });
        }
        Ok(())
    }
}

impl Iterator for Sorted {
    type Item = io::Result<KeyedRecord>;

    fn next(&mut self) -> Option<io::Result<KeyedRecord>> {
        let head = self.heads.pop()?;
        Some(self.pull(head.source).map(|()| head.kept))
    }
}

fn compare_keys(left: &[Value], right: &[Value], descending: &[bool]) -> Ordering {
    descending
        .iter()
        .zip(left.iter().zip(right))
        .map(|(descending, (left, right))| compare(left, right, *descending))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Compares two values: numbers by value, strings by character, types separately.
fn compare(left: &Value, right: &Value, descending: bool) -> Ordering {
    let rank = |value: &Value| match value {
        Value::Bool(_) => 0,
        Value::Number(_) => 1,
        Value::String(_) => 2,
        Value::Array(_) => 3,
        Value::Object(_) => 4,
        Value::Null => 5,
    };
    if left.is_null() || right.is_null() {
        return left.is_null().cmp(&right.is_null());
    }
    let order = match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Number(left), Value::Number(right)) => number::compare(left, right),
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (left, right) => rank(left)
            .cmp(&rank(right))
            .then_with(|| left.to_string().cmp(&right.to_string())),
    };
    if descending { order.reverse() } else { order }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::testing::numbers;

    /// Creates random records with two keys, of which many are equal.
    fn records(count: usize) -> Vec<KeyedRecord> {
        let mut random = numbers(count as u64);
        let texts = [
            "1",
            "1.0",
            "10e-1",
            "-3",
            "1e400",
            "123456789012345678901",
            "0.5",
        ];
        let mut key = |number: usize| match random(7) {
            0 => Value::Null,
            1 => json!(random(2) == 0),
            2 => json!("é".repeat(random(3))),
            3 => json!([random(2)]),
            4 => json!({ "a": number % 2 }),
            _ => json::parse(texts[random(texts.len())].as_bytes()).expect("a number"),
        };
        (0..count)
            .map(|number| {
                let record = json!({ "number": number, "nested": [[], { "a": 1.10 }] });
                KeyedRecord::new(record).with_keys(vec![key(number), key(number)])
            })
            .collect()
    }

    fn sorted(count: usize, most: usize) -> Vec<String> {
        let mut sorter = Sorter::within([false, true], most);
        let mut all = records(count).into_iter().peekable();
        while all.peek().is_some() {
            sorter
                .extend(all.by_ref().take(7).collect())
                .expect("it is stored");
        }
        let result = sorter.finish().expect("it is sorted");
        result
            .map(|kept| kept.expect("it can be read").record.to_string())
            .collect()
    }

    #[test]
    fn a_spill_changes_nothing() {
        for count in [0, 1, 2, 50, 3_000] {
            let mut expected = records(count);
            expected.sort_by(|left, right| compare_keys(&left.keys, &right.keys, &[false, true]));
            let expected: Vec<String> = expected
                .iter()
                .map(|kept| kept.record.to_string())
                .collect();
            // A run a record, some, and none at all.
            for most in [0, 1_000, 20_000, usize::MAX] {
                assert_eq!(sorted(count, most), expected, "{count} {most}");
            }
        }
    }

    fn in_order(values: &Value, descending: bool) -> Value {
        let mut list = values.as_array().cloned().unwrap_or_default();
        list.sort_by(|left, right| compare(left, right, descending));
        Value::Array(list)
    }

    #[test]
    fn null_is_last_and_large_integers_keep_their_order() {
        assert_eq!(
            in_order(&json!([3, null, 1, 2.5]), false),
            json!([1, 2.5, 3, null])
        );
        assert_eq!(
            in_order(&json!([3, null, 1, 2.5]), true),
            json!([3, 2.5, 1, null])
        );
        let large = json!([u64::MAX, u64::MAX - 1, i64::MAX]);
        assert_eq!(
            in_order(&large, false),
            json!([i64::MAX, u64::MAX - 1, u64::MAX])
        );
        let near = json!([
            9_007_199_254_740_993_i64,
            9_007_199_254_740_992.0,
            1e300,
            -1e300
        ]);
        assert_eq!(
            in_order(&near, false),
            json!([
                -1e300,
                9_007_199_254_740_992.0,
                9_007_199_254_740_993_i64,
                1e300
            ])
        );
        assert_eq!(
            in_order(&json!(["b", "a", 1, true]), false),
            json!([true, 1, "a", "b"])
        );
    }
}
