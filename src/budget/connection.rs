//! The budget of one name: its row, and the permits of this session.

use std::time::Duration;

use crate::budget::name::lock_key;
use crate::budget::permits::Permits;
use crate::http::TrustedRoots;
use crate::http::shared::{Ask, Grant};
use crate::store::cell::Cell;
use crate::store::{Connection, Row, ServerAddress, StoreError};

/// The name of the table.
const TABLE: &str = "runner_budget";

/// A hot row: every update stays in its page.
const CREATE: &str = "CREATE TABLE runner_budget (\
    name text PRIMARY KEY, \
    tat timestamptz NOT NULL DEFAULT '-infinity', \
    gap interval NOT NULL, \
    burst int NOT NULL DEFAULT 1, \
    refused_until timestamptz NOT NULL DEFAULT '-infinity'\
    ) WITH (fillfactor = 10)";

/// A crash of the server forgets less than a second of slots. A machine that is gone holds its
/// permits for about 20 s. A statement that waits longer is as good as lost.
const SETTINGS: &str = "SET synchronous_commit = off; SET statement_timeout = '3s'; \
    SET tcp_keepalives_idle = 10; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 2";

/// A process that was stopped, as by Ctrl-Z, holds its permits no longer. It is unknown before
/// PostgreSQL 14.
const IDLE: &str = "SET idle_session_timeout = '8s'";

/// Reserves slots. `clock_timestamp()` and not `now()`, which would stand still while the statement
/// waits for the row. The gap and the burst of the latest process are kept.
const TAKE: &str = "UPDATE runner_budget SET \
    gap = make_interval(secs => $3::float8), burst = $4::bigint::int, \
    tat = greatest(tat, refused_until, \
        clock_timestamp() - ($4::bigint - 1) * make_interval(secs => $3::float8)) \
        + $2::bigint * make_interval(secs => $3::float8) \
    WHERE name = $1 AND tat < clock_timestamp() + make_interval(secs => $5::float8) \
    AND refused_until < clock_timestamp() + make_interval(secs => $5::float8) \
    RETURNING \
    extract(epoch FROM tat - $2::bigint * gap - clock_timestamp())::float8, \
    extract(epoch FROM greatest(refused_until, clock_timestamp()) - clock_timestamp())::float8";

const READ: &str = "SELECT \
    extract(epoch FROM greatest(tat, clock_timestamp()) - clock_timestamp())::float8, \
    extract(epoch FROM greatest(refused_until, clock_timestamp()) - clock_timestamp())::float8 \
    FROM runner_budget WHERE name = $1";

const CREATE_ROW: &str = "INSERT INTO runner_budget (name, gap, burst) \
    VALUES ($1, make_interval(secs => $2::float8), $3::bigint::int) ON CONFLICT (name) DO NOTHING";

const REFUSE: &str = "INSERT INTO runner_budget AS budget (name, gap, refused_until) \
    VALUES ($1, interval '0', clock_timestamp() + make_interval(secs => $2::float8)) \
    ON CONFLICT (name) DO UPDATE \
    SET refused_until = greatest(budget.refused_until, excluded.refused_until)";

/// Slots are reserved up to this time ahead.
const AHEAD: Duration = Duration::from_secs(2);

/// The shortest and the longest time after which slots are asked for again.
const SOON: Duration = Duration::from_millis(50);
const LATER: Duration = Duration::from_secs(15);

/// A shorter pause is a difference between two looks at the clock.
const SHORTEST_PAUSE: Duration = Duration::from_millis(1);

/// A connection to the budget of one name.
pub struct BudgetConnection {
    db: Box<dyn Connection>,
    name: String,
    permits: Permits,
}

impl BudgetConnection {
    /// Connects, and creates the table if there is none.
    ///
    /// # Errors
    ///
    /// If the database cannot be reached or used.
    pub fn open(
        address: &ServerAddress,
        roots: Option<TrustedRoots>,
        name: &str,
    ) -> Result<Self, StoreError> {
        let mut db = address.connect(roots)?;
        db.run(SETTINGS)?;
        let _ = db.run(IDLE);
        if !db.has_table(TABLE)? {
            // Of several processes, one creates it: `IF NOT EXISTS` alone may fail.
            db.creation(|db| {
                if db.has_table(TABLE)? {
                    return Ok(());
                }
                db.run(CREATE)
            })?;
        }
        Ok(Self {
            db,
            name: name.to_owned(),
            permits: Permits::new(lock_key(name)),
        })
    }

    /// Takes permits and reserves slots.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn ask(&mut self, ask: &Ask) -> Result<Grant, StoreError> {
        self.permits.adjust(&mut *self.db, ask)?;
        let mut grant = match ask.slots {
            0 => self.read()?,
            _ => self.reserve(ask)?,
        };
        grant.permits = self.permits.count();
        grant.processes = self.permits.processes();
        Ok(grant)
    }

    fn reserve(&mut self, ask: &Ask) -> Result<Grant, StoreError> {
        let gap = Cell::Real(ask.gap.as_secs_f64());
        let burst = Cell::Int(ask.burst.into());
        let params = [
            self.name.as_str().into(),
            Cell::Int(ask.slots.into()),
            gap.clone(),
            burst.clone(),
            Cell::Real(AHEAD.as_secs_f64()),
        ];
        let mut taken = self.db.first(TAKE, &params)?;
        if taken.is_none() {
            let row = [self.name.as_str().into(), gap, burst];
            if self.db.execute(CREATE_ROW, &row)? > 0 {
                taken = self.db.first(TAKE, &params)?;
            }
        }
        let Some(row) = taken else {
            return self.read();
        };
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the time until a slot is short"
        )]
        let first = (seconds(&row, 0) * 1e6) as i64;
        Ok(Grant {
            slots: ask.slots,
            first,
            pause: duration(&row, 1),
            ..Grant::default()
        })
    }

    /// Reads how far the slots are reserved, and the pause.
    fn read(&mut self) -> Result<Grant, StoreError> {
        let row = self.db.first(READ, &[self.name.as_str().into()])?;
        let Some(row) = row else {
            return Ok(Grant::default());
        };
        let ahead = duration(&row, 0);
        // Others may end meanwhile, so a long time is approached in steps.
        let over = ahead.saturating_sub(AHEAD);
        let ask_again = if over > AHEAD { over / 2 } else { over + SOON };
        Ok(Grant {
            ask_again: ask_again.clamp(SOON, LATER),
            pause: duration(&row, 1),
            ..Grant::default()
        })
    }

    /// Records a pause for all processes.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn refuse(&mut self, pause: Duration) -> Result<(), StoreError> {
        let params = [self.name.as_str().into(), Cell::Real(pause.as_secs_f64())];
        self.db.execute(REFUSE, &params).map(drop)
    }

    /// Tells the database that this process is alive, if it holds permits.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn beat(&mut self) -> Result<(), StoreError> {
        if self.permits.count() == 0 {
            return Ok(());
        }
        self.db.run("SELECT 1")
    }

    /// Keeps so many permits.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn keep(&mut self, permits: usize) -> Result<(), StoreError> {
        self.permits.keep(&mut *self.db, permits)
    }
}

fn seconds(row: &Row, index: usize) -> f64 {
    match row.get(index) {
        Some(Cell::Real(seconds)) => *seconds,
        _ => 0.0,
    }
}

fn duration(row: &Row, index: usize) -> Duration {
    let duration = Duration::try_from_secs_f64(seconds(row, index)).unwrap_or_default();
    if duration < SHORTEST_PAUSE {
        return Duration::ZERO;
    }
    duration
}
