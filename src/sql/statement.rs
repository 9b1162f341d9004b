//! A statement as written: one read, its parameters, its result list.

use std::ops::Range;

use super::error::SqlError;
use super::token::{Token, TokenKind, Tokens};
use crate::core::name;

/// A name in a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mention {
    /// The name, without `:` or quotes.
    pub name: String,
    /// The bytes of its first occurrence, including `:` or quotes.
    pub range: Range<usize>,
}

/// A single statement that begins like a read. SQLite decides if it *is* a read.
#[derive(Debug)]
pub struct Statement<'a> {
    pub tokens: Tokens<'a>,
}

/// The first words of reads.
const READS: [&str; 3] = ["SELECT", "WITH", "VALUES"];

/// The first words of SQLite's other statements (<https://sqlite.org/lang.html>).
const OTHERS: [&str; 22] = [
    "ALTER",
    "ANALYZE",
    "ATTACH",
    "BEGIN",
    "COMMIT",
    "CREATE",
    "DELETE",
    "DETACH",
    "DROP",
    "END",
    "EXPLAIN",
    "INSERT",
    "PRAGMA",
    "REINDEX",
    "RELEASE",
    "REPLACE",
    "ROLLBACK",
    "SAVEPOINT",
    "TRUNCATE",
    "UPDATE",
    "VACUUM",
    "MERGE",
];

impl<'a> Statement<'a> {
    /// Parses a statement.
    ///
    /// # Errors
    ///
    /// If it is empty, does not begin like a read, or is followed by a second statement, and as
    /// [`Tokens::read`].
    pub fn read(sql: &'a str) -> Result<Self, SqlError> {
        let tokens = Tokens::read(sql)?;
        let Some(first) = tokens.list.iter().find(|token| !tokens.is(token, ";")) else {
            return Err(SqlError::statement("the statement is empty", None)
                .help("begin it with `SELECT`, `WITH` or `VALUES`"));
        };
        if !READS.iter().any(|read| tokens.is(first, read)) {
            return Err(no_read(&tokens, first));
        }
        let mut rest = tokens
            .list
            .iter()
            .skip_while(|token| token.range.start < first.range.start)
            .skip_while(|token| !tokens.is(token, ";"))
            .filter(|token| !tokens.is(token, ";"));
        if let Some(second) = rest.next() {
            let message = format!(
                "only one statement is allowed, and `{}` begins a second one",
                tokens.text(second)
            );
            return Err(SqlError::statement(message, Some(second.range.clone())));
        }
        Ok(Self { tokens })
    }

    /// Returns the parameters in order of first occurrence.
    pub fn params(&self) -> Vec<Mention> {
        let mut params: Vec<Mention> = Vec::new();
        for token in &self.tokens.list {
            if token.kind != TokenKind::Param {
                continue;
            }
            let name = &self.tokens.text(token)[1..];
            if params.iter().all(|known| known.name != name) {
                params.push(Mention {
                    name: name.to_owned(),
                    range: token.range.clone(),
                });
            }
        }
        params
    }
}

fn no_read(tokens: &Tokens<'_>, first: &Token) -> SqlError {
    let word = tokens.text(first);
    let range = Some(first.range.clone());
    if OTHERS.iter().any(|other| tokens.is(first, other)) {
        let message = format!("`{word}` is refused: a statement can only read");
        return SqlError::statement(message, range)
            .help("begin it with `SELECT`, `WITH` or `VALUES`");
    }
    let message = format!("a statement begins with `SELECT`, `WITH` or `VALUES`, got `{word}`");
    let meant = name::nearest(word, READS).map(|name| format!("did you mean `{name}`?"));
    SqlError::statement(message, range).maybe_help(meant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_read_is_taken() {
        let fault = |sql| Statement::read(sql).expect_err("it is refused");
        assert_eq!(
            fault("delete from a").message,
            "`delete` is refused: a statement can only read"
        );
        assert_eq!(
            fault(" selct 1").help.as_deref(),
            Some("did you mean `SELECT`?")
        );
        assert_eq!(fault("-- nothing\n;").message, "the statement is empty");
        let two = fault("select 1; drop table a");
        assert_eq!(
            two.message,
            "only one statement is allowed, and `drop` begins a second one"
        );
        assert_eq!(two.range, Some(10..14));
        for right in [
            "select 1;",
            "values (1) ; -- end\n;",
            "with a as (select 1) select * from a",
        ] {
            assert!(Statement::read(right).is_ok(), "{right}");
        }
    }

    #[test]
    fn params_are_named_once() {
        let statement = Statement::read("select :a, @b, $a, ':c' -- :d").expect("a read");
        let params = statement.params();
        let names: Vec<&str> = params.iter().map(|param| param.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!(params[1].range, 11..13);
    }
}
