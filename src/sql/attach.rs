//! Tables of another SQLite database, read where they are.

use std::path::Path;

use rusqlite::limits::Limit;

use super::error::SqlError;
use super::table::{Table, fold, quote};
use super::{Database, explain};
use crate::core::column::ColumnType;

/// The name of the other database. Statements have no reason to write it.
pub const ATTACHED: &str = "(store)";

impl Database {
    /// Opens another database beside this one, for reading.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub fn attach(&mut self, path: &Path) -> Result<(), SqlError> {
        let mut address = url::Url::from_file_path(path).map_err(|()| {
            SqlError::records(format!("cannot open the store `{}`", path.display()))
        })?;
        address.set_query(Some("mode=ro"));
        let own = |error: rusqlite::Error| explain::own(&error);
        self.connection
            .set_limit(Limit::SQLITE_LIMIT_ATTACHED, 1)
            .map_err(own)?;
        // SQLite attaches nothing within a transaction.
        self.connection.execute_batch("COMMIT").map_err(own)?;
        let attached = self.connection.execute(
            &format!("ATTACH DATABASE ?1 AS {}", quote(ATTACHED)),
            [address.as_str()],
        );
        self.connection.execute_batch("BEGIN").map_err(own)?;
        attached.map_err(own)?;
        self.connection
            .set_limit(Limit::SQLITE_LIMIT_ATTACHED, 0)
            .map_err(own)?;
        Ok(())
    }

    /// Makes a SELECT over a table of the attached database available by a name.
    ///
    /// # Errors
    ///
    /// If another table has the name.
    pub fn view(
        &self,
        name: &str,
        origin: &str,
        columns: &[(String, ColumnType)],
        select: &str,
    ) -> Result<(), SqlError> {
        self.refuse_twin(name)?;
        let statement = format!("CREATE TEMP VIEW {} AS {select}", quote(name));
        let own = |error: rusqlite::Error| explain::own(&error);
        self.connection.execute_batch(&statement).map_err(own)?;
        let table = Table::typed(name, columns)?;
        let attached = Table::typed(origin, columns)?;
        self.attached.borrow_mut().insert(fold(origin), attached);
        self.tables.borrow_mut().insert(fold(name), table);
        Ok(())
    }

    /// Creates a table of the rows of a SELECT over the attached database.
    ///
    /// # Errors
    ///
    /// If another table has the name, or the rows do not fit on the disk.
    pub fn copy(
        &self,
        name: &str,
        columns: &[(String, ColumnType)],
        select: &str,
    ) -> Result<(), SqlError> {
        self.refuse_twin(name)?;
        let statement = format!("CREATE TABLE main.{} AS {select}", quote(name));
        let own = |error: rusqlite::Error| explain::own(&error);
        self.connection.execute_batch(&statement).map_err(own)?;
        let table = Table::typed(name, columns)?;
        self.tables.borrow_mut().insert(fold(name), table);
        Ok(())
    }
}
