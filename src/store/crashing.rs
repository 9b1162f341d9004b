//! A connection that dies before one of its statements, as a process does: nothing after it happens, and
//! what is not committed is undone once the connection is closed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::store::cell::Cell;
use crate::store::connection::{Connection, Row, TypeNames};
use crate::store::error::{StoreError, StoreErrorKind};
use crate::store::handle::Store;

/// The message of every statement after the end.
const DEAD: &str = "the process is dead";

/// The statements until the end.
#[derive(Debug)]
pub struct Fuse {
    left: AtomicU64,
    is_burnt: AtomicBool,
}

impl Fuse {
    /// Creates a fuse that lets some statements pass.
    pub fn new(statements: u64) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicU64::new(statements),
            is_burnt: AtomicBool::new(false),
        })
    }

    /// Returns the number of statements that would still pass.
    pub fn left(&self) -> u64 {
        self.left.load(Ordering::Relaxed)
    }

    /// Returns true if a statement did not pass.
    pub fn is_burnt(&self) -> bool {
        self.is_burnt.load(Ordering::Relaxed)
    }

    fn pass(&self) -> Result<(), StoreError> {
        let left = self.left();
        if left == 0 {
            self.is_burnt.store(true, Ordering::Relaxed);
            return Err(StoreError::new(StoreErrorKind::Connection, DEAD));
        }
        self.left.store(left - 1, Ordering::Relaxed);
        Ok(())
    }
}

struct Crashing {
    inner: Box<dyn Connection>,
    fuse: Arc<Fuse>,
}

impl Store {
    /// Lets the store die when the fuse is burnt.
    #[must_use]
    pub fn crashing(self, fuse: Arc<Fuse>) -> Self {
        let inner = self.db;
        Self {
            db: Box::new(Crashing { inner, fuse }),
        }
    }
}

impl Connection for Crashing {
    fn types(&self) -> TypeNames {
        self.inner.types()
    }

    fn most_params(&self) -> usize {
        self.inner.most_params()
    }

    fn run(&mut self, statements: &str) -> Result<(), StoreError> {
        self.fuse.pass()?;
        self.inner.run(statements)
    }

    fn execute(&mut self, statement: &str, params: &[Cell]) -> Result<u64, StoreError> {
        self.fuse.pass()?;
        self.inner.execute(statement, params)
    }

    fn each(
        &mut self,
        statement: &str,
        params: &[Cell],
        take: &mut dyn FnMut(Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        self.fuse.pass()?;
        self.inner.each(statement, params, take)
    }

    fn has_table(&mut self, name: &str) -> Result<bool, StoreError> {
        self.fuse.pass()?;
        self.inner.has_table(name)
    }

    fn is_taken(&mut self, name: &str) -> Result<bool, StoreError> {
        self.fuse.pass()?;
        self.inner.is_taken(name)
    }

    fn order(&self) -> &'static str {
        self.inner.order()
    }

    fn lock(&mut self) -> Result<bool, StoreError> {
        self.fuse.pass()?;
        self.inner.lock()
    }

    fn cast_time(&self, expression: &str) -> String {
        self.inner.cast_time(expression)
    }

    fn widen(&mut self, table: &str, column: &str) -> Result<(), StoreError> {
        self.fuse.pass()?;
        self.inner.widen(table, column)
    }

    fn begin_writing(&mut self) -> Result<(), StoreError> {
        self.fuse.pass()?;
        self.inner.begin_writing()
    }

    fn begin_creating(&mut self) -> Result<(), StoreError> {
        self.fuse.pass()?;
        self.inner.begin_creating()
    }

    fn size(&mut self) -> Result<i64, StoreError> {
        self.fuse.pass()?;
        self.inner.size()
    }

    fn vacuum(&mut self) -> Result<(), StoreError> {
        self.fuse.pass()?;
        self.inner.vacuum()
    }
}
