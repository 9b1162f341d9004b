//! A table in an SQLite database.
//!
//! Records are written to a temporary database as they come, so memory use does not grow with their
//! number. A new file is then renamed into place. In an existing database, the table is copied in
//! one transaction: it replaces the table of the same name and leaves all others.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::ending::{CloseContext, Ending, EndingError, FileKind, Table};
use crate::sink::FileSink;
use crate::sink::Sink as _;
use crate::sql::{SqlError, TableFile, check_target};

/// SQLite database files.
pub const SQLITE: FileKind = FileKind {
    name: "SQLite",
    extensions: &["db", "sqlite", "sqlite3"],
    open,
};

/// A table being written.
struct Sqlite {
    table: TableFile,
    /// The temporary file.
    aside: FileSink,
    /// The existing database, if there is one.
    database: Option<PathBuf>,
}

fn open(path: &Path, table: &Table<'_>) -> io::Result<Box<dyn Ending>> {
    let aside = FileSink::create(path)?;
    let Some(written) = aside.written_aside() else {
        let words = "a database must be a file, not a stream or a device";
        return Err(io::Error::other(words));
    };
    let database = aside.replaced().map(Path::to_path_buf);
    if let Some(database) = &database {
        check_target(database, table.name).map_err(io_error)?;
    }
    let table = TableFile::create(written, table.name, table.columns).map_err(io_error)?;
    Ok(Box::new(Sqlite {
        table,
        aside,
        database,
    }))
}

impl Ending for Sqlite {
    fn record(&mut self, record: Value) -> io::Result<()> {
        self.table.push(&record).map_err(io_error)
    }

    fn close(&mut self, _context: &CloseContext<'_>) -> Result<(), EndingError> {
        Ok(())
    }

    fn finish(self: Box<Self>) -> io::Result<()> {
        if let Some(database) = &self.database {
            return self.table.finish_into(database).map_err(io_error);
        }
        self.table.finish().map_err(io_error)?;
        Box::new(self.aside).finish()
    }
}

fn io_error(error: SqlError) -> io::Error {
    io::Error::other(error)
}
