//! Parsed expressions and their evaluation.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Expression as Compiled, Value};
use serde_json::Value as Json;

use crate::core::code::Code;
use crate::core::source::{Place, Text};
use crate::template::bounds::{Rendering, check_value};
use crate::template::environment::{Omit, Rules, environment, holds_omit};
use crate::template::filters::SlashedPath;
use crate::template::rewrite::Rewritten;
use crate::template::syntax;
use crate::template::value::unsigned_zero;
use crate::template::{Mention, Mentions, RenderError, Scope, SyntaxError, inspect};

/// Filters that take null for a value they cannot read, over a record; `time` includes `time_bucket`.
const READING_FILTERS: [&str; 7] = [
    "time", "date", "ago", "duration", "minutes", "percent", "number",
];

/// A parsed bare expression, such as `row.status == "failed"`.
#[derive(Clone)]
pub struct Expression {
    text: Text,
    range: Range<usize>,
    compiled: Arc<Compiled<'static, 'static>>,
    mentions: Arc<Mentions>,
    rules: Rules,
    rewritten: Arc<Rewritten>,
    /// The names of a plain path `a.b.c`, which returns its value unchanged.
    path: Option<Vec<String>>,
    /// True if it contains a filter that takes null for what it cannot read.
    may_misread: bool,
}

impl fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.source())
    }
}

impl Expression {
    /// Parses a bare expression over records.
    ///
    /// # Errors
    ///
    /// All faults that can be found without values: syntax, unknown filters and tests.
    pub fn parse(text: &Text) -> Result<Self, Vec<SyntaxError>> {
        Self::parse_with(text, Rules::Condition)
    }

    /// Parses an expression in which a comparison of incomparable values is an error.
    ///
    /// # Errors
    ///
    /// As [`Expression::parse`].
    pub fn parse_ordered(text: &Text) -> Result<Self, Vec<SyntaxError>> {
        Self::parse_with(text, Rules::Record)
    }

    fn parse_with(text: &Text, rules: Rules) -> Result<Self, Vec<SyntaxError>> {
        if let Some(inner) = text.value.trim().strip_prefix("{{") {
            return Err(vec![SyntaxError {
                code: Code::ExpressionInBraces,
                message: "expected a bare expression, without `{{` and `}}`".to_owned(),
                range: 0..text.value.len(),
                help: Some(format!("write `{}`", inner.trim_end_matches("}}").trim())),
            }]);
        }
        Self::part(text, 0..text.value.len(), rules)
    }

    pub(super) fn part(
        text: &Text,
        range: Range<usize>,
        rules: Rules,
    ) -> Result<Self, Vec<SyntaxError>> {
        let mut faults = Vec::new();
        let source = &text.value[range.clone()];
        if source.trim().is_empty() {
            return Err(vec![SyntaxError {
                code: Code::TemplateSyntax,
                message: "missing expression".to_owned(),
                range: 0..text.value.len(),
                help: None,
            }]);
        }
        syntax::check_size(source, true).map_err(|fault| vec![fault])?;
        let mentions = inspect::expression(source, range.start, &mut faults);
        let rewritten = Arc::new(Rewritten::expression(source));
        let compiled = environment(rules)
            .compile_expression_owned(rewritten.source.clone())
            .map_err(|error| rewritten.syntax_error(&error, source));
        if faults.is_empty() && compiled.is_ok() {
            faults.extend(rewritten.fault());
        }
        match (mentions, compiled) {
            (Some(mentions), Ok(compiled)) if faults.is_empty() => Ok(Self {
                path: plain_path(source.trim()),
                may_misread: READING_FILTERS.iter().any(|name| source.contains(name)),
                text: text.clone(),
                range,
                compiled: Arc::new(compiled),
                mentions: Arc::new(mentions),
                rules,
                rewritten,
            }),
            (_, Err(fault)) if faults.is_empty() => Err(vec![fault]),
            _ => Err(faults),
        }
    }

    /// Returns the expression as written.
    pub fn source(&self) -> &str {
        &self.text.value[self.range.clone()]
    }

    /// Returns the text that it stands in, with its place.
    pub fn text_in_file(&self) -> &Text {
        &self.text
    }

    /// Returns true if the filter `path` is in it, which keeps the slashes of a value.
    pub fn keeps_slashes(&self) -> bool {
        let mut filters = self.source().split('|').skip(1);
        filters.any(|filter| {
            let filter = filter.trim_start();
            let end = filter.find(|c: char| !c.is_alphanumeric() && c != '_');
            &filter[..end.unwrap_or(filter.len())] == "path"
        })
    }

    /// Returns the place of the expression.
    pub fn place(&self) -> Place {
        self.text.locate(self.range.clone())
    }

    /// Returns the names it needs from its scope.
    pub fn mentions(&self) -> &Mentions {
        &self.mentions
    }

    /// Evaluates the expression to JSON.
    ///
    /// # Errors
    ///
    /// If a name is undefined, or the values do not match the operators and filters.
    pub fn json(&self, scope: &Scope) -> Result<Json, RenderError> {
        self.json_or_omitted(scope)?.ok_or_else(|| {
            RenderError::new(
                &self.place(),
                "`omit` is not allowed here: nothing can be omitted",
            )
        })
    }

    /// Evaluates the expression to JSON; `None` if it is `omit`.
    ///
    /// # Errors
    ///
    /// As [`Expression::json`].
    pub fn json_or_omitted(&self, scope: &Scope) -> Result<Option<Json>, RenderError> {
        let value = self.value(scope)?;
        if let Some(exact) = self.exact(scope) {
            return Ok(Some(exact.clone()));
        }
        let wrong = |words: String| RenderError::new(&self.place(), words);
        if value.downcast_object_ref::<Omit>().is_some() {
            return Ok(None);
        }
        // Only an expression that names it can contain it; others need no search.
        if self.source().contains("omit") && holds_omit(&value) {
            return Err(wrong(
                "`omit` must be the whole value, not a part of one".to_owned(),
            ));
        }
        if value.downcast_object_ref::<SlashedPath>().is_some() {
            return Err(wrong("`path` is for an endpoint".to_owned()));
        }
        if matches!(
            value.kind(),
            ValueKind::Seq | ValueKind::Map | ValueKind::Iterable
        ) {
            check_value(&value).map_err(|error| self.fault(&error))?;
        }
        serde_json::to_value(unsigned_zero(value))
            .map(Some)
            .map_err(|error| wrong(error.to_string()))
    }

    /// Evaluates the expression over a record; null if a field it needs is missing.
    ///
    /// # Errors
    ///
    /// If the values exist but do not match the operators and filters.
    pub fn json_of_record(&self, scope: &Scope) -> Result<Json, RenderError> {
        match self.json(scope) {
            Err(_) if self.lacks_a_value(scope) => Ok(Json::Null),
            other => other,
        }
    }

    /// Returns true if a condition over a record holds; it does not if it needs a missing field.
    ///
    /// # Errors
    ///
    /// As [`Expression::json_of_record`].
    pub fn holds(&self, scope: &Scope) -> Result<bool, RenderError> {
        match self.value(scope) {
            Ok(value) => Ok(value.is_true()),
            Err(_) if self.lacks_a_value(scope) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Returns true if the value is true (not null, false, 0 or empty).
    ///
    /// # Errors
    ///
    /// If the expression fails to evaluate, also for lack of a field.
    pub fn is_true(&self, scope: &Scope) -> Result<bool, RenderError> {
        Ok(self.value(scope)?.is_true())
    }

    /// Returns true if a name or field in the expression is null or missing.
    pub(super) fn lacks_a_value(&self, scope: &Scope) -> bool {
        let root = scope.to_value();
        // An unset variable is the caller's fault, not the record's.
        let of_record = |mention: &&Mention| !matches!(mention.root(), "env" | "git");
        self.mentions.iter().filter(of_record).any(|mention| {
            let mut value = root.clone();
            for step in &mention.path {
                match value.get_attr(step) {
                    Ok(inner)
                        if !matches!(inner.kind(), ValueKind::Undefined | ValueKind::None) =>
                    {
                        value = inner;
                    }
                    _ => return true,
                }
            }
            false
        })
    }

    /// Evaluates the expression for output in a text: a number that is passed on unchanged keeps
    /// its spelling.
    pub(super) fn printed(&self, scope: &Scope) -> Result<Value, RenderError> {
        let value = self.value(scope)?;
        Ok(match self.exact(scope) {
            Some(Json::Number(number)) => Value::from(number.as_str()),
            _ => value,
        })
    }

    /// Returns the original JSON of a value that is passed on unchanged, if templates would write
    /// it differently.
    pub(super) fn exact<'s>(&self, scope: &'s Scope) -> Option<&'s Json> {
        let exact = scope.exact(self.path.as_deref()?)?;
        scope
            .veil_of(self.source(), &self.mentions)
            .is_none()
            .then_some(exact)
    }

    pub(super) fn value(&self, scope: &Scope) -> Result<Value, RenderError> {
        if let Some(mark) = scope.veil_of(self.source(), &self.mentions) {
            return Ok(Value::from(mark));
        }
        let _rendering = Rendering::of(&self.text, self.range.clone());
        let value = self.compiled.eval(scope.to_value()).map_err(|error| {
            let fault = || scope.fault_of(&self.mentions, self.fault(&error));
            self.unset(scope).unwrap_or_else(fault)
        });
        if self.rules != Rules::Strict && self.may_misread {
            scope.settle_unreadable(self.source(), &self.mentions);
        }
        let value = value?;
        if value.is_undefined() && self.rules != Rules::Strict {
            return self.unset(scope).map_or_else(|| Ok(Value::from(())), Err);
        }
        if value.is_undefined() {
            if let Some(error) = self.unset(scope) {
                return Err(error);
            }
            let mut error =
                RenderError::new(&self.place(), format!("`{}` is undefined", self.source()));
            error.undefined = Some(self.source().to_owned());
            return Err(error);
        }
        Ok(value)
    }

    /// Returns the error for an unset variable or fact, which is the likely cause of any other
    /// error.
    fn unset(&self, scope: &Scope) -> Option<RenderError> {
        let root = scope.to_value();
        let unset = self.mentions.iter().find(|mention| {
            matches!(mention.root(), "env" | "git")
                && mention.path.get(1).is_some_and(|name| {
                    let names = root.get_attr(mention.root());
                    names
                        .and_then(|names| names.get_attr(name))
                        .is_ok_and(|value| value.is_undefined())
                })
        })?;
        let name = unset.path[..2].join(".");
        let place = self.text.locate(unset.range.clone());
        let mut error = RenderError::new(&place, format!("`{name}` is undefined"));
        error.undefined = Some(name);
        Some(error)
    }

    pub(super) fn fault(&self, error: &Error) -> RenderError {
        let place = match error.range() {
            Some(range) if !range.is_empty() => {
                let range = self.rewritten.original(range);
                self.text
                    .locate(self.range.start + range.start..self.range.start + range.end)
            }
            _ => self.place(),
        };
        fault(&place, error)
    }
}

/// Returns the names of `a.b.c`; `None` for any other expression.
fn plain_path(source: &str) -> Option<Vec<String>> {
    let names = source.split('.').map(str::to_owned);
    names
        .map(|name| crate::core::name::is_identifier(&name).then_some(name))
        .collect()
}

/// Rewords an error of minijinja.
pub(super) fn fault(place: &Place, error: &Error) -> RenderError {
    let detail = error
        .detail()
        .map_or_else(|| error.kind().to_string(), str::to_owned);
    let name = detail
        .split('`')
        .nth(1)
        .filter(|_| error.kind() == ErrorKind::UndefinedError)
        .map(str::to_owned);
    let message = match (&name, error.kind()) {
        (Some(name), _) => format!("`{name}` is undefined"),
        (None, ErrorKind::OutOfFuel) => {
            "the template takes too many steps, or its output is too long".to_owned()
        }
        (None, _) => detail,
    };
    let mut error = RenderError::new(place, message);
    error.undefined = name;
    error
}
