//! Reads the operations of a GraphQL document: which they are, and which variables they declare.
//!
//! This is no GraphQL parser: without the server's schema a selection means nothing. It finds what
//! is known to fail on every server, such as a bracket that is never closed.
//!
//! The grammar is that of the GraphQL specification, October 2021, sections 2.1 and 2.2.

mod tokens;

use std::ops::Range;

use crate::core::name;

use tokens::{Token, TokenKind, tokens};

/// A fault in a document.
#[derive(Debug, PartialEq, Eq)]
pub struct GraphqlError {
    /// The bytes in the document.
    pub range: Range<usize>,
    /// The message.
    pub message: String,
    /// A hint.
    pub help: Option<String>,
}

impl GraphqlError {
    fn new(range: Range<usize>, message: impl Into<String>) -> Self {
        Self {
            range,
            message: message.into(),
            help: None,
        }
    }

    fn help(self, help: impl Into<String>) -> Self {
        Self {
            help: Some(help.into()),
            ..self
        }
    }
}

/// The kind of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationKind {
    /// Reads.
    Query,
    /// Writes, then reads.
    Mutation,
    /// Reads a stream of responses.
    Subscription,
}

impl OperationKind {
    const ALL: [Self; 3] = [Self::Query, Self::Mutation, Self::Subscription];

    /// Returns the keyword.
    fn keyword(self) -> &'static str {
        match self {
            Self::Query => "query",
            Self::Mutation => "mutation",
            Self::Subscription => "subscription",
        }
    }

    /// Returns the kind that a keyword begins.
    fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.keyword() == word)
    }
}

/// An operation of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The kind.
    pub kind: OperationKind,
    /// The name, if it has one.
    pub name: Option<String>,
    /// The keyword and the name, or the opening brace of an operation without a keyword.
    pub range: Range<usize>,
    /// The variables it declares.
    pub variables: Vec<Variable>,
}

impl Operation {
    /// Returns the text that would declare one more variable.
    pub fn declaration_of(&self, variable: &str) -> String {
        format!("{}(${variable}: String!)", self.kind.keyword())
    }

    /// Returns a variable it declares.
    pub fn variable(&self, name: &str) -> Option<&Variable> {
        self.variables.iter().find(|known| known.name == name)
    }
}

/// A variable that an operation declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// The name, without `$`.
    pub name: String,
    /// The name with `$`.
    pub range: Range<usize>,
    /// True if a request must give its value: its type ends in `!`, and it has no default.
    pub is_required: bool,
}

/// Reads the operations of a document, at least one.
///
/// # Errors
///
/// If the document is invalid for every server.
pub fn operations(text: &str) -> Result<Vec<Operation>, GraphqlError> {
    let tokens = tokens(text)?;
    let mut reader = Reader {
        text,
        tokens: &tokens,
        at: 0,
    };
    let mut operations = Vec::new();
    while let Some(token) = reader.peek() {
        // A description may precede a definition.
        if token.kind == TokenKind::Text {
            reader.at += 1;
        } else {
            operations.extend(reader.definition()?);
        }
    }
    if operations.is_empty() {
        let range = tokens.first().map_or(0..0, |token| token.range.clone());
        let error = GraphqlError::new(range, "the document has no operation");
        return Err(error.help("begin it with `query { … }`"));
    }
    if let [_, _, ..] = operations.as_slice()
        && let Some(unnamed) = operations.iter().find(|one| one.name.is_none())
    {
        let words = "an operation without a name must be the only one of its document";
        return Err(GraphqlError::new(unnamed.range.clone(), words));
    }
    Ok(operations)
}

/// Reads tokens whose brackets are balanced.
struct Reader<'t> {
    text: &'t str,
    tokens: &'t [Token],
    at: usize,
}

impl<'t> Reader<'t> {
    fn peek(&self) -> Option<&'t Token> {
        self.tokens.get(self.at)
    }

    fn is_at(&self, punctuator: char) -> bool {
        self.peek().is_some_and(|token| token.is(punctuator))
    }

    /// Takes a name, if one follows.
    fn name(&mut self) -> Option<&'t Token> {
        let token = self.peek().filter(|token| token.kind == TokenKind::Name)?;
        self.at += 1;
        Some(token)
    }

    /// Takes everything in the brackets that begin here; returns the tokens between them.
    fn group(&mut self) -> &'t [Token] {
        let start = self.at + 1;
        let mut depth = 0_usize;
        while let Some(token) = self.peek() {
            self.at += 1;
            match token.kind {
                TokenKind::Punctuator('{' | '(' | '[') => depth += 1,
                TokenKind::Punctuator('}' | ')' | ']') => {
                    depth -= 1;
                    if depth == 0 {
                        return &self.tokens[start..self.at - 1];
                    }
                }
                _ => {}
            }
        }
        &self.tokens[start..]
    }

    /// Reads an operation; `None` for a fragment.
    fn definition(&mut self) -> Result<Option<Operation>, GraphqlError> {
        let Some(first) = self.peek() else {
            return Ok(None);
        };
        if self.is_at('{') {
            let selection = self.group();
            let operation = Operation {
                kind: OperationKind::Query,
                name: None,
                range: first.range.clone(),
                variables: Vec::new(),
            };
            self.check_uses(&operation, selection)?;
            return Ok(Some(operation));
        }
        let word = &self.text[first.range.clone()];
        self.at += 1;
        if word == "fragment" {
            self.until_selection(first, "the fragment")?;
            self.group();
            return Ok(None);
        }
        let Some(kind) = OperationKind::of(word) else {
            return Err(unknown_definition(word, first));
        };
        let name = self.name();
        let range = first.range.start..name.unwrap_or(first).range.end;
        let variables = if self.is_at('(') {
            let declarations = self.group();
            self.variables(declarations)?
        } else {
            Vec::new()
        };
        let operation = Operation {
            kind,
            name: name.map(|name| self.text[name.range.clone()].to_owned()),
            range,
            variables,
        };
        let directives = self.until_selection(first, "the operation")?;
        self.check_uses(&operation, directives)?;
        let selection = self.group();
        self.check_uses(&operation, selection)?;
        Ok(Some(operation))
    }

    /// Takes the tokens before the selection of a definition.
    fn until_selection(
        &mut self,
        first: &Token,
        definition: &str,
    ) -> Result<&'t [Token], GraphqlError> {
        let start = self.at;
        while let Some(token) = self.peek() {
            match token.kind {
                TokenKind::Punctuator('{') => return Ok(&self.tokens[start..self.at]),
                TokenKind::Punctuator('(' | '[') => {
                    self.group();
                }
                _ => self.at += 1,
            }
        }
        let words = format!("{definition} has no selection `{{ … }}`");
        Err(GraphqlError::new(first.range.clone(), words))
    }

    /// Reads `$a: Int!, $b: [String!] = []`.
    fn variables(&self, tokens: &[Token]) -> Result<Vec<Variable>, GraphqlError> {
        let mut variables: Vec<Variable> = Vec::new();
        // A default is a constant, so each `$` begins a declaration.
        let is_start = |token: &Token| token.is('$');
        let mut rest = tokens;
        while let Some(start) = rest.iter().position(is_start) {
            let (dollar, after) = (&rest[start], &rest[start + 1..]);
            let end = after.iter().position(is_start).unwrap_or(after.len());
            let variable = self.variable(dollar, &after[..end])?;
            if variables.iter().any(|known| known.name == variable.name) {
                let words = format!("the variable `${}` is declared twice", variable.name);
                return Err(GraphqlError::new(variable.range, words));
            }
            variables.push(variable);
            rest = &after[end..];
        }
        Ok(variables)
    }

    /// Reads `name: Type = default`, after the dollar sign.
    fn variable(&self, dollar: &Token, tokens: &[Token]) -> Result<Variable, GraphqlError> {
        let [name, rest @ ..] = tokens else {
            let words = "a variable needs a name and a type: `$name: Type`";
            return Err(GraphqlError::new(dollar.range.clone(), words));
        };
        let range = dollar.range.start..name.range.end;
        let written = &self.text[name.range.clone()];
        let [colon, rest @ ..] = rest else {
            return Err(untyped(range, written));
        };
        let end = rest.iter().position(|token| token.is('=') || token.is('@'));
        let of_type = &rest[..end.unwrap_or(rest.len())];
        let Some(last) = of_type.last().filter(|_| colon.is(':')) else {
            return Err(untyped(range, written));
        };
        let has_default = end.is_some_and(|end| rest[end].is('='));
        Ok(Variable {
            name: written.to_owned(),
            range,
            is_required: last.is('!') && !has_default,
        })
    }

    /// Refuses a variable that is used in an operation but not declared by it.
    fn check_uses(&self, operation: &Operation, tokens: &[Token]) -> Result<(), GraphqlError> {
        for pair in tokens.windows(2) {
            let [dollar, name] = pair else { continue };
            if !dollar.is('$') || name.kind != TokenKind::Name {
                continue;
            }
            let written = &self.text[name.range.clone()];
            if operation.variable(written).is_some() {
                continue;
            }
            let range = dollar.range.start..name.range.end;
            let known = operation.variables.iter().map(|known| known.name.as_str());
            let words = format!("the operation does not declare the variable `${written}`");
            let help = match name::nearest(written, known) {
                Some(near) => format!("did you mean `${near}`?"),
                None => format!("declare it: `{}`", operation.declaration_of(written)),
            };
            return Err(GraphqlError::new(range, words).help(help));
        }
        Ok(())
    }
}

fn untyped(range: Range<usize>, variable: &str) -> GraphqlError {
    GraphqlError::new(range, format!("the variable `${variable}` has no type"))
        .help(format!("declare it as `${variable}: String`"))
}

fn unknown_definition(word: &str, token: &Token) -> GraphqlError {
    let keywords = OperationKind::ALL.map(OperationKind::keyword);
    let words = format!("`{word}` begins neither an operation nor a fragment");
    let error = GraphqlError::new(token.range.clone(), words);
    match name::hint(word, keywords.into_iter().chain(["fragment"])) {
        Some(help) => error.help(help),
        None => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<Operation> {
        operations(text).unwrap_or_else(|error| panic!("{text}: {error:?}"))
    }

    #[test]
    fn the_kind_is_that_of_the_keyword() {
        use OperationKind::{Mutation, Query, Subscription};
        for (text, kind) in [
            ("{ me { name } }", Query),
            ("query { me { name } }", Query),
            (
                "# mutation { a }\nquery Q @d(a: \"{ mutation\") { a }",
                Query,
            ),
            (
                "query Q($a: [Int!]! = [1]) @d(x: {y: 1}) { f(a: $a) }",
                Query,
            ),
            ("\u{feff}\"\"\"mutation \\\"\"\" {\"\"\" query { a }", Query),
            ("query mutation { a }", Query),
            ("fragment mutation on T { a } query { ...mutation }", Query),
            ("mutation { a }", Mutation),
            ("{mutation:a query:b}", Query),
            ("fragment F on T { a }, mutation M { b { ...F } }", Mutation),
            ("subscription S { a }", Subscription),
        ] {
            let operations = read(text);
            let [operation] = operations.as_slice() else {
                panic!("{text}: {operations:?}");
            };
            assert_eq!(operation.kind, kind, "{text}");
        }
        let two = read("query A { a } mutation B { b }");
        let names: Vec<_> = two.iter().map(|one| one.name.as_deref()).collect();
        assert_eq!(names, [Some("A"), Some("B")]);
    }

    #[test]
    fn a_variable_is_required_by_its_type() {
        let text = "query($a: Int! $b: [Int!], $c: [Int]!, $d: Int! = 1, $e: Int! @x(y: 1), \
                    $f: In = {a: [1, {b: \"!\"}]}) { a }";
        let operations = read(text);
        let found: Vec<_> = operations[0]
            .variables
            .iter()
            .map(|variable| (variable.name.as_str(), variable.is_required))
            .collect();
        let expected = [
            ("a", true),
            ("b", false),
            ("c", true),
            ("d", false),
            ("e", true),
            ("f", false),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_no_server_accepts_is_a_fault_at_its_place() {
        for (text, at, message) in [
            ("", "", "no operation"),
            ("fragment F on T { a }", "fragment", "no operation"),
            ("{ a", "{", "never closed"),
            ("query($a: Int { a }", "(", "never closed"),
            ("{ a(b: [1)) }", ")", "`)` closes no `[`"),
            ("{ a } }", "}", "closes nothing"),
            ("{ a(b: \"x) }", "\"x) }", "never ends"),
            ("{ a(b: \"x\n\") }", "\"x", "never ends"),
            ("{ a(b: \"\"\"x\") }", "\"\"\"", "never ends"),
            ("{ a(b: 'x') }", "'", "`'`"),
            ("{ a; b }", ";", "`;`"),
            ("qurey { a }", "qurey", "neither an operation"),
            ("type T { a: Int }", "type", "neither an operation"),
            ("query Q", "query", "no selection"),
            ("query($a) { a }", "$a", "has no type"),
            ("query($) { a }", "$", "a name and a type"),
            ("query($a: Int, $a: Int) { a }", "$a", "twice"),
            (
                "query($owner: Int) { a(b: $onwer) }",
                "$onwer",
                "not declare",
            ),
            ("{ a } query B { b }", "{", "the only one"),
            ("{ a(b: \"{{ x }}\") }", "{{", "no template"),
            ("{ a(b: {{ x }}) }", "{{", "no template"),
        ] {
            let error = operations(text).expect_err(text);
            assert_eq!(&text[error.range.clone()], at, "{text}: {error:?}");
            assert!(error.message.contains(message), "{text}: {error:?}");
        }
    }
}
