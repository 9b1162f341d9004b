//! Lists of records, in memory or outside of it.

use std::fmt;
use std::io;
use std::sync::Arc;

use serde_json::Value;

/// Records outside of the memory, in blocks.
pub trait RecordStore: fmt::Debug + Send + Sync {
    /// Returns the number of records.
    fn len(&self) -> usize;

    /// Returns the block that has the record at an index, which is less than the number of records.
    ///
    /// # Errors
    ///
    /// If the block cannot be read.
    fn block(&self, index: usize) -> io::Result<RecordBlock>;
}

/// Some records that follow each other.
#[derive(Debug, Clone)]
pub struct RecordBlock {
    /// The index of the first of them.
    pub first: usize,
    /// The records.
    pub records: Arc<Vec<Value>>,
}

/// A list of records. Cloning is cheap.
///
/// ```ignore
/// let list = RecordList::from(vec![json!({ "id": 1 })]);
/// for block in list.blocks() {
///     block?.iter().for_each(load);
/// }
/// ```
#[derive(Debug, Clone)]
pub struct RecordList(Place);

#[derive(Debug, Clone)]
enum Place {
    Memory(Arc<Vec<Value>>),
    Store(Arc<dyn RecordStore>),
}

impl Default for RecordList {
    fn default() -> Self {
        Self::from(Vec::new())
    }
}

impl From<Vec<Value>> for RecordList {
    fn from(records: Vec<Value>) -> Self {
        Arc::new(records).into()
    }
}

impl From<Arc<Vec<Value>>> for RecordList {
    fn from(records: Arc<Vec<Value>>) -> Self {
        Self(Place::Memory(records))
    }
}

impl RecordList {
    /// Creates a list of stored records.
    pub fn stored(store: Arc<dyn RecordStore>) -> Self {
        Self(Place::Store(store))
    }

    /// Returns the number of records.
    pub fn len(&self) -> usize {
        match &self.0 {
            Place::Memory(records) => records.len(),
            Place::Store(store) => store.len(),
        }
    }

    /// Calls a function with the record at an index, if there is one.
    ///
    /// # Errors
    ///
    /// If a stored record cannot be read.
    pub fn with<T>(&self, index: usize, read: impl FnOnce(&Value) -> T) -> io::Result<Option<T>> {
        let block = self.block(index)?;
        Ok(block.map(|block| read(&block.records[index - block.first])))
    }

    /// Returns all records, at most a block of them in memory.
    pub fn blocks(&self) -> impl Iterator<Item = io::Result<Arc<Vec<Value>>>> + '_ {
        let mut next = 0;
        std::iter::from_fn(move || {
            let block = self.block(next).transpose()?;
            // After an error there is nothing.
            next = match &block {
                Ok(block) => block.first + block.records.len(),
                Err(_) => usize::MAX,
            };
            Some(block.map(|block| block.records))
        })
    }

    /// Returns all records as one vector.
    ///
    /// # Errors
    ///
    /// As [`RecordList::with`].
    pub fn to_vec(&self) -> io::Result<Vec<Value>> {
        let mut all = Vec::with_capacity(self.len());
        for block in self.blocks() {
            all.extend_from_slice(&block?);
        }
        Ok(all)
    }

    fn block(&self, index: usize) -> io::Result<Option<RecordBlock>> {
        if index >= self.len() {
            return Ok(None);
        }
        match &self.0 {
            Place::Memory(records) => Ok(Some(RecordBlock {
                first: 0,
                records: Arc::clone(records),
            })),
            Place::Store(store) => store.block(index).map(Some),
        }
    }
}
