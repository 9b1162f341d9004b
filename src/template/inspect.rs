//! Finds the names, filters and tests in a template without rendering it.
//!
//! This reads minijinja's syntax tree, which may change in any release: the version is pinned in
//! `Cargo.toml`, and only this module uses the tree.

mod conditions;

use std::collections::BTreeSet;
use std::ops::Range;

use minijinja::machinery::ast::{
    BinOpKind, CallArg, Compare, CompareOpKind, Expr, Stmt, UnaryOp, UnaryOpKind,
};
use minijinja::machinery::{Span, parse, parse_expr};
use minijinja::syntax::SyntaxConfig;

use crate::core::code::Code;
use crate::core::name;
use crate::template::environment::{GLOBALS, filter_names, function_names, test_names};
use crate::template::{Comparison, Mention, Mentions, Presence, SyntaxError, syntax};

/// Inspects an expression; `offset` is its start in the template.
pub fn expression(source: &str, offset: usize, faults: &mut Vec<SyntaxError>) -> Option<Mentions> {
    match parse_expr(source) {
        Ok(tree) => {
            let mut walker = Walker::new(source, offset);
            walker.expr(&tree);
            Some(walker.finish(faults))
        }
        Err(error) => {
            let mut fault = syntax::from_minijinja(&error, source, 0);
            fault.range = fault.range.start + offset..fault.range.end + offset;
            faults.push(fault);
            None
        }
    }
}

/// Inspects a document, and returns its mentions and included files.
pub fn document(source: &str, faults: &mut Vec<SyntaxError>) -> Option<(Mentions, Vec<String>)> {
    match parse(source, "template", SyntaxConfig::default()) {
        Ok(tree) => {
            let mut walker = Walker::new(source, 0);
            walker.files = Some(Vec::new());
            walker.stmt(&tree);
            let files = walker.files.take().unwrap_or_default();
            Some((walker.finish(faults), files))
        }
        Err(error) => {
            faults.push(syntax::from_minijinja(&error, source, 0));
            None
        }
    }
}

/// Inspects a template with statements.
pub fn statements(source: &str, faults: &mut Vec<SyntaxError>) -> Option<Mentions> {
    match parse(source, "template", SyntaxConfig::default()) {
        Ok(tree) => {
            let mut walker = Walker::new(source, 0);
            walker.stmt(&tree);
            Some(walker.finish(faults))
        }
        Err(error) => {
            faults.push(syntax::from_minijinja(&error, source, 0));
            None
        }
    }
}

struct Walker<'s> {
    source: &'s str,
    offset: usize,
    mentions: Vec<Mention>,
    presences: Vec<Presence>,
    comparisons: Vec<Comparison>,
    tested: Vec<String>,
    bindings: Vec<(String, Option<Vec<String>>)>,
    /// Names set by the template itself. Their scope is left to rendering.
    locals: BTreeSet<String>,
    /// The included files, if includes are allowed.
    files: Option<Vec<String>>,
    faults: Vec<SyntaxError>,
}

impl<'s> Walker<'s> {
    fn new(source: &'s str, offset: usize) -> Self {
        Self {
            source,
            offset,
            mentions: Vec::new(),
            presences: Vec::new(),
            comparisons: Vec::new(),
            tested: Vec::new(),
            bindings: Vec::new(),
            locals: BTreeSet::new(),
            files: None,
            faults: Vec::new(),
        }
    }

    fn finish(self, faults: &mut Vec<SyntaxError>) -> Mentions {
        faults.extend(self.faults);
        let is_local = |mention: &Mention| self.locals.contains(mention.root());
        let is_of_scope = |mention: &Mention| !GLOBALS.contains(&mention.root());
        let mentions = self.mentions.into_iter().filter(is_of_scope);
        let (shadowed, list) = mentions.partition(is_local);
        let mut presences = self.presences;
        presences.retain(|presence| is_of_scope(&presence.of) && !is_local(&presence.of));
        let mut comparisons = self.comparisons;
        comparisons.retain(|one| is_of_scope(&one.of) && !is_local(&one.of));
        Mentions {
            list,
            shadowed,
            presences,
            comparisons,
            tested: self.tested,
            bindings: self.bindings,
        }
    }

    fn range(&self, span: Span) -> Range<usize> {
        let end = (span.end_offset as usize).min(self.source.len());
        let start = (span.start_offset as usize).min(end);
        start + self.offset..end + self.offset
    }

    /// Returns the range of a word in an expression: its last occurrence, since minijinja only
    /// gives the span of the whole expression.
    fn word(&self, span: Span, word: &str) -> Range<usize> {
        let range = self.range(span);
        let text = &self.source[range.start - self.offset..range.end - self.offset];
        match text.rfind(word) {
            Some(at) => range.start + at..range.start + at + word.len(),
            None => range,
        }
    }

    /// Refuses a filter or a test that does not exist.
    fn known(&mut self, code: Code, word: &str, span: Span, known: Vec<&'static str>) {
        if known.contains(&word) {
            return;
        }
        let kind = if code == Code::UnknownTest {
            "test"
        } else {
            "filter"
        };
        self.faults.push(SyntaxError {
            code,
            message: format!("no {kind} `{word}`"),
            range: self.word(span, word),
            help: name::nearest(word, known).map(|near| format!("did you mean `{near}`?")),
        });
    }

    fn block(&mut self, statements: &[Stmt]) {
        for statement in statements {
            self.stmt(statement);
        }
    }

    fn target(&mut self, target: &Expr) {
        match target {
            Expr::Var(var) => {
                self.locals.insert(var.id.to_owned());
                self.bindings.push((var.id.to_owned(), None));
            }
            Expr::List(list) => list.items.iter().for_each(|item| self.target(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.target(item)),
            other => self.expr(other),
        }
    }

    fn stmt(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Template(template) => self.block(&template.children),
            Stmt::EmitExpr(emit) => self.expr(&emit.expr),
            Stmt::EmitRaw(_) => {}
            Stmt::ForLoop(for_loop) => {
                self.locals.insert("loop".to_owned());
                self.target(&for_loop.target);
                if let (Expr::Var(_), Some(list)) = (&for_loop.target, self.path(&for_loop.iter))
                    && let Some((_, of)) = self.bindings.last_mut()
                {
                    *of = Some(list.path);
                }
                self.expr(&for_loop.iter);
                for_loop.filter_expr.iter().for_each(|expr| self.expr(expr));
                self.block(&for_loop.body);
                self.block(&for_loop.else_body);
            }
            Stmt::IfCond(condition) => {
                self.expr(&condition.expr);
                self.block(&condition.true_body);
                self.block(&condition.false_body);
            }
            Stmt::WithBlock(with) => {
                for (target, value) in &with.assignments {
                    self.target(target);
                    self.expr(value);
                }
                self.block(&with.body);
            }
            Stmt::Set(set) => {
                self.target(&set.target);
                self.expr(&set.expr);
            }
            Stmt::SetBlock(set) => {
                self.target(&set.target);
                set.filter.iter().for_each(|filter| self.expr(filter));
                self.block(&set.body);
            }
            Stmt::AutoEscape(escape) => self.block(&escape.body),
            Stmt::FilterBlock(filter) => {
                self.expr(&filter.filter);
                self.block(&filter.body);
            }
            Stmt::Macro(definition) => {
                self.locals.insert(definition.name.to_owned());
                self.locals.insert("caller".to_owned());
                definition.args.iter().for_each(|arg| self.target(arg));
                definition.defaults.iter().for_each(|expr| self.expr(expr));
                self.block(&definition.body);
            }
            Stmt::CallBlock(call) => {
                self.expr(&call.call.expr);
                self.args(&call.call.args);
                let body = &call.macro_decl;
                body.args.iter().for_each(|arg| self.target(arg));
                self.block(&body.body);
            }
            Stmt::Do(call) => {
                self.expr(&call.call.expr);
                self.args(&call.call.args);
            }
            Stmt::Block(block) => self.block(&block.body),
            Stmt::Import(import) => {
                self.target(&import.name);
                self.file(&import.expr, import.span());
            }
            Stmt::FromImport(import) => {
                for (name, alias) in &import.names {
                    self.target(alias.as_ref().unwrap_or(name));
                }
                self.file(&import.expr, import.span());
            }
            Stmt::Extends(extends) => {
                // The names used by a block may be set in the extended file.
                self.locals.insert("super".to_owned());
                self.file(&extends.name, extends.span());
            }
            Stmt::Include(include) => self.file(&include.name, include.span()),
        }
    }

    /// Adds a file named in a statement.
    fn file(&mut self, name: &Expr, span: Span) {
        if let Some(files) = &mut self.files {
            if let Expr::Const(constant) = name
                && let Some(name) = constant.value.as_str()
            {
                files.push(name.to_owned());
                return;
            }
            self.expr(name);
            return;
        }
        self.faults.push(SyntaxError {
            code: Code::TemplateReadsFile,
            message: "a template of a request cannot include files".to_owned(),
            range: self.range(span),
            help: None,
        });
    }

    fn expr(&mut self, expr: &Expr) {
        if let Some(mention) = self.path(expr) {
            self.mentions.push(mention);
            return;
        }
        match expr {
            Expr::Var(_) | Expr::Const(_) => {}
            Expr::Slice(slice) => {
                self.expr(&slice.expr);
                for part in [&slice.start, &slice.stop, &slice.step]
                    .into_iter()
                    .flatten()
                {
                    self.expr(part);
                }
            }
            Expr::UnaryOp(unary) => self.unary(unary),
            Expr::BinOp(binary) => {
                self.expr(&binary.left);
                self.expr(&binary.right);
                match binary.op {
                    BinOpKind::In => {
                        self.key(&binary.left, &binary.right, true);
                        self.compared(&binary.left, &binary.right);
                    }
                    BinOpKind::Eq | BinOpKind::Ne => {
                        self.compared(&binary.left, &binary.right);
                        self.compared(&binary.right, &binary.left);
                    }
                    _ => {}
                }
            }
            Expr::Compare(compare) => self.compare(compare),
            Expr::IfExpr(inline) => {
                self.expr(&inline.test_expr);
                self.expr(&inline.true_expr);
                inline.false_expr.iter().for_each(|expr| self.expr(expr));
            }
            Expr::Filter(filter) => {
                filter.expr.iter().for_each(|expr| self.expr(expr));
                self.args(&filter.args);
                if matches!(filter.name, "default" | "d") {
                    self.tested.extend(filter.expr.as_ref().and_then(indexed));
                }
                let known = filter_names().collect();
                self.known(Code::UnknownFilter, filter.name, filter.span(), known);
            }
            Expr::Test(test) => {
                self.expr(&test.expr);
                self.args(&test.args);
                self.defined(test);
                // Operators are tests, too.
                if test.name.starts_with(char::is_alphabetic) {
                    let known = test_names().collect();
                    self.known(Code::UnknownTest, test.name, test.span(), known);
                }
            }
            Expr::GetAttr(attribute) => self.expr(&attribute.expr),
            Expr::GetItem(item) => {
                self.expr(&item.expr);
                self.expr(&item.subscript_expr);
            }
            Expr::Call(call) => {
                // A method (`x.split(",")`) belongs to a value: only the value is a name.
                match &call.expr {
                    Expr::GetAttr(method) => self.expr(&method.expr),
                    Expr::Var(var) if function_names().any(|name| name == var.id) => {}
                    function => self.expr(function),
                }
                self.args(&call.args);
            }
            Expr::List(list) => list.items.iter().for_each(|item| self.expr(item)),
            Expr::Tuple(tuple) => tuple.items.iter().for_each(|item| self.expr(item)),
            Expr::Map(map) => map
                .keys
                .iter()
                .chain(&map.values)
                .for_each(|expr| self.expr(expr)),
        }
    }

    fn args(&mut self, args: &[CallArg]) {
        for arg in args {
            match arg {
                CallArg::Pos(expr)
                | CallArg::Kwarg(_, expr)
                | CallArg::PosSplat(expr)
                | CallArg::KwargSplat(expr) => self.expr(expr),
            }
        }
    }

    fn unary(&mut self, unary: &UnaryOp) {
        let before = self.presences.len();
        self.expr(&unary.expr);
        // `is not defined` and `not in` are a `not` around the test.
        let is_test = match &unary.expr {
            Expr::Test(_) => true,
            Expr::BinOp(binary) => matches!(binary.op, BinOpKind::In),
            _ => false,
        };
        if is_test
            && matches!(unary.op, UnaryOpKind::Not)
            && let Some(presence) = self.presences[before..].last_mut()
        {
            presence.is_positive = !presence.is_positive;
        }
    }

    fn compare(&mut self, compare: &Compare) {
        self.expr(&compare.expr);
        let mut left = &compare.expr;
        for op in &compare.ops {
            self.expr(&op.expr);
            match op.op {
                CompareOpKind::In => {
                    self.key(left, &op.expr, true);
                    self.compared(left, &op.expr);
                }
                CompareOpKind::NotIn => {
                    self.key(left, &op.expr, false);
                    self.compared(left, &op.expr);
                }
                CompareOpKind::Eq | CompareOpKind::Ne => {
                    self.compared(left, &op.expr);
                    self.compared(&op.expr, left);
                }
                _ => {}
            }
            left = &op.expr;
        }
    }

    /// Returns a plain path such as `env.NAME` or `row["status"]`.
    fn path(&self, expr: &Expr) -> Option<Mention> {
        let (inner, attribute, span) = match expr {
            Expr::Var(var) => {
                return Some(Mention {
                    path: vec![var.id.to_owned()],
                    range: self.range(var.span()),
                });
            }
            Expr::GetAttr(attribute) => {
                (&attribute.expr, attribute.name.to_owned(), attribute.span())
            }
            Expr::GetItem(item) => match &item.subscript_expr {
                Expr::Const(key) => (&item.expr, key.value.as_str()?.to_owned(), item.span()),
                _ => return None,
            },
            _ => return None,
        };
        let mut mention = self.path(inner)?;
        mention.path.push(attribute);
        mention.range.end = mention.range.end.max(self.range(span).end);
        Some(mention)
    }
}

/// Returns a path with indices as it is written: `rows[5].id`. A computed index is `[*]`.
fn indexed(expr: &Expr) -> Option<String> {
    match expr {
        Expr::Var(var) => Some(var.id.to_owned()),
        Expr::GetAttr(attribute) => {
            let inner = indexed(&attribute.expr)?;
            Some(format!("{inner}.{}", attribute.name))
        }
        Expr::GetItem(item) => {
            let inner = indexed(&item.expr)?;
            let key = match &item.subscript_expr {
                Expr::Const(key) => Some(&key.value),
                _ => None,
            };
            Some(match key.map(|key| (key.as_i64(), key.as_str())) {
                Some((Some(index), _)) => format!("{inner}[{index}]"),
                Some((None, Some(name))) => format!("{inner}.{name}"),
                _ => format!("{inner}[*]"),
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(source: &str) -> Vec<String> {
        let mut faults = Vec::new();
        let mentions = statements(source, &mut faults).expect("it parses");
        assert!(faults.is_empty(), "{faults:?}");
        mentions
            .iter()
            .map(|mention| mention.path.join("."))
            .collect()
    }

    #[test]
    fn names_are_found_with_their_attributes() {
        assert_eq!(
            paths("{{ env.A }} {{ b | default(c) }}"),
            ["env.A", "b", "c"]
        );
        assert_eq!(
            paths("{{ row['x'].y }} {{ a.split(',') }}"),
            ["row.x.y", "a"]
        );
        assert_eq!(
            paths("{% set z = q %}{% for i in list %}{{ i.a ~ z ~ loop.index }}{% endfor %}"),
            ["q", "list"]
        );
        assert_eq!(
            paths("{{ now() }} {{ x if y is defined else 1 }}"),
            ["y", "x"]
        );
        assert_eq!(
            paths("{{ today(tz=zone).start }} {{ today }} {{ diff(a, b, key='c') }}"),
            ["zone", "today", "a", "b"]
        );
    }

    #[test]
    fn members_of_records_are_found_in_loops() {
        let members = |source: &str| {
            let mentions = statements(source, &mut Vec::new()).expect("it parses");
            let members = mentions.members_in_loops(&["data", "jobs"]);
            members
                .map(|mention| mention.path.join("."))
                .collect::<Vec<_>>()
        };
        let body = "{{ job.name }}{% if job.a.b %}{{ job }}{% endif %}{% endfor %}";
        let once = format!("{{% for job in data.jobs if job.c %}}{body}");
        assert_eq!(members(&once), ["job.c", "job.name", "job.a.b"]);
        assert_eq!(members(&format!("{once}{once}")).len(), 6);
        let filtered = format!("{{% for job in data.jobs | sort %}}{body}");
        assert!(members(&filtered).is_empty());
        assert!(members(&format!("{once}{filtered}")).is_empty());
        assert!(members(&format!("{once}{{% set job = 1 %}}")).is_empty());
    }

    #[test]
    fn a_mention_knows_its_bytes() {
        let mut faults = Vec::new();
        let source = "a.b + c";
        let mentions = expression(source, 10, &mut faults).expect("it parses");
        let ranges: Vec<_> = mentions
            .iter()
            .map(|mention| mention.range.clone())
            .collect();
        assert_eq!(ranges, [10..13, 16..17]);
    }

    #[test]
    fn comparisons_with_words_are_found() {
        let mut faults = Vec::new();
        let source = r#"row.a == "x" and "y" != b or c.d in ["u", "v", e] and f | lower == "w""#;
        let mentions = expression(source, 0, &mut faults).expect("it parses");
        let found: Vec<(String, Vec<&str>)> = mentions
            .comparisons()
            .map(|one| {
                let ranges = one.words.iter().map(|(_, range)| &source[range.clone()]);
                (one.of.path.join("."), ranges.collect())
            })
            .collect();
        let expected = [
            ("row.a", vec!["x"]),
            ("b", vec!["y"]),
            ("c.d", vec!["u", "v"]),
        ];
        assert_eq!(found, expected.map(|(of, words)| (of.to_owned(), words)));
    }

    #[test]
    fn unknown_filters_and_tests_are_pointed_at() {
        let mut faults = Vec::new();
        expression("a | trimm is definde", 0, &mut faults);
        let seen: Vec<_> = faults
            .iter()
            .map(|fault| {
                (
                    fault.message.as_str(),
                    fault.range.clone(),
                    fault.help.as_deref(),
                )
            })
            .collect();
        assert_eq!(
            seen,
            [
                ("no filter `trimm`", 4..9, Some("did you mean `trim`?")),
                ("no test `definde`", 13..20, Some("did you mean `defined`?")),
            ]
        );
    }
}
