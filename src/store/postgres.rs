//! PostgreSQL: a database on a server.

use std::collections::HashMap;
use std::error::Error as _;

use bytes::{BufMut as _, BytesMut};
use postgres::fallible_iterator::FallibleIterator as _;
use postgres::types::{FromSql, IsNull, ToSql, Type, to_sql_checked};
use postgres::{Client, Config, NoTls, Statement};
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::http::{TrustedRoots, plain_settings};
use crate::store::cell::{Cell, format_micros, micros};
use crate::store::connection::{Connection, Row, TypeNames, quoted};
use crate::store::error::{StoreError, StoreErrorKind};

type BoxError = Box<dyn std::error::Error + Sync + Send>;

/// Microseconds from 1970 to 2000, from which PostgreSQL counts.
const EPOCH: i64 = 946_684_800_000_000;

/// The key of the advisory lock: the end of `runner` in ASCII.
const LOCK: i32 = 0x6e6e_6572;

/// A database on a server.
pub struct Postgres {
    client: Client,
    server: ServerName,
    /// Statements by their text, if they are repeated.
    prepared: HashMap<String, Statement>,
}

/// The number of statements that are prepared once.
const PREPARED: usize = 16;

/// The name of a database in messages.
#[derive(Debug, Clone)]
pub struct ServerName {
    /// The noun for its use.
    pub noun: &'static str,
    /// The address without its password.
    pub shown: String,
    /// The places of a password.
    pub password_help: &'static str,
    /// True if the same few statements are repeated.
    pub repeats: bool,
}

impl std::fmt::Display for ServerName {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "the {} `{}`", self.noun, self.shown)
    }
}

impl Postgres {
    /// Connects. With roots, TLS is used.
    ///
    /// # Errors
    ///
    /// If the server cannot be reached or refuses the credentials.
    pub fn connect(
        config: &Config,
        roots: Option<TrustedRoots>,
        server: ServerName,
    ) -> Result<Self, StoreError> {
        let client = match roots {
            None => config.connect(NoTls),
            Some(roots) => config.connect(connector(roots, &server)?),
        };
        let mut client = client.map_err(|error| explained(&server, &error))?;
        // Times are written and read as UTC, and a killed process must not hold the lock for long.
        client
            .batch_execute(
                "SET TIME ZONE 'UTC'; SET client_min_messages = warning; \
                 SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 10",
            )
            .map_err(|error| explained(&server, &error))?;
        Ok(Self {
            client,
            server,
            prepared: HashMap::new(),
        })
    }

    /// Returns a statement that was prepared before, or is now: a trip less from then on.
    fn prepared(&mut self, statement: &str) -> Result<Option<Statement>, postgres::Error> {
        if let Some(known) = self.prepared.get(statement) {
            return Ok(Some(known.clone()));
        }
        if !self.server.repeats || self.prepared.len() >= PREPARED {
            return Ok(None);
        }
        let fresh = self.client.prepare(statement)?;
        self.prepared.insert(statement.to_owned(), fresh.clone());
        Ok(Some(fresh))
    }

    fn fault(&self, error: &postgres::Error) -> StoreError {
        explained(&self.server, error)
    }
}

fn connector(roots: TrustedRoots, server: &ServerName) -> Result<MakeRustlsConnect, StoreError> {
    let settings = plain_settings(roots).map_err(|error| {
        let words = format!("cannot use TLS for {server}: {error}");
        StoreError::new(StoreErrorKind::Connection, words)
    })?;
    Ok(MakeRustlsConnect::new(settings))
}

impl Connection for Postgres {
    fn types(&self) -> TypeNames {
        TypeNames {
            text: "text",
            int: "bigint",
            number: "double precision",
            bool: "boolean",
            time: "timestamptz",
            // `jsonb` would reorder members and rewrite numbers.
            json: "json",
        }
    }

    fn most_params(&self) -> usize {
        // The protocol counts them in 16 bits.
        10_000
    }

    fn run(&mut self, statements: &str) -> Result<(), StoreError> {
        let done = self.client.batch_execute(statements);
        done.map_err(|error| self.fault(&error))
    }

    fn execute(&mut self, statement: &str, params: &[Cell]) -> Result<u64, StoreError> {
        let params: Vec<&(dyn ToSql + Sync)> = params
            .iter()
            .map(|cell| cell as &(dyn ToSql + Sync))
            .collect();
        let done = self.client.execute(statement, &params);
        done.map_err(|error| self.fault(&error))
    }

    fn each(
        &mut self,
        statement: &str,
        params: &[Cell],
        take: &mut dyn FnMut(Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let server = self.server.clone();
        let fault = |error: &postgres::Error| explained(&server, error);
        let prepared = self.prepared(statement).map_err(|error| fault(&error))?;
        let rows = match &prepared {
            Some(prepared) => self.client.query_raw(prepared, params),
            None => self.client.query_raw(statement, params),
        };
        let mut rows = rows.map_err(|error| fault(&error))?;
        while let Some(row) = rows.next().map_err(|error| fault(&error))? {
            let mut cells = Vec::with_capacity(row.len());
            for index in 0..row.len() {
                let cell: Option<Cell> = row.try_get(index).map_err(|error| fault(&error))?;
                cells.push(cell.unwrap_or(Cell::Null));
            }
            take(cells)?;
        }
        Ok(())
    }

    fn has_table(&mut self, name: &str) -> Result<bool, StoreError> {
        let statement = "SELECT 1 FROM pg_catalog.pg_class c WHERE c.relname = $1 \
            AND c.relkind IN ('r', 'p', 'v') AND pg_catalog.pg_table_is_visible(c.oid)";
        let rows = self.client.query(statement, &[&name]);
        Ok(!rows.map_err(|error| self.fault(&error))?.is_empty())
    }

    fn is_taken(&mut self, name: &str) -> Result<bool, StoreError> {
        let statement = "SELECT 1 FROM pg_catalog.pg_class c WHERE c.relname = $1 \
            AND c.relnamespace = current_schema()::regnamespace";
        let rows = self.client.query(statement, &[&name]);
        Ok(!rows.map_err(|error| self.fault(&error))?.is_empty())
    }

    fn order(&self) -> &'static str {
        // As SQLite orders them.
        "_at NULLS FIRST, _key COLLATE \"C\""
    }

    fn begin_writing(&mut self) -> Result<(), StoreError> {
        self.run("BEGIN")
    }

    fn begin_creating(&mut self) -> Result<(), StoreError> {
        // Not the lock of syncs, which is held for long. It is held until the transaction ends.
        self.run(&format!(
            "BEGIN; SELECT pg_advisory_xact_lock({}, hashtext(current_schema()))",
            LOCK + 1
        ))
    }

    fn lock(&mut self) -> Result<bool, StoreError> {
        // Of the schema, so that two stores in one database do not wait for each other. It is held
        // until the session ends.
        let statement = "SELECT pg_try_advisory_lock($1, hashtext(current_schema()))";
        let row = self.client.query_one(statement, &[&LOCK]);
        let row = row.map_err(|error| self.fault(&error))?;
        row.try_get(0).map_err(|error| self.fault(&error))
    }

    fn cast_time(&self, expression: &str) -> String {
        format!("{expression}::timestamptz")
    }

    fn widen(&mut self, table: &str, column: &str) -> Result<(), StoreError> {
        self.run(&format!(
            "ALTER TABLE {} ALTER COLUMN {} TYPE double precision",
            quoted(table),
            quoted(column)
        ))
    }

    fn begin_reading(&mut self) -> Result<(), StoreError> {
        self.run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
    }

    fn size(&mut self) -> Result<i64, StoreError> {
        let statement = "SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::bigint \
            FROM pg_catalog.pg_class c WHERE c.relkind = 'r' \
            AND c.relnamespace = current_schema()::regnamespace";
        let row = self.client.query_one(statement, &[]);
        let row = row.map_err(|error| self.fault(&error))?;
        row.try_get(0).map_err(|error| self.fault(&error))
    }

    fn vacuum(&mut self) -> Result<(), StoreError> {
        self.run("VACUUM")
    }
}

impl ToSql for Cell {
    fn to_sql(&self, kind: &Type, out: &mut BytesMut) -> Result<IsNull, BoxError> {
        match (self, kind) {
            (Self::Null, _) => return Ok(IsNull::Yes),
            (Self::Bool(flag), _) => return flag.to_sql(&Type::BOOL, out),
            (Self::Int(number), &Type::FLOAT8) => {
                #[expect(
                    clippy::cast_precision_loss,
                    reason = "columns of numbers hold doubles"
                )]
                let real = *number as f64;
                return real.to_sql(kind, out);
            }
            (Self::Int(number), _) => return number.to_sql(&Type::INT8, out),
            (Self::Real(number), _) => return number.to_sql(&Type::FLOAT8, out),
            (Self::Text(text), &Type::TIMESTAMPTZ) => {
                let micros = micros(text).ok_or_else(|| format!("`{text}` is not a time"))?;
                out.put_i64(micros - EPOCH);
            }
            (Self::Text(text), _) => {
                if text.contains('\0') {
                    return Err("a text has a NUL character, which PostgreSQL cannot keep".into());
                }
                out.put_slice(text.as_bytes());
            }
        }
        Ok(IsNull::No)
    }

    fn accepts(kind: &Type) -> bool {
        is_known(kind)
    }

    to_sql_checked!();
}

impl FromSql<'_> for Cell {
    fn from_sql(kind: &Type, raw: &[u8]) -> Result<Self, BoxError> {
        Ok(match *kind {
            Type::BOOL => Self::Bool(bool::from_sql(kind, raw)?),
            Type::INT8 => Self::Int(i64::from_sql(kind, raw)?),
            Type::INT4 => Self::Int(i32::from_sql(kind, raw)?.into()),
            Type::FLOAT8 => Self::Real(f64::from_sql(kind, raw)?),
            Type::TIMESTAMPTZ => {
                let micros = i64::from_be_bytes(raw.try_into()?);
                Self::Text(format_micros(micros.saturating_add(EPOCH)))
            }
            _ => Self::Text(String::from_utf8(raw.to_vec())?),
        })
    }

    fn accepts(kind: &Type) -> bool {
        is_known(kind)
    }
}

fn is_known(kind: &Type) -> bool {
    [
        Type::BOOL,
        Type::INT8,
        Type::INT4,
        Type::FLOAT8,
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::VARCHAR,
        Type::NAME,
        Type::JSON,
        Type::UNKNOWN,
    ]
    .contains(kind)
}

fn explained(server: &ServerName, error: &postgres::Error) -> StoreError {
    if let Some(answer) = error.as_db_error() {
        let code = answer.code().code();
        // The classes of errors: PostgreSQL's documentation, appendix A.
        let kind = match &code[..2] {
            "28" => StoreErrorKind::Credentials,
            "53" => StoreErrorKind::Storage,
            "57" | "08" => StoreErrorKind::Connection,
            "55" => StoreErrorKind::Locked,
            "3D" | "42" if code == "42501" || code == "3D000" => StoreErrorKind::Usage,
            _ => StoreErrorKind::Database,
        };
        let words = format!("{server}: {}", answer.message());
        return StoreError::new(kind, words);
    }
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let text = inner.to_string();
        if !words.contains(&text) {
            words = format!("{words}: {text}");
        }
        cause = inner.source();
    }
    if words.contains("password missing") {
        let words = format!("{server} asks for a password, and there is none");
        let help = server.password_help;
        return StoreError::new(StoreErrorKind::Credentials, words).help(help);
    }
    let is_of_value = error.to_string().starts_with("error serializing");
    let (kind, words) = if is_of_value {
        (StoreErrorKind::Misfit, words)
    } else {
        (
            StoreErrorKind::Connection,
            format!("cannot reach {server}: {words}"),
        )
    };
    StoreError::new(kind, words)
}
