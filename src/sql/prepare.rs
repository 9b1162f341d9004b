//! Prepares statements.

use rusqlite::Error;

use super::statement::Statement;
use super::table::{Table, fold, quote};
use super::token::Tokens;
use super::{Database, SqlError, explain};

/// The maximum number of columns that one statement may add to open tables.
const MOST_GUESSES: usize = 500;

impl Database {
    /// Prepares a statement. The guard must be active.
    ///
    /// The columns of an open table (no records, no declared columns) are unknown. A column that the
    /// statement names and no other table has is taken to be one of them, so that a day without
    /// records is not an error.
    pub(super) fn prepare(
        &self,
        statement: &Statement<'_>,
    ) -> Result<rusqlite::Statement<'_>, SqlError> {
        let sql = statement.tokens.sql;
        for _ in 0..MOST_GUESSES {
            let error = match self.connection.prepare(sql) {
                Ok(prepared) => return checked(prepared, statement),
                Err(error) => error,
            };
            if !self.guess_column(&statement.tokens, &error) {
                return Err(self.explain(&statement.tokens, &error));
            }
        }
        Err(SqlError::statement(
            format!("more than {MOST_GUESSES} columns of tables without records"),
            None,
        ))
    }

    fn explain(&self, tokens: &Tokens<'_>, error: &Error) -> SqlError {
        if let Some(refusal) = self.guard.refusal() {
            let place = tokens.find(&refusal.word).map(|token| token.range.clone());
            return SqlError::statement(refusal.message, place);
        }
        let mut functions = Vec::new();
        if explain::is_about_a_function(error) {
            functions = self.function_names();
        }
        explain::statement(tokens, error, &self.tables.borrow(), &functions)
    }

    fn function_names(&self) -> Vec<String> {
        let names = || -> rusqlite::Result<Vec<String>> {
            let sql = "SELECT DISTINCT name FROM pragma_function_list WHERE name GLOB '[a-z]*'";
            let mut statement = self.connection.prepare(sql)?;
            statement.query_map([], |row| row.get(0))?.collect()
        };
        let _pause = self.guard.pause();
        // Only for a hint.
        names().unwrap_or_default()
    }

    /// Adds the column named in an error to an open table; returns true if that helps.
    fn guess_column(&self, tokens: &Tokens<'_>, error: &Error) -> bool {
        let Some((message, offset)) = explain::parts(error) else {
            return false;
        };
        let open: Vec<Table> = self
            .tables
            .borrow()
            .values()
            .filter(|table| table.is_open && tokens.find(&table.name).is_some())
            .cloned()
            .collect();
        if let Some(column) = explain::missing_join_column(message) {
            // All of them need it.
            let added = open
                .into_iter()
                .filter(|table| self.extend(table.clone(), column));
            return added.count() > 0;
        }
        let Some((missing, _)) = explain::missing_column(message) else {
            return false;
        };
        let Some((_, column)) = tokens.path(missing, offset.unwrap_or(0)) else {
            return false;
        };
        for table in open {
            if !self.extend(table.clone(), &column) {
                continue;
            }
            let again = self.connection.prepare(tokens.sql).err();
            if again.as_ref().and_then(explain::parts) != Some((message, offset)) {
                return true;
            }
            if self.remake(table).is_err() {
                return false;
            }
        }
        false
    }

    /// Adds a column to an open table that does not have it.
    fn extend(&self, mut table: Table, column: &str) -> bool {
        table.column(column).is_none() && table.add(column).is_ok() && self.remake(table).is_ok()
    }

    /// Recreates an open table, which has no rows.
    fn remake(&self, table: Table) -> rusqlite::Result<()> {
        let _pause = self.guard.pause();
        let batch = format!("DROP TABLE {}; {}", quote(&table.name), table.create());
        self.connection.execute_batch(&batch)?;
        self.tables.borrow_mut().insert(fold(&table.name), table);
        Ok(())
    }
}

/// Defence in depth: the guard refuses writes already. SQLite and our tokenizer must also agree on
/// the parameters; SQLite knows `$a::b(c)`, too.
fn checked<'s>(
    prepared: rusqlite::Statement<'s>,
    statement: &Statement<'_>,
) -> Result<rusqlite::Statement<'s>, SqlError> {
    if !prepared.readonly() || prepared.column_count() == 0 {
        let message = "the statement is refused: it is not a read";
        return Err(SqlError::statement(message, None));
    }
    let params = statement.params();
    let stranger = (1..=prepared.parameter_count())
        .filter_map(|index| prepared.parameter_name(index))
        .find(|name| params.iter().all(|param| param.name != name[1..]));
    if let Some(name) = stranger {
        let message = format!("`{name}` is not a parameter; write one as `:since`");
        return Err(SqlError::statement(message, None));
    }
    Ok(prepared)
}
