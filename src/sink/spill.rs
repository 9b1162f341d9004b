//! Records in a temporary file, since they do not fit into memory.

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::spool::{read_at, write_at};
use crate::core::json::{self, pack, unpack};
use crate::core::records::{RecordBlock, RecordList, RecordStore};

/// The estimated size of records that are held in memory, in bytes.
const IN_MEMORY: usize = 8 << 20;

/// The size of a block of packed records, in bytes.
const BLOCK: usize = 128 << 10;

/// A temporary file that only grows. It has no name, so no other process can open it, and it is gone
/// with the process.
#[derive(Debug)]
pub struct SpillFile {
    file: Arc<File>,
    end: u64,
}

impl SpillFile {
    /// Creates an empty file.
    ///
    /// # Errors
    ///
    /// If the temporary folder cannot be written; the message names it.
    pub fn create() -> io::Result<Self> {
        let file = tempfile::tempfile().map_err(|error| temporary("write", &error))?;
        Ok(Self {
            file: Arc::new(file),
            end: 0,
        })
    }

    /// Appends bytes and returns their position.
    ///
    /// # Errors
    ///
    /// If they cannot be written, such as on a full disk.
    pub fn push(&mut self, bytes: &[u8]) -> io::Result<Range<u64>> {
        let (from, mut rest) = (self.end, bytes);
        while !rest.is_empty() {
            match write_at(&self.file, rest, self.end) {
                Ok(0) => return Err(temporary("write", &io::ErrorKind::WriteZero.into())),
                Ok(count) => {
                    rest = &rest[count..];
                    self.end += count as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(temporary("write", &error)),
            }
        }
        Ok(from..self.end)
    }

    /// Returns the position at which the next bytes are written.
    pub fn end(&self) -> u64 {
        self.end
    }

    /// Returns a reader of a part of the file.
    pub fn reader(&self, part: Range<u64>) -> SpillReader {
        SpillReader {
            file: Arc::clone(&self.file),
            part,
        }
    }
}

/// Reads a part of a [`SpillFile`].
#[derive(Debug)]
pub struct SpillReader {
    file: Arc<File>,
    part: Range<u64>,
}

impl Read for SpillReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.part.end - self.part.start).unwrap_or(usize::MAX);
        let most = left.min(buffer.len());
        let count = read_at(&self.file, &mut buffer[..most], self.part.start);
        let count = count.map_err(|error| temporary("read", &error))?;
        self.part.start += count as u64;
        Ok(count)
    }
}

/// Adds the temporary folder to an error, in place of the random name of a file.
fn temporary(verb: &str, error: &io::Error) -> io::Error {
    let folder = tempfile::env::temp_dir();
    let why = match error.raw_os_error() {
        Some(code) => io::Error::from_raw_os_error(code).to_string(),
        None => error.kind().to_string(),
    };
    let why = why.split(" (os error").next().unwrap_or_default();
    let words = format!(
        "cannot {verb} a temporary file in `{}`: {why}",
        folder.display()
    );
    io::Error::new(error.kind(), words)
}

/// Collects records: in memory first, then in a temporary file.
///
/// ```ignore
/// let mut spool = RecordSpool::default();
/// spool.push(json!({ "id": 1 }))?;
/// let list = spool.into_list()?;
/// ```
#[derive(Debug)]
pub struct RecordSpool {
    most: usize,
    records: Vec<Value>,
    weight: usize,
    stored: Option<StoredRecords>,
    /// The packed records of the current block, and their number.
    block: Vec<u8>,
    count: usize,
}

impl Default for RecordSpool {
    fn default() -> Self {
        Self::new(IN_MEMORY)
    }
}

impl RecordSpool {
    /// Creates an empty list of which about `most` bytes are held in memory.
    pub fn new(most: usize) -> Self {
        Self {
            most,
            records: Vec::new(),
            weight: 0,
            stored: None,
            block: Vec::new(),
            count: 0,
        }
    }

    /// Adds a record.
    ///
    /// # Errors
    ///
    /// If the temporary file cannot be written.
    pub fn push(&mut self, record: Value) -> io::Result<()> {
        if self.stored.is_some() {
            return self.store(&record);
        }
        self.weight += json::weight(&record);
        self.records.push(record);
        if self.weight <= self.most {
            return Ok(());
        }
        self.stored = Some(StoredRecords::create()?);
        for record in std::mem::take(&mut self.records) {
            self.store(&record)?;
        }
        Ok(())
    }

    /// Returns the records.
    ///
    /// # Errors
    ///
    /// As [`RecordSpool::push`].
    pub fn into_list(mut self) -> io::Result<RecordList> {
        self.end_block()?;
        if let Some(stored) = self.stored {
            return Ok(RecordList::stored(Arc::new(stored)));
        }
        self.records.shrink_to_fit();
        Ok(self.records.into())
    }

    fn store(&mut self, record: &Value) -> io::Result<()> {
        pack(record, &mut self.block);
        self.count += 1;
        if self.block.len() >= BLOCK {
            self.end_block()?;
        }
        Ok(())
    }

    fn end_block(&mut self) -> io::Result<()> {
        let Some(stored) = self.stored.as_mut().filter(|_| self.count > 0) else {
            return Ok(());
        };
        let bytes = stored.file.push(&self.block)?;
        stored.blocks.push((stored.length, bytes));
        stored.length += self.count;
        self.count = 0;
        self.block.clear();
        self.block.shrink_to(2 * BLOCK);
        Ok(())
    }
}

/// Records in a temporary file.
#[derive(Debug)]
struct StoredRecords {
    file: SpillFile,
    length: usize,
    /// The index of the first record of each block, and its bytes.
    blocks: Vec<(usize, Range<u64>)>,
    /// The block that was read last: records are mostly read in order.
    last: Mutex<Option<RecordBlock>>,
}

impl StoredRecords {
    fn create() -> io::Result<Self> {
        Ok(Self {
            file: SpillFile::create()?,
            length: 0,
            blocks: Vec::new(),
            last: Mutex::default(),
        })
    }
}

impl RecordStore for StoredRecords {
    fn len(&self) -> usize {
        self.length
    }

    fn block(&self, index: usize) -> io::Result<RecordBlock> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(block) = &*last
            && (block.first..block.first + block.records.len()).contains(&index)
        {
            return Ok(block.clone());
        }
        // Before another one is read, so that there is one in memory.
        *last = None;
        let place = self.blocks.partition_point(|(first, _)| *first <= index);
        let damaged = || io::Error::from(io::ErrorKind::InvalidData);
        let place = place.checked_sub(1).ok_or_else(damaged)?;
        let (first, part) = &self.blocks[place];
        let mut bytes = Vec::new();
        self.file.reader(part.clone()).read_to_end(&mut bytes)?;
        let end = self.blocks.get(place + 1);
        let end = end.map_or(self.length, |(next, _)| *next);
        let mut rest = bytes.as_slice();
        let records: Option<Vec<Value>> = (*first..end).map(|_| unpack(&mut rest)).collect();
        let records = records.ok_or_else(|| temporary("read", &damaged()))?;
        let block = RecordBlock {
            first: *first,
            records: Arc::new(records),
        };
        *last = Some(block.clone());
        Ok(block)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn list(most: usize, records: &[Value]) -> RecordList {
        let mut spool = RecordSpool::new(most);
        for record in records {
            spool.push(record.clone()).expect("it is stored");
        }
        spool.into_list().expect("it is stored")
    }

    #[test]
    fn records_are_the_same_in_memory_and_in_a_file() {
        let records: Vec<Value> = (0..5_000)
            .map(|number| json!({ "number": number, "text": "é".repeat(number % 90), "nested": [null, { "a": 1.5 }] }))
            .collect();
        for count in [0, 1, 2, 700, 5_000] {
            let records = &records[..count];
            for most in [0, 1_000, 100_000, usize::MAX] {
                let list = list(most, records);
                assert_eq!(list.len(), count);
                assert_eq!(list.to_vec().expect("records"), records);
                for index in [0, 1, count / 2, count.saturating_sub(1), count, usize::MAX] {
                    let record = list.with(index, Clone::clone).expect("it can be read");
                    assert_eq!(record.as_ref(), records.get(index));
                }
            }
        }
    }

    #[test]
    fn a_long_list_is_read_block_by_block() {
        let records: Vec<Value> = (0..20_000)
            .map(|number| json!({ "number": number }))
            .collect();
        let list = list(0, &records);
        let blocks = list.blocks().collect::<io::Result<Vec<_>>>();
        let blocks = blocks.expect("blocks");
        assert!(blocks.len() > 2, "{}", blocks.len());
        let count: usize = blocks.iter().map(|block| block.len()).sum();
        assert_eq!(count, 20_000);
    }

    #[test]
    fn an_error_names_the_folder_and_the_reason() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let error = temporary("write", &full);
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        let folder = tempfile::env::temp_dir();
        let words = format!("cannot write a temporary file in `{}`: ", folder.display());
        assert!(error.to_string().starts_with(&words), "{error}");
    }
}
