//! SQLite: a file.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::types::{ToSql, ToSqlOutput, ValueRef};
use rusqlite::{ErrorCode, OpenFlags, params_from_iter};

use crate::sink::{self, Lock, Obstacle};
use crate::store::cell::Cell;
use crate::store::connection::{Connection, Row, TypeNames};
use crate::store::error::{StoreError, StoreErrorKind};

/// The maximum memory for pages, in KiB.
const CACHE: u32 = 16 << 10;

/// The time that a statement waits for another process.
const PATIENCE: Duration = Duration::from_secs(10);

/// A database in a file.
pub struct Sqlite {
    connection: rusqlite::Connection,
    path: PathBuf,
    lock: Option<Lock>,
}

/// The treatment of a file that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Creates the file, and its folder with a `.gitignore`.
    Create,
    /// The file must exist.
    Existing,
}

impl Sqlite {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// If it cannot be opened, or is not a database.
    pub fn open(path: &Path, opening: Opening) -> Result<Self, StoreError> {
        let fault = |error: &rusqlite::Error| explained(path, error);
        if opening == Opening::Create {
            refuse_blocked(path)?;
            prepare(path).map_err(|error| {
                let words = format!("cannot create the store `{}`: {error}", path.display());
                StoreError::new(StoreErrorKind::Storage, words)
            })?;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let connection =
            rusqlite::Connection::open_with_flags(path, flags).map_err(|error| fault(&error))?;
        connection
            .busy_timeout(PATIENCE)
            .map_err(|error| fault(&error))?;
        refuse_foreign(&connection, path)?;
        // With a WAL, readers do not wait for a sync, and a commit that was lost with the power is
        // a sync that did not get as far.
        connection
            .execute_batch(&format!(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -{CACHE}; \
                 PRAGMA temp_store = FILE; PRAGMA foreign_keys = OFF"
            ))
            .map_err(|error| fault(&error))?;
        Ok(Self {
            connection,
            path: path.to_path_buf(),
            lock: None,
        })
    }
}

/// Refuses a database that another program has created, before anything is written to it.
fn refuse_foreign(connection: &rusqlite::Connection, path: &Path) -> Result<(), StoreError> {
    let statement = "SELECT EXISTS (SELECT 1 FROM sqlite_schema) \
        AND NOT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'runner_meta')";
    let is_foreign = connection.query_row(statement, [], |row| row.get(0));
    if !is_foreign.map_err(|error| explained(path, &error))? {
        return Ok(());
    }
    let words = format!(
        "`{}` is not a store: it is a database of another program",
        path.display()
    );
    let help = "name another file: a new one becomes a store with `runner sync`";
    Err(StoreError::new(StoreErrorKind::Usage, words).help(help))
}

/// Refuses a path on which something else stands.
fn refuse_blocked(path: &Path) -> Result<(), StoreError> {
    let Some(Obstacle { place, what }) = sink::obstacle(path) else {
        return Ok(());
    };
    let words = format!(
        "cannot create the store `{}`: `{}` is {what}",
        path.display(),
        place.display()
    );
    let help = "move it out of the way, or use another store: `--store FILE`";
    Err(StoreError::new(StoreErrorKind::Storage, words).help(help))
}

/// Creates the file for its owner only, and a `.gitignore` beside it if the folder is new or the
/// usual one.
fn prepare(path: &Path) -> std::io::Result<()> {
    if path.exists() {
        return Ok(());
    }
    if let Some(folder) = path.parent() {
        let (is_new, is_usual) = (!folder.exists(), folder.ends_with(".runner"));
        if is_new {
            sink::private_folder(folder)?;
        }
        let ignored = folder.join(".gitignore");
        if (is_new || is_usual) && !ignored.exists() {
            sink::write_file(&ignored, b"*\n")?;
        }
    }
    match sink::create_private_file(path) {
        // Another process was first.
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

impl Connection for Sqlite {
    fn types(&self) -> TypeNames {
        TypeNames {
            text: "TEXT",
            int: "INTEGER",
            number: "REAL",
            bool: "BOOLEAN",
            time: "TEXT",
            json: "TEXT",
        }
    }

    fn most_params(&self) -> usize {
        // SQLITE_MAX_VARIABLE_NUMBER is 32766; longer statements are not faster.
        2_000
    }

    fn run(&mut self, statements: &str) -> Result<(), StoreError> {
        self.connection
            .execute_batch(statements)
            .map_err(|error| explained(&self.path, &error))
    }

    fn execute(&mut self, statement: &str, params: &[Cell]) -> Result<u64, StoreError> {
        let fault = |error: &rusqlite::Error| explained(&self.path, error);
        let mut prepared = self
            .connection
            .prepare_cached(&numbered(statement))
            .map_err(|error| fault(&error))?;
        let changed = prepared
            .execute(params_from_iter(params))
            .map_err(|error| fault(&error))?;
        Ok(changed as u64)
    }

    fn each(
        &mut self,
        statement: &str,
        params: &[Cell],
        take: &mut dyn FnMut(Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let fault = |error: &rusqlite::Error| explained(&self.path, error);
        let mut prepared = self
            .connection
            .prepare_cached(&numbered(statement))
            .map_err(|error| fault(&error))?;
        let columns = prepared.column_count();
        let mut rows = prepared
            .query(params_from_iter(params))
            .map_err(|error| fault(&error))?;
        while let Some(row) = rows.next().map_err(|error| fault(&error))? {
            let mut cells = Vec::with_capacity(columns);
            for index in 0..columns {
                cells.push(cell(row.get_ref(index).map_err(|error| fault(&error))?));
            }
            take(cells)?;
        }
        Ok(())
    }

    fn has_table(&mut self, name: &str) -> Result<bool, StoreError> {
        self.is_taken(name)
    }

    fn is_taken(&mut self, name: &str) -> Result<bool, StoreError> {
        // A statement: the library's own function answers from memory, without what another process
        // has created meanwhile.
        let statement =
            "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = ?1 COLLATE NOCASE)";
        self.connection
            .query_row(statement, [name], |row| row.get(0))
            .map_err(|error| explained(&self.path, &error))
    }

    fn order(&self) -> &'static str {
        "_at, _key"
    }

    fn begin_writing(&mut self) -> Result<(), StoreError> {
        // One that first reads could not wait for another process when it comes to write.
        self.run("BEGIN IMMEDIATE")
    }

    fn begin_creating(&mut self) -> Result<(), StoreError> {
        self.begin_writing()
    }

    fn lock(&mut self) -> Result<bool, StoreError> {
        if self.lock.is_some() {
            return Ok(true);
        }
        let mut path = self.path.clone().into_os_string();
        path.push(".lock");
        let lock = Lock::take(Path::new(&path)).map_err(|error| {
            let words = format!("cannot lock the store `{}`: {error}", self.path.display());
            StoreError::new(StoreErrorKind::Storage, words)
        })?;
        self.lock = lock;
        Ok(self.lock.is_some())
    }

    fn cast_time(&self, expression: &str) -> String {
        expression.to_owned()
    }

    fn widen(&mut self, _: &str, _: &str) -> Result<(), StoreError> {
        // A column of integers holds other numbers as they are.
        Ok(())
    }

    fn size(&mut self) -> Result<i64, StoreError> {
        let statement = "SELECT page_count * page_size FROM pragma_page_count, pragma_page_size";
        self.connection
            .query_row(statement, [], |row| row.get(0))
            .map_err(|error| explained(&self.path, &error))
    }

    fn vacuum(&mut self) -> Result<(), StoreError> {
        self.run("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
    }
}

impl ToSql for Cell {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(match self {
            Self::Null => ToSqlOutput::from(rusqlite::types::Null),
            Self::Bool(flag) => ToSqlOutput::from(*flag),
            Self::Int(number) => ToSqlOutput::from(*number),
            Self::Real(number) => ToSqlOutput::from(*number),
            Self::Text(text) => ToSqlOutput::from(text.as_str()),
        })
    }
}

fn cell(value: ValueRef<'_>) -> Cell {
    match value {
        ValueRef::Null => Cell::Null,
        ValueRef::Integer(number) => Cell::Int(number),
        ValueRef::Real(number) => Cell::Real(number),
        ValueRef::Text(text) | ValueRef::Blob(text) => {
            Cell::Text(String::from_utf8_lossy(text).into_owned())
        }
    }
}

/// Returns a statement with `?1` for `$1`, which SQLite would take for a name and count by its first
/// use. Names and texts in quotes stay.
fn numbered(statement: &str) -> String {
    let mut text = String::with_capacity(statement.len());
    let mut quote = None;
    for letter in statement.chars() {
        match quote {
            Some(end) if letter == end => quote = None,
            None if letter == '"' || letter == '\'' => quote = Some(letter),
            _ => {}
        }
        text.push(if letter == '$' && quote.is_none() {
            '?'
        } else {
            letter
        });
    }
    text
}

fn explained(path: &Path, error: &rusqlite::Error) -> StoreError {
    let path = path.display();
    let code = error.sqlite_error_code();
    let (kind, words) = match code {
        Some(ErrorCode::DiskFull) => (
            StoreErrorKind::Storage,
            format!("the disk with the store `{path}` is full"),
        ),
        Some(ErrorCode::CannotOpen) => (
            StoreErrorKind::Storage,
            format!("cannot open the store `{path}`"),
        ),
        Some(ErrorCode::ReadOnly | ErrorCode::PermissionDenied) => (
            StoreErrorKind::Storage,
            format!("cannot write the store `{path}`: no permission"),
        ),
        Some(ErrorCode::SystemIoFailure) => (
            StoreErrorKind::Storage,
            format!("cannot read or write the store `{path}`"),
        ),
        Some(ErrorCode::NotADatabase) => (
            StoreErrorKind::Usage,
            format!("`{path}` is not a store: it is not an SQLite database"),
        ),
        Some(ErrorCode::DatabaseCorrupt) => (
            StoreErrorKind::Storage,
            format!("the store `{path}` is damaged"),
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            StoreErrorKind::Locked,
            format!("another process is using the store `{path}`"),
        ),
        _ => (
            StoreErrorKind::Database,
            format!("the store `{path}`: {error}"),
        ),
    };
    StoreError::new(kind, words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_counted_by_their_numbers() {
        let statement = r#"SELECT "$1", '$2' FROM t WHERE a = $2 AND b = $1"#;
        let expected = r#"SELECT "$1", '$2' FROM t WHERE a = ?2 AND b = ?1"#;
        assert_eq!(numbered(statement), expected);
    }
}
