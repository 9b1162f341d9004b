//! The columns that a statement may read, so that others need not be stored.

use std::collections::BTreeSet;

use super::table::fold;
use super::token::{TokenKind, Tokens};

/// The columns needed by a statement.
#[derive(Debug, Clone, Default)]
pub struct Needs(
    /// The names in the statement, folded; `None` if every column may be read.
    Option<BTreeSet<String>>,
);

impl Needs {
    /// Finds the needs of a statement. A column is read if its name is in the text, or by what
    /// stands for all columns: `*`, NATURAL, or a table after IN.
    pub fn of(statement: &str) -> Self {
        let Ok(tokens) = Tokens::read(statement) else {
            return Self::default();
        };
        let list = &tokens.list;
        let is_name = |kind: TokenKind| matches!(kind, TokenKind::Word | TokenKind::Quoted);
        let takes_all = list.iter().enumerate().any(|(at, token)| {
            let before = at.checked_sub(1).map(|before| &list[before]);
            let follows = |words: &[&str]| {
                before.is_some_and(|before| words.iter().any(|word| tokens.is(before, word)))
            };
            let is_star = tokens.is(token, "*");
            is_star && follows(&["select", "distinct", "all", ",", "."])
                || tokens.is(token, "natural")
                || is_name(token.kind) && follows(&["in"])
        });
        if takes_all {
            return Self::default();
        }
        let names = list.iter().filter_map(|token| tokens.name(token));
        Self(Some(names.map(|name| fold(&name)).collect()))
    }

    /// Returns true if a column may be read.
    pub fn has(&self, column: &str) -> bool {
        let names = self.0.as_ref();
        names.is_none_or(|names| names.contains(&fold(column)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_needed_if_it_is_named_or_meant() {
        let needs = Needs::of("select \"A\", count(*), b * 2 from t -- c\n where 'd' = [e]");
        for (column, is_needed) in [
            ("a", true),
            ("B", true),
            ("E", true),
            ("c", false),
            ("d", false),
        ] {
            assert_eq!(needs.has(column), is_needed, "{column}");
        }
        for statement in [
            "select * from t",
            "select t.* from t",
            "select 1, * from t",
            "select distinct * from t",
            "select a from t natural join u",
            "select a from t where a in u",
            "select a from t where exists (select * from u)",
            "select 'unclosed",
        ] {
            assert!(Needs::of(statement).has("any"), "{statement}");
        }
    }
}
