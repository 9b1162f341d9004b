//! A table of an SQLite database.
//!
//! The records are written aside as they come, so that memory does not grow with their number. A
//! file that is new appears whole. Into a database that is there already, the table is copied in one
//! transaction: it replaces a table of its name, and all others stay.

use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::ending::{Closing, Ending, EndingError, FileKind, Table};
use crate::sink::FileSink;
use crate::sink::Sink as _;
use crate::sql::{SqlError, TableFile, check_target};

/// The kind.
pub const SQLITE: FileKind = FileKind {
    name: "SQLite",
    extensions: &["db", "sqlite", "sqlite3"],
    open,
};

/// A table on its way into a database.
struct Sqlite {
    table: TableFile,
    /// The file that is written aside.
    aside: FileSink,
    /// The database that is there already.
    database: Option<PathBuf>,
}

fn open(path: &Path, table: &Table<'_>) -> io::Result<Box<dyn Ending>> {
    let aside = FileSink::create(path)?;
    let Some(written) = aside.written_aside() else {
        let words = "a database is a file, and this is a stream or a device";
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

    fn close(&mut self, _closing: &Closing<'_>) -> Result<(), EndingError> {
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
