//! Replaces `<`, `<=`, `>` and `>=` by our own tests before minijinja compiles an expression.
//!
//! minijinja's operators order any two values, and only tests and filters can be replaced.
//! `row.minutes < 5` becomes `(row.minutes) is lt(5)`, and `1 < x < 9` the test [`CHAINED`]; see
//! [`crate::template::order`]. Places in the rewritten source are mapped back, so that messages point
//! into the author's text.
//!
//! Under a `not`, a comparison becomes a different test, with which an incomparable pair makes the
//! whole condition false: neither `row.minutes < 5` nor `not (row.minutes < 5)` holds for null. As
//! `and` and `or` are monotone, only the parity of the `not`s around a comparison matters.
//!
//! This parser uses the same tokens as minijinja's and only needs to find the ends of operands. A source
//! that minijinja refuses may lack some: it is left as it is, and minijinja says what is wrong.

use std::ops::Range;

use minijinja::Error;
use minijinja::machinery::{Token, tokenize};
use minijinja::syntax::SyntaxConfig;

use crate::core::code::Code;
use crate::template::order::{CHAINED, Comparison};
use crate::template::{SyntaxError, branches, syntax};

/// A source rewritten for minijinja.
#[derive(Debug, Clone)]
pub struct Rewritten {
    /// The rewritten source.
    pub source: String,
    /// The edits in the order of the source.
    edits: Vec<Edit>,
    /// True if a comparison lacks an operand, so that nothing was rewritten.
    lacks_operand: bool,
}

/// A replacement of some bytes of the original source; an insertion if there are none.
#[derive(Debug, Clone)]
struct Edit {
    range: Range<usize>,
    text: String,
    /// The comparison whose operator it replaces.
    comparison: Option<Range<usize>>,
}

impl Rewritten {
    /// Rewrites a bare expression.
    pub fn expression(source: &str) -> Self {
        Self::new(source, true)
    }

    /// Rewrites a template.
    pub fn template(source: &str) -> Self {
        Self::new(source, false)
    }

    /// As [`Rewritten::template`], with a call after each tag that begins a branch.
    pub fn noting_branches(source: &str, file: &str) -> Self {
        let notes = branches::tags(source).into_iter().map(|tag| Edit {
            range: tag.range.end..tag.range.end,
            text: tag.note(source, file),
            comparison: None,
        });
        let edits = Self::edits(source, false);
        let lacks_operand = edits.is_none();
        let edits = edits.into_iter().flatten().chain(notes);
        Self::with(source, edits.collect(), lacks_operand)
    }

    fn new(source: &str, is_expression: bool) -> Self {
        let edits = Self::edits(source, is_expression);
        let lacks_operand = edits.is_none();
        Self::with(source, edits.unwrap_or_default(), lacks_operand)
    }

    /// Returns the edits; `None` if a comparison lacks an operand.
    fn edits(source: &str, is_expression: bool) -> Option<Vec<Edit>> {
        let may_compare = source.contains(['<', '>']) || source.contains("not ");
        if may_compare {
            Reader::read(source, is_expression)
        } else {
            Some(Vec::new())
        }
    }

    fn with(source: &str, mut edits: Vec<Edit>, lacks_operand: bool) -> Self {
        edits.sort_by_key(|edit| edit.range.start);
        let mut text = String::with_capacity(source.len() + 16 * edits.len());
        let mut from = 0;
        for edit in &edits {
            text.push_str(&source[from..edit.range.start]);
            text.push_str(&edit.text);
            from = edit.range.end;
        }
        text.push_str(&source[from..]);
        Self {
            source: text,
            edits,
            lacks_operand,
        }
    }

    /// Returns the fault of a source that was not rewritten, where minijinja finds none: its operators
    /// would order any two values.
    pub fn fault(&self) -> Option<SyntaxError> {
        self.lacks_operand.then(|| SyntaxError {
            code: Code::TemplateSyntax,
            message: "a comparison lacks an operand".to_owned(),
            range: 0..self.source.len(),
            help: None,
        })
    }

    /// Converts an error in the rewritten source, with its place in the original one.
    pub fn syntax_error(&self, error: &Error, original: &str) -> SyntaxError {
        let range = error.range().map(|range| self.original(range));
        syntax::from_minijinja_at(error, range, original, 0)
    }

    /// Maps a range of the rewritten source to the original one. minijinja's range of a test begins
    /// with its name, so the operand before it is added.
    pub fn original(&self, range: Range<usize>) -> Range<usize> {
        let start = self.offset(range.start, false);
        let operator = self.edits.iter().find(|edit| edit.range.start == start);
        if let Some(comparison) = operator.and_then(|edit| edit.comparison.clone()) {
            return comparison;
        }
        start..self.offset(range.end, true).max(start)
    }

    /// Maps an offset of the rewritten source; to the end of a replacement if `is_end`.
    fn offset(&self, at: usize, is_end: bool) -> usize {
        let (mut original, mut rewritten) = (0, 0);
        for edit in &self.edits {
            let plain = edit.range.start - original;
            if at < rewritten + plain || at == rewritten + plain && is_end {
                return original + (at - rewritten);
            }
            rewritten += plain + edit.text.len();
            if at < rewritten {
                return if is_end {
                    edit.range.end
                } else {
                    edit.range.start
                };
            }
            original = edit.range.end;
        }
        original + (at - rewritten)
    }
}

struct Reader<'s> {
    tokens: Vec<(Token<'s>, Range<usize>)>,
    at: usize,
    edits: Vec<Edit>,
    lacks_operand: bool,
}

/// The last test of an operand: `is [not] NAME`.
struct Test {
    comparison: Comparison,
    name: Range<usize>,
    is_negated: bool,
}

impl<'s> Reader<'s> {
    fn read(source: &'s str, is_expression: bool) -> Option<Vec<Edit>> {
        let tokens: Result<Vec<_>, _> = tokenize(source, is_expression, SyntaxConfig::default())
            .map(|token| {
                token.map(|(token, span)| {
                    (token, span.start_offset as usize..span.end_offset as usize)
                })
            })
            .collect();
        // minijinja's parser reports an invalid token, with its place.
        let Ok(tokens) = tokens else {
            return Some(Vec::new());
        };
        let mut reader = Self {
            tokens,
            at: 0,
            edits: Vec::new(),
            lacks_operand: false,
        };
        if is_expression {
            reader.all();
        } else {
            reader.tags();
        }
        (!reader.lacks_operand).then_some(reader.edits)
    }

    fn tags(&mut self) {
        while let Some((token, _)) = self.tokens.get(self.at) {
            let (is_tag, is_block) = match token {
                Token::VariableStart => (true, false),
                Token::BlockStart => (true, true),
                _ => (false, false),
            };
            // The keyword of a statement (`if`, `elif`, `set`) is not part of its expression.
            self.at += if is_block { 2 } else { 1 };
            if is_tag {
                self.items(false);
            }
        }
    }

    fn all(&mut self) {
        while self.at < self.tokens.len() {
            self.items(false);
            self.at += 1;
        }
    }

    fn token(&self) -> Option<&Token<'s>> {
        self.tokens.get(self.at).map(|(token, _)| token)
    }

    fn is_word(&self, word: &str) -> bool {
        self.is_word_at(self.at, word)
    }

    fn is_word_at(&self, at: usize, word: &str) -> bool {
        matches!(self.tokens.get(at), Some((Token::Ident(found), _)) if *found == word)
    }

    /// Reads expressions up to the end of the enclosing construct.
    fn items(&mut self, is_negated: bool) {
        // After an expression, `if` and `else` are keywords.
        let mut follows = false;
        while let Some(token) = self.token() {
            match token {
                Token::ParenClose
                | Token::BracketClose
                | Token::BraceClose
                | Token::VariableEnd
                | Token::BlockEnd
                | Token::TemplateData(_) => return,
                // Between two expressions, or `*list` among arguments.
                Token::Comma | Token::Colon | Token::Assign | Token::Mul | Token::Pow => {
                    self.at += 1;
                    follows = false;
                }
                _ if follows && self.is_word("else") => {
                    self.at += 1;
                    follows = false;
                }
                _ if follows && self.is_word("if") => {
                    self.at += 1;
                    self.either(false);
                }
                _ => {
                    let before = self.at;
                    self.either(is_negated);
                    follows = self.at > before;
                    // A token that cannot begin an expression does not end one either.
                    self.at = self.at.max(before + 1);
                }
            }
        }
    }

    fn either(&mut self, is_negated: bool) {
        self.both(is_negated);
        while self.is_word("or") {
            self.at += 1;
            self.both(is_negated);
        }
    }

    fn both(&mut self, is_negated: bool) {
        self.negation(is_negated);
        while self.is_word("and") {
            self.at += 1;
            self.negation(is_negated);
        }
    }

    fn negation(&mut self, is_negated: bool) {
        let mut is_negated = is_negated;
        while self.is_word("not") {
            self.at += 1;
            is_negated = !is_negated;
        }
        self.comparison(is_negated);
    }

    fn comparison(&mut self, is_negated: bool) {
        let (first, test) = self.operand(is_negated);
        let mut rest = Vec::new();
        while let Some((operator, place)) = self.operator() {
            rest.push((operator, place, self.operand(false).0));
        }
        let Some((_, _, last)) = rest.last() else {
            if let Some(test) = test.filter(|test| test.is_negated != is_negated) {
                self.replace(test.name, test.comparison.test(true), None);
            }
            return;
        };
        if !rest
            .iter()
            .any(|(operator, ..)| Comparison::named(operator).is_some())
        {
            return;
        }
        if first.is_empty() || rest.iter().any(|(.., operand)| operand.is_empty()) {
            self.lacks_operand = true;
            return;
        }
        let whole = first.start..last.end;
        self.replace(first.start..first.start, "(", None);
        self.replace(last.end..last.end, ")", None);
        if let [(operator, place, _)] = rest.as_slice() {
            let test = Comparison::named(operator).map_or("", |known| known.test(is_negated));
            let words = format!(") is {test}(");
            self.replace(place.clone(), &words, Some(whole));
            return;
        }
        let test = CHAINED[usize::from(is_negated)];
        for (index, (operator, place, _)) in rest.iter().enumerate() {
            let words = if index == 0 {
                format!(") is {test}(\"{operator}\", ")
            } else {
                format!(", \"{operator}\", ")
            };
            self.replace(place.clone(), &words, Some(whole.clone()));
        }
    }

    /// Reads an operator between operands.
    fn operator(&mut self) -> Option<(&'static str, Range<usize>)> {
        let operator = match self.token()? {
            Token::Eq => "==",
            Token::Ne => "!=",
            Token::Lt => "<",
            Token::Lte => "<=",
            Token::Gt => ">",
            Token::Gte => ">=",
            Token::Ident("in") => "in",
            Token::Ident("not") if self.is_word_at(self.at + 1, "in") => "not in",
            _ => return None,
        };
        let start = self.tokens[self.at].1.start;
        self.at += operator.split(' ').count();
        Some((operator, start..self.tokens[self.at - 1].1.end))
    }

    /// Returns true if an operand ends before this token.
    fn ends_before(&self, at: usize) -> bool {
        match self.tokens.get(at) {
            None => true,
            Some((token, _)) => match token {
                Token::Ident(word) => matches!(
                    *word,
                    "and" | "or" | "not" | "in" | "if" | "else" | "recursive"
                ),
                Token::Eq
                | Token::Ne
                | Token::Lt
                | Token::Lte
                | Token::Gt
                | Token::Gte
                | Token::Comma
                | Token::Colon
                | Token::Assign
                | Token::ParenClose
                | Token::BracketClose
                | Token::BraceClose
                | Token::VariableEnd
                | Token::BlockEnd
                | Token::TemplateData(_) => true,
                _ => false,
            },
        }
    }

    fn operand(&mut self, is_negated: bool) -> (Range<usize>, Option<Test>) {
        let first = self.at;
        let start = self.tokens.get(first).map_or(0, |(_, range)| range.start);
        let mut test = None;
        // At the start and after an operator, a name is a variable, even if it is a keyword elsewhere.
        let mut begins = true;
        loop {
            let is_name = matches!(self.token(), Some(Token::Ident(word)) if *word != "not");
            if begins && is_name {
                self.at += 1;
                begins = false;
                continue;
            }
            if self.ends_before(self.at) {
                break;
            }
            let token = &self.tokens[self.at].0;
            let opens = matches!(
                token,
                Token::ParenOpen | Token::BracketOpen | Token::BraceOpen
            );
            let is_group = matches!(token, Token::ParenOpen) && self.at == first;
            begins = matches!(
                token,
                Token::Plus
                    | Token::Minus
                    | Token::Mul
                    | Token::Div
                    | Token::FloorDiv
                    | Token::Mod
                    | Token::Pow
                    | Token::Tilde
            );
            if opens {
                // Parentheses around a whole condition: a `not` before them negates their content.
                let is_condition = is_group && self.ends_condition(self.closing(self.at) + 1);
                self.at += 1;
                self.items(is_negated && is_condition);
                self.at += 1;
            } else if matches!(token, Token::Dot | Token::Pipe) {
                test = None;
                // A name, even if it is a keyword elsewhere.
                self.at += 2;
            } else if self.is_word("is") {
                self.at += 1;
                test = self.test();
            } else {
                self.at += 1;
            }
        }
        let end = match self.at.checked_sub(1) {
            Some(last) if self.at > first && !begins => {
                self.tokens.get(last).map_or(start, |it| it.1.end)
            }
            _ => start,
        };
        (start..end, test)
    }

    fn test(&mut self) -> Option<Test> {
        let is_negated = self.is_word("not");
        self.at += usize::from(is_negated);
        let (name, range) = self.tokens.get(self.at)?;
        self.at += 1;
        let Token::Ident(name) = name else {
            return None;
        };
        Some(Test {
            comparison: Comparison::named(name)?,
            name: range.clone(),
            is_negated,
        })
    }

    /// Returns true if a whole condition ends before this token, and not only an operand.
    fn ends_condition(&self, at: usize) -> bool {
        let compares = match self.tokens.get(at) {
            Some((token, _)) => matches!(
                token,
                Token::Eq
                    | Token::Ne
                    | Token::Lt
                    | Token::Lte
                    | Token::Gt
                    | Token::Gte
                    | Token::Ident("in" | "not")
            ),
            None => false,
        };
        self.ends_before(at) && !compares
    }

    /// Returns the index of the matching closing bracket.
    fn closing(&self, open: usize) -> usize {
        let mut depth = 0_usize;
        for (at, (token, _)) in self.tokens.iter().enumerate().skip(open) {
            match token {
                Token::ParenOpen | Token::BracketOpen | Token::BraceOpen => depth += 1,
                Token::ParenClose | Token::BracketClose | Token::BraceClose => {
                    depth = depth.saturating_sub(1);
                    if depth == 0 {
                        return at;
                    }
                }
                _ => {}
            }
        }
        self.tokens.len()
    }

    fn replace(&mut self, range: Range<usize>, text: &str, comparison: Option<Range<usize>>) {
        self.edits.push(Edit {
            range,
            text: text.to_owned(),
            comparison,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expression(source: &str) -> String {
        Rewritten::expression(source).source
    }

    #[test]
    fn comparisons_become_tests() {
        for (source, rewritten) in [
            ("row.m < 5", "(row.m ) is lt( 5)"),
            ("a+1 >= b.c[0] | abs", "(a+1 ) is ge( b.c[0] | abs)"),
            (
                "a and b<c or not d>e",
                "a and (b) is lt(c) or not (d) is runner_gt_under_not(e)",
            ),
            ("f(a < b, k=c > d)", "f((a ) is lt( b), k=(c ) is gt( d))"),
            (
                "[x < 1, {'k': y <= 2}]",
                "[(x ) is lt( 1), {'k': (y ) is le( 2)}]",
            ),
            (
                "a if b < c else d > e",
                "a if (b ) is lt( c) else (d ) is gt( e)",
            ),
            (
                "1 < x <= 9",
                "(1 ) is runner_chained(\"<\",  x , \"<=\",  9)",
            ),
            (
                "a not in b < c",
                "(a ) is runner_chained(\"not in\",  b , \"<\",  c)",
            ),
            (
                "x is not none and x < 5",
                "x is not none and (x ) is lt( 5)",
            ),
            ("row.in < row.if", "(row.in ) is lt( row.if)"),
            ("f(*a, **b) < 2", "(f(*a, **b) ) is lt( 2)"),
            ("(a < b) == c", "((a ) is lt( b)) == c"),
            ("x[1:2] < y", "(x[1:2] ) is lt( y)"),
            ("-a < -b ~ c", "(-a ) is lt( -b ~ c)"),
        ] {
            assert_eq!(expression(source), rewritten, "{source}");
        }
    }

    #[test]
    fn a_source_without_operands_is_left_as_it_is() {
        for source in [">]>", "<,<", "< a,{ ( a (<", "a < b and >)>", "1 < < 2"] {
            assert_eq!(expression(source), source);
        }
        let template = "{% if >]> %}{{ <,< }}{% endif %}";
        assert_eq!(Rewritten::template(template).source, template);
    }

    #[test]
    fn a_name_is_an_operand_even_if_it_is_a_keyword_elsewhere() {
        for (source, rewritten) in [
            ("else < 5", "(else ) is lt( 5)"),
            ("x < 5 and if < 9", "(x ) is lt( 5) and (if ) is lt( 9)"),
            ("5 > in or is < and", "(5 ) is gt( in) or (is ) is lt( and)"),
            ("1 + or < 2", "(1 + or ) is lt( 2)"),
            (
                "a if else < 1 else if > 2",
                "a if (else ) is lt( 1) else (if ) is gt( 2)",
            ),
        ] {
            assert_eq!(expression(source), rewritten, "{source}");
        }
        assert_eq!(
            Rewritten::template("{% for x in xs if x < 3 recursive %}{% endfor %}").source,
            "{% for x in xs if (x ) is lt( 3) recursive %}{% endfor %}"
        );
    }

    #[test]
    fn every_short_expression_that_is_valid_stays_valid() {
        const WORDS: [&str; 14] = [
            "a", "1", "<", "and", "or", "not", "in", "is", "if", "else", "(", ")", "-", ",",
        ];
        let environment = minijinja::Environment::new();
        let is_valid = |source: &str| environment.compile_expression(source).is_ok();
        let (mut sources, mut valid) = (vec![String::new()], 0);
        for _ in 0..5 {
            sources = sources
                .iter()
                .flat_map(|source| WORDS.map(|word| format!("{source}{word} ")))
                .collect();
            for source in sources.iter().filter(|source| is_valid(source)) {
                let rewritten = Rewritten::expression(source);
                if rewritten.fault().is_some() {
                    // A variable of this name would be read as the operator.
                    assert!(source.contains("not "), "{source}");
                    continue;
                }
                let compared = rewritten.source.contains(" is lt(");
                assert_eq!(
                    compared,
                    source.contains('<') && !rewritten.source.contains("runner_"),
                    "{source}"
                );
                assert!(
                    is_valid(&rewritten.source),
                    "{source}: {}",
                    rewritten.source
                );
                valid += 1;
            }
        }
        assert!(valid > 300, "{valid}");
    }

    #[test]
    fn the_parity_of_not_is_known() {
        for (source, rewritten) in [
            ("not (a < b)", "not ((a ) is runner_lt_under_not( b))"),
            ("not not a < b", "not not (a ) is lt( b)"),
            (
                "not (x and (a < b or not c < d))",
                "not (x and ((a ) is runner_lt_under_not( b) or not (c ) is lt( d)))",
            ),
            (
                "not f(a < b) and not (a < b) == c",
                "not f((a ) is lt( b)) and not ((a ) is lt( b)) == c",
            ),
            ("not a is lt(b)", "not a is runner_lt_under_not(b)"),
            ("a is not lt 5", "a is not runner_lt_under_not 5"),
            ("not a is not lt 5", "not a is not lt 5"),
            (
                "not a < b < c",
                "not (a ) is runner_chained_under_not(\"<\",  b , \"<\",  c)",
            ),
        ] {
            assert_eq!(expression(source), rewritten, "{source}");
        }
    }

    #[test]
    fn what_compares_nothing_stays_as_it_is() {
        for source in ["a == b", "x in y and not z", "'a < b' ~ c", "a is not none"] {
            assert_eq!(expression(source), source);
        }
        let source = "<p>{{ a }} < b{# x < y #}{% raw %}{{ c < d }}{% endraw %}</p>";
        assert_eq!(Rewritten::template(source).source, source);
    }

    #[test]
    fn statements_are_rewritten_in_their_expressions() {
        let source = "{% if a < b %}<{% elif not c>d %}{% endif %}\
                      {% for x in y if x.m < 5 %}{{ x.m > 1 }}{% endfor %}{% set z = a < b %}";
        assert_eq!(
            Rewritten::template(source).source,
            "{% if (a ) is lt( b) %}<{% elif not (c) is runner_gt_under_not(d) %}{% endif %}\
             {% for x in y if (x.m ) is lt( 5) %}{{ (x.m ) is gt( 1) }}{% endfor %}\
             {% set z = (a ) is lt( b) %}"
        );
    }

    #[test]
    fn places_are_those_of_the_original() {
        let source = "x and aa < bb and cc > dd";
        let rewritten = Rewritten::expression(source);
        for word in ["x", "aa", "bb", "cc", "dd"] {
            let start = rewritten.source.find(word).expect("a word");
            let range = rewritten.original(start..start + word.len());
            assert_eq!(&source[range], word);
        }
        let start = rewritten.source.find("(aa").expect("a comparison");
        let end = rewritten.source.find("bb)").expect("its end") + 3;
        assert_eq!(&source[rewritten.original(start..end)], "aa < bb");
    }
}
