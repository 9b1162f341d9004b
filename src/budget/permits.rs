//! Requests in flight of several processes: advisory locks of their sessions.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crate::http::shared::Ask;
use crate::store::{Connection, StoreError};

/// Locks from this number on mark processes; those below are permits.
const PROCESSES: i64 = 1_000_000_000;

/// The time for which a count of processes holds.
const COUNTED: Duration = Duration::from_millis(500);

/// The locks of a budget in this database.
const LOCKS: &str = "SELECT objid::bigint FROM pg_catalog.pg_locks \
    WHERE locktype = 'advisory' AND objsubid = 2 AND granted AND classid = $1::bigint::oid \
    AND database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())";

/// The permits of this process.
pub struct Permits {
    /// The key of the locks.
    key: i64,
    held: BTreeSet<i64>,
    /// True if this process is marked as one that uses the budget.
    is_marked: bool,
    processes: u32,
    counted_at: Option<Instant>,
}

impl Permits {
    /// Creates permits of a new session, which has none.
    pub fn new(key: i64) -> Self {
        Self {
            key,
            held: BTreeSet::new(),
            is_marked: false,
            processes: 0,
            counted_at: None,
        }
    }

    /// Returns the number of permits held.
    pub fn count(&self) -> usize {
        self.held.len()
    }

    /// Returns the number of processes, with this one.
    pub fn processes(&self) -> u32 {
        self.processes.max(1)
    }

    /// Takes or returns permits, as wanted and as fair to the other processes.
    pub fn adjust(&mut self, db: &mut dyn Connection, ask: &Ask) -> Result<(), StoreError> {
        let wanted = ask.permits.max(ask.in_use);
        if wanted == 0 {
            return self.keep(db, 0);
        }
        if !self.is_marked {
            let statement = "SELECT true FROM (SELECT pg_advisory_lock($1::bigint::int, \
                ($2::bigint + pg_backend_pid())::int)) AS locked";
            db.all(statement, &[self.key.into(), PROCESSES.into()])?;
            self.is_marked = true;
            self.counted_at = None;
        }
        let is_counted = self.counted_at.is_some_and(|at| at.elapsed() < COUNTED);
        let target = self.target(wanted, ask);
        if is_counted && target <= self.held.len() {
            return self.give_back(db, target);
        }
        let rows = db.all(LOCKS, &[self.key.into()])?;
        let locks = rows.iter().filter_map(|row| row.first()?.as_int());
        let (processes, taken): (BTreeSet<i64>, BTreeSet<i64>) =
            locks.partition(|lock| *lock >= PROCESSES);
        self.processes = u32::try_from(processes.len()).unwrap_or(u32::MAX);
        self.counted_at = Some(Instant::now());
        let target = self.target(wanted, ask);
        self.give_back(db, target)?;
        let missing = target.saturating_sub(self.held.len());
        let capacity = i64::try_from(ask.capacity).unwrap_or(i64::MAX);
        let free: Vec<i64> = (0..capacity)
            .filter(|lock| !taken.contains(lock))
            .take(missing)
            .collect();
        self.take(db, &free)
    }

    /// Returns the number of permits to hold: a fair part, unless more are in use.
    fn target(&self, wanted: usize, ask: &Ask) -> usize {
        let processes = usize::try_from(self.processes()).unwrap_or(usize::MAX);
        let fair = ask.capacity.div_ceil(processes).max(1);
        wanted.min(fair).max(ask.in_use)
    }

    fn take(&mut self, db: &mut dyn Connection, locks: &[i64]) -> Result<(), StoreError> {
        if locks.is_empty() {
            return Ok(());
        }
        // Another process may have been quicker.
        let statement = format!(
            "SELECT lock::bigint, pg_try_advisory_lock($1::bigint::int, lock) \
             FROM (VALUES {}) AS free(lock)",
            listed(locks)
        );
        for row in db.all(&statement, &[self.key.into()])? {
            if let (Some(lock), true) = (row[0].as_int(), row[1].is_true()) {
                self.held.insert(lock);
            }
        }
        Ok(())
    }

    /// Returns all permits but so many.
    fn give_back(&mut self, db: &mut dyn Connection, kept: usize) -> Result<(), StoreError> {
        let excess: Vec<i64> = self.held.iter().skip(kept).copied().collect();
        if excess.is_empty() {
            return Ok(());
        }
        let statement = format!(
            "SELECT pg_advisory_unlock($1::bigint::int, lock) FROM (VALUES {}) AS held(lock)",
            listed(&excess)
        );
        db.all(&statement, &[self.key.into()])?;
        for lock in &excess {
            self.held.remove(lock);
        }
        Ok(())
    }

    /// Keeps so many permits. Without any, the process does not count any more.
    pub fn keep(&mut self, db: &mut dyn Connection, kept: usize) -> Result<(), StoreError> {
        self.give_back(db, kept)?;
        if kept == 0 && std::mem::take(&mut self.is_marked) {
            let statement = "SELECT pg_advisory_unlock($1::bigint::int, \
                ($2::bigint + pg_backend_pid())::int)";
            db.all(statement, &[self.key.into(), PROCESSES.into()])?;
        }
        Ok(())
    }
}

/// Returns the rows of a `VALUES` clause.
fn listed(locks: &[i64]) -> String {
    let rows: Vec<String> = locks.iter().map(|lock| format!("({lock})")).collect();
    rows.join(", ")
}
