//! Finds the result columns that are JSON, from the text of the statement.
//!
//! SQLite marks text from its JSON functions, but the mark cannot be read from a result. So the
//! result list of the statement is analysed.

use std::collections::BTreeSet;

use super::statement::Statement;
use super::token::{Token, TokenKind, Tokens};

/// Keywords that end the result list of a SELECT.
const AFTER_RESULT: [&str; 11] = [
    "FROM",
    "WHERE",
    "GROUP",
    "HAVING",
    "WINDOW",
    "ORDER",
    "LIMIT",
    "UNION",
    "EXCEPT",
    "INTERSECT",
    ";",
];

/// Functions that always return JSON (<https://sqlite.org/json1.html>). `json_extract` and `->>`
/// are not included: they also return plain text.
const JSON_FUNCTIONS: [&str; 12] = [
    "json",
    "json_array",
    "json_array_insert",
    "json_group_array",
    "json_group_object",
    "json_insert",
    "json_object",
    "json_patch",
    "json_quote",
    "json_remove",
    "json_replace",
    "json_set",
];

impl Statement<'_> {
    /// Returns, for each of the `count` result columns, true if its expression always yields JSON:
    /// a call of a JSON function, or `… -> …`.
    pub fn json_columns(&self, count: usize) -> Vec<bool> {
        self.columns_where(count, |expression| self.is_json(expression))
    }

    /// Returns, for each of the `count` result columns, true if its expression mentions one of the
    /// parameters.
    pub fn columns_that_mention(&self, params: &BTreeSet<String>, count: usize) -> Vec<bool> {
        self.columns_where(count, |expression| {
            let mut names = expression
                .iter()
                .filter(|token| token.kind == TokenKind::Param)
                .map(|token| &self.tokens.text(token)[1..]);
            names.any(|name| params.contains(name))
        })
    }

    pub(super) fn columns_where(
        &self,
        count: usize,
        holds: impl Fn(&[Token]) -> bool,
    ) -> Vec<bool> {
        let mut flags = vec![false; count];
        let expressions = self.result_list();
        // `*` may be any number of columns: count from both ends up to it.
        let is_star = |expression: &&[Token]| {
            expression
                .last()
                .is_some_and(|last| self.tokens.is(last, "*"))
        };
        let from_front = expressions.iter().take_while(|one| !is_star(one)).count();
        for (index, expression) in expressions[..from_front].iter().enumerate() {
            if let Some(flag) = flags.get_mut(index) {
                *flag = holds(expression);
            }
        }
        if from_front < expressions.len() {
            let from_back = expressions.iter().rev().take_while(|one| !is_star(one));
            for (index, expression) in from_back.enumerate() {
                if let Some(flag) = count.checked_sub(index + 1).map(|at| &mut flags[at]) {
                    *flag = holds(expression);
                }
            }
        }
        flags
    }

    /// Returns the expressions of the first SELECT outside parentheses.
    fn result_list(&self) -> Vec<&[Token]> {
        let tokens = &self.tokens;
        let depths = self.depths();
        let Some(select) = (0..depths.len())
            .find(|index| depths[*index] == 0 && tokens.is(&tokens.list[*index], "SELECT"))
        else {
            return Vec::new();
        };
        let mut start = select + 1;
        if let Some(token) = tokens.list.get(start)
            && (tokens.is(token, "DISTINCT") || tokens.is(token, "ALL"))
        {
            start += 1;
        }
        let mut expressions = Vec::new();
        let mut index = start;
        while let Some(token) = tokens.list.get(index) {
            if depths[index] == 0 {
                // `a IS DISTINCT FROM b` continues.
                let is_end = AFTER_RESULT.iter().any(|word| tokens.is(token, word))
                    && !tokens.is(&tokens.list[index - 1], "DISTINCT");
                if is_end {
                    break;
                }
                if tokens.is(token, ",") {
                    expressions.push(&tokens.list[start..index]);
                    start = index + 1;
                }
            }
            index += 1;
        }
        expressions.push(&tokens.list[start..index]);
        expressions
    }

    /// Returns the nesting depth at each token; parentheses themselves count as outside.
    fn depths(&self) -> Vec<usize> {
        let mut depth = 0_usize;
        let mut depths = Vec::with_capacity(self.tokens.list.len());
        for token in &self.tokens.list {
            if self.tokens.is(token, ")") {
                depth = depth.saturating_sub(1);
            }
            depths.push(depth);
            if self.tokens.is(token, "(") {
                depth += 1;
            }
        }
        depths
    }

    fn is_json(&self, expression: &[Token]) -> bool {
        let outer = self.outside_parentheses(expression);
        let outer = without_alias(&self.tokens, &outer);
        let is = |token: &Token, word: &str| self.tokens.is(token, word);
        let is_operand = |token: &Token| token.kind != TokenKind::Symbol;
        // `f ( )`, possibly with `FILTER ( )` and `OVER ( )` or `OVER w`.
        if let [function, open, close, rest @ ..] = outer
            && is(open, "(")
            && is(close, ")")
            && JSON_FUNCTIONS.iter().any(|known| is(function, known))
            && rest
                .first()
                .is_none_or(|next| is(next, "FILTER") || is(next, "OVER"))
        {
            return true;
        }
        let is_path = outer.iter().all(|token| {
            is_operand(token)
                || ["->", "->>", ".", "(", ")"]
                    .iter()
                    .any(|word| is(token, word))
        });
        // Two adjacent operands are a keyword and something else.
        let is_plain = outer
            .windows(2)
            .all(|pair| !(is_operand(pair[0]) && is_operand(pair[1])));
        let last_arrow = outer
            .iter()
            .rev()
            .find(|token| is(token, "->") || is(token, "->>"));
        is_path && is_plain && last_arrow.is_some_and(|arrow| is(arrow, "->"))
    }

    /// Returns the tokens of an expression outside parentheses.
    pub(super) fn outside_parentheses<'t>(&self, expression: &'t [Token]) -> Vec<&'t Token> {
        let mut depth = 0_usize;
        let mut outer = Vec::new();
        for token in expression {
            if self.tokens.is(token, ")") {
                depth = depth.saturating_sub(1);
            }
            if depth == 0 {
                outer.push(token);
            }
            if self.tokens.is(token, "(") {
                depth += 1;
            }
        }
        outer
    }
}

/// Removes `AS name`, or `name` after an operand.
pub(super) fn without_alias<'t, 's>(
    tokens: &Tokens<'_>,
    outer: &'s [&'t Token],
) -> &'s [&'t Token] {
    match outer {
        [rest @ .., as_word, _] if tokens.is(as_word, "AS") => rest,
        [rest @ .., before, last]
            if last.kind != TokenKind::Symbol
                && !tokens.is(before, "OVER")
                && (before.kind != TokenKind::Symbol || tokens.is(before, ")")) =>
        {
            &outer[..=rest.len()]
        }
        _ => outer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_recognized_by_the_expression() {
        let flags = |sql: &str, count: usize| {
            let statement = Statement::read(sql).expect("a read");
            statement.json_columns(count)
        };
        let one = |expression: &str| flags(&format!("select {expression} from t"), 1)[0];
        for json in [
            "json_group_array(a)",
            "json_group_array(a order by b) filter (where c > 1) as list",
            "json_object('a', f(b)) \"object\"",
            "JSON(a)",
            "a -> '$.b'",
            "t.a -> 'b' -> 0 x",
            "a ->> 'b' -> 'c'",
            "json_group_array(a) over w",
            "json_group_array(a) over (order by b) as c",
        ] {
            assert!(one(json), "{json}");
        }
        for plain in [
            "a",
            "count(*)",
            "a ->> 'b'",
            "json_extract(a, '$.b')",
            "json_array_length(a)",
            "length(json(a))",
            "json(a) || 'b'",
            "case when a -> 'b' then 'c' end",
            "a -> 'b' = '1'",
            "a is distinct from json(b)",
        ] {
            assert!(!one(plain), "{plain}");
        }
        assert_eq!(
            flags(
                "with x as (select json(1)) select json(a), *, b, c -> 0 from x, y",
                6
            ),
            [true, false, false, false, false, true]
        );
        assert_eq!(flags("values (json(1))", 1), [false]);
    }
}
