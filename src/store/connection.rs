//! A connection to a database, in the SQL that SQLite and PostgreSQL share.
//!
//! Parameters are written `$1`, `$2`, …; each is used at least once. A kind of database has one
//! file: [`super::sqlite`], [`super::postgres`].

use crate::store::cell::Cell;
use crate::store::error::StoreError;

/// A row of a result.
pub type Row = Vec<Cell>;

/// The types of columns, which differ between databases.
#[derive(Debug, Clone, Copy)]
pub struct TypeNames {
    /// Of [`crate::core::column::ColumnType::Text`].
    pub text: &'static str,
    /// Of `Int`.
    pub int: &'static str,
    /// Of `Number`.
    pub number: &'static str,
    /// Of `Bool`.
    pub bool: &'static str,
    /// Of `Time`.
    pub time: &'static str,
    /// Of `Json`.
    pub json: &'static str,
}

/// A connection.
pub trait Connection: Send {
    /// Returns the names of types.
    fn types(&self) -> TypeNames;

    /// Returns the maximum number of parameters of a statement.
    fn most_params(&self) -> usize;

    /// Runs statements without parameters.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    fn run(&mut self, statements: &str) -> Result<(), StoreError>;

    /// Runs a statement and returns the number of rows that it changed.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    fn execute(&mut self, statement: &str, params: &[Cell]) -> Result<u64, StoreError>;

    /// Runs a statement and passes its rows on, in batches of bounded size.
    ///
    /// # Errors
    ///
    /// Any error of the database, and of `take`.
    fn each(
        &mut self,
        statement: &str,
        params: &[Cell],
        take: &mut dyn FnMut(Row) -> Result<(), StoreError>,
    ) -> Result<(), StoreError>;

    /// Returns true if a table exists.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    fn has_table(&mut self, name: &str) -> Result<bool, StoreError>;

    /// Returns true if something in the database has a name that a new table could not have then.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    fn is_taken(&mut self, name: &str) -> Result<bool, StoreError>;

    /// Returns the order of rows by their time, those without one first, and their key.
    fn order(&self) -> &'static str;

    /// Takes the lock of the store for syncs, held as long as the connection. Returns false if
    /// another connection holds it.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    fn lock(&mut self) -> Result<bool, StoreError>;

    /// Returns an expression as a time: a parameter would otherwise be a text.
    fn cast_time(&self, expression: &str) -> String;

    /// Lets a column of integers hold all numbers.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    fn widen(&mut self, table: &str, column: &str) -> Result<(), StoreError>;

    /// Begins a transaction whose statements all see the same state.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    fn begin_reading(&mut self) -> Result<(), StoreError> {
        self.run("BEGIN")
    }

    /// Begins a transaction that writes.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    fn begin_writing(&mut self) -> Result<(), StoreError>;

    /// Begins a transaction that creates what is missing. Only one runs at a time: another begins
    /// after it, and sees what it has created.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    fn begin_creating(&mut self) -> Result<(), StoreError>;

    /// Returns the size of the database in bytes.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    fn size(&mut self) -> Result<i64, StoreError>;

    /// Returns deleted space to the system.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    fn vacuum(&mut self) -> Result<(), StoreError>;
}

impl dyn Connection + '_ {
    /// Returns all rows of a statement with a small result.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn all(&mut self, statement: &str, params: &[Cell]) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        self.each(statement, params, &mut |row| {
            rows.push(row);
            Ok(())
        })?;
        Ok(rows)
    }

    /// Returns the first row of a statement.
    ///
    /// # Errors
    ///
    /// Any error of the database.
    pub fn first(&mut self, statement: &str, params: &[Cell]) -> Result<Option<Row>, StoreError> {
        Ok(self.all(statement, params)?.into_iter().next())
    }

    /// Runs work in a transaction, which is undone if the work fails.
    ///
    /// # Errors
    ///
    /// The error of the work, or any error of the database.
    pub fn transaction<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.begin_writing()?;
        self.end_with(work)
    }

    /// Runs work that creates what is missing, as a transaction, one at a time.
    ///
    /// # Errors
    ///
    /// The error of the work, or any error of the database.
    pub fn creation<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.begin_creating()?;
        self.end_with(work)
    }

    /// Runs work in the transaction that has begun, and ends that.
    fn end_with<T>(
        &mut self,
        work: impl FnOnce(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let result = work(self).and_then(|result| {
            self.run("COMMIT")?;
            Ok(result)
        });
        if result.is_err() {
            // The first error says what is wrong; without a connection nothing can be undone.
            let _ = self.run("ROLLBACK");
        }
        result
    }
}

/// Returns `$1, $2, …` in lists of parentheses: one for each row of a VALUES clause.
pub fn placeholders(rows: usize, columns: usize) -> String {
    let mut text = String::new();
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { ", (" });
        for column in 0..columns {
            let comma = if column == 0 { "" } else { ", " };
            text.push_str(&format!("{comma}${}", row * columns + column + 1));
        }
        text.push(')');
    }
    text
}

/// Quotes a name.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
