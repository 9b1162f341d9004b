//! Parsed templates and conditions, and what they give in a scope.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use minijinja::value::ValueKind;
use minijinja::{Error, ErrorKind, Expression as Compiled, Value};
use serde_json::Value as Json;

use crate::core::source::{Place, Text};
use crate::template::environment::{Missing, Omit, environment, holds_omit, to_text};
use crate::template::filters::SlashedPath;
use crate::template::route::{BaseUrl, Route};
use crate::template::syntax::{self, Fragment};
use crate::template::{Mention, Mentions, RenderError, Scope, SyntaxError, inspect};

/// A parsed bare expression, such as `row.status == "failed"`.
#[derive(Clone)]
pub struct Expression {
    text: Text,
    range: Range<usize>,
    compiled: Arc<Compiled<'static, 'static>>,
    mentions: Mentions,
    missing: Missing,
}

/// A parsed text with `{{ … }}` in it.
#[derive(Debug, Clone)]
pub struct Template {
    text: Text,
    body: Body,
    mentions: Mentions,
    missing: Missing,
}

/// A piece of a template without statements.
#[derive(Debug, Clone)]
pub enum Piece {
    /// Text that stands for itself.
    Raw(String),
    /// A value to put in.
    Hole(Expression),
}

#[derive(Debug, Clone)]
enum Body {
    Pieces(Vec<Piece>),
    Statements,
}

impl fmt::Debug for Expression {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.source())
    }
}

impl Expression {
    /// Reads a bare expression.
    ///
    /// # Errors
    ///
    /// Everything that can be known without values: syntax, unknown filters and tests.
    pub fn parse(text: &Text, missing: Missing) -> Result<Self, Vec<SyntaxError>> {
        if let Some(inner) = text.value.trim().strip_prefix("{{") {
            return Err(vec![SyntaxError {
                code: "expression-in-braces",
                message: "this is a bare expression, without `{{` and `}}`".to_owned(),
                range: 0..text.value.len(),
                help: Some(format!("write `{}`", inner.trim_end_matches("}}").trim())),
            }]);
        }
        Self::part(text, 0..text.value.len(), missing)
    }

    fn part(text: &Text, range: Range<usize>, missing: Missing) -> Result<Self, Vec<SyntaxError>> {
        let mut faults = Vec::new();
        let source = &text.value[range.clone()];
        if source.trim().is_empty() {
            return Err(vec![SyntaxError {
                code: "template-syntax",
                message: "an expression is missing".to_owned(),
                range: 0..text.value.len(),
                help: None,
            }]);
        }
        syntax::check_size(source, true).map_err(|fault| vec![fault])?;
        let mentions = inspect::expression(source, range.start, &mut faults);
        let compiled = environment(missing)
            .compile_expression_owned(source.to_owned())
            .map_err(|error| syntax::from_minijinja(&error, source, 0));
        match (mentions, compiled) {
            (Some(mentions), Ok(compiled)) if faults.is_empty() => Ok(Self {
                text: text.clone(),
                range,
                compiled: Arc::new(compiled),
                mentions,
                missing,
            }),
            (_, Err(fault)) if faults.is_empty() => Err(vec![fault]),
            _ => Err(faults),
        }
    }

    /// The expression as it was written.
    pub fn source(&self) -> &str {
        &self.text.value[self.range.clone()]
    }

    /// Where it stands.
    pub fn place(&self) -> Place {
        self.text.locate(self.range.clone())
    }

    /// The text that it is a part of, with its place.
    pub fn text(&self) -> &Text {
        &self.text
    }

    /// What it needs from its scope.
    pub fn mentions(&self) -> &Mentions {
        &self.mentions
    }

    /// The value, as JSON.
    ///
    /// # Errors
    ///
    /// If a name is undefined, or the values do not suit the operators and filters.
    pub fn json(&self, scope: &Scope) -> Result<Json, RenderError> {
        self.json_or_omitted(scope)?.ok_or_else(|| {
            RenderError::new(
                &self.place(),
                "`omit` has no meaning here: nothing can be left out",
            )
        })
    }

    /// The value, as JSON; nothing if it is `omit`.
    ///
    /// # Errors
    ///
    /// As [`Expression::json`].
    pub fn json_or_omitted(&self, scope: &Scope) -> Result<Option<Json>, RenderError> {
        let value = self.value(scope)?;
        let wrong = |words: String| RenderError::new(&self.place(), words);
        if value.downcast_object_ref::<Omit>().is_some() {
            return Ok(None);
        }
        // Only an expression that names it can hold it: others need not be searched.
        if self.source().contains("omit") && holds_omit(&value) {
            return Err(wrong(
                "`omit` must be the whole value, not a part of one".to_owned(),
            ));
        }
        if value.downcast_object_ref::<SlashedPath>().is_some() {
            return Err(wrong("`path` is for an endpoint".to_owned()));
        }
        serde_json::to_value(&value)
            .map(Some)
            .map_err(|error| wrong(error.to_string()))
    }

    /// The value where a record may lack what the expression asks for: null then.
    ///
    /// # Errors
    ///
    /// If the values are there and do not suit the operators and filters.
    pub fn json_of_record(&self, scope: &Scope) -> Result<Json, RenderError> {
        match self.json(scope) {
            Err(_) if self.lacks_a_value(scope) => Ok(Json::Null),
            other => other,
        }
    }

    /// Whether a condition over a record holds; one that needs a missing field does not.
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

    /// Whether a name or field that the expression mentions is null or missing.
    fn lacks_a_value(&self, scope: &Scope) -> bool {
        let root = scope.to_value();
        // A variable that is not set is the caller's fault, not the record's.
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

    fn value(&self, scope: &Scope) -> Result<Value, RenderError> {
        if let Some(mark) = scope.veil_of(self.source(), &self.mentions) {
            return Ok(Value::from(mark));
        }
        let value = self
            .compiled
            .eval(scope.to_value())
            .map_err(|error| self.unset(scope).unwrap_or_else(|| self.fault(&error)))?;
        if value.is_undefined() && self.missing == Missing::Null {
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

    /// Whatever failed: a variable or fact that is not set is what has to be told.
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

    fn fault(&self, error: &Error) -> RenderError {
        let place = match error.range() {
            Some(range) if !range.is_empty() => self
                .text
                .locate(self.range.start + range.start..self.range.start + range.end),
            _ => self.place(),
        };
        fault(&place, error)
    }
}

/// A fault of minijinja's in words of ours.
fn fault(place: &Place, error: &Error) -> RenderError {
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
        (None, ErrorKind::OutOfFuel) => "the template does not come to an end".to_owned(),
        (None, _) => detail,
    };
    let mut error = RenderError::new(place, message);
    error.undefined = name;
    error
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    ///
    /// Everything that can be known without values: syntax, unknown filters and tests.
    pub fn parse(text: &Text) -> Result<Self, Vec<SyntaxError>> {
        Self::with_missing(text, Missing::Fault)
    }

    /// Reads a template over a record, which may lack fields: they are null.
    ///
    /// # Errors
    ///
    /// As [`Template::parse`].
    pub fn of_record(text: &Text) -> Result<Self, Vec<SyntaxError>> {
        Self::with_missing(text, Missing::Null)
    }

    fn with_missing(text: &Text, missing: Missing) -> Result<Self, Vec<SyntaxError>> {
        let fragments = syntax::split(&text.value).map_err(|fault| vec![fault])?;
        let mut mentions = Mentions::default();
        let mut faults = Vec::new();
        let body = match fragments {
            None => {
                mentions.extend(inspect::statements(&text.value, &mut faults).unwrap_or_default());
                Body::Statements
            }
            Some(fragments) => {
                let mut pieces = Vec::with_capacity(fragments.len());
                for fragment in fragments {
                    match fragment {
                        Fragment::Raw(raw) => pieces.push(Piece::Raw(raw)),
                        Fragment::Hole(range) => match Expression::part(text, range, missing) {
                            Ok(expression) => {
                                mentions.extend(expression.mentions.clone());
                                pieces.push(Piece::Hole(expression));
                            }
                            Err(more) => faults.extend(more),
                        },
                    }
                }
                Body::Pieces(pieces)
            }
        };
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Self {
            text: text.clone(),
            body,
            mentions,
            missing,
        })
    }

    /// What a text mentions, as far as it can be understood, however wrong the rest of it is.
    pub fn mentions_of(text: &Text) -> Mentions {
        let mut mentions = Mentions::default();
        let mut faults = Vec::new();
        match syntax::split(&text.value) {
            Ok(Some(fragments)) => {
                for fragment in fragments {
                    if let Fragment::Hole(range) = fragment {
                        let source = &text.value[range.clone()];
                        let found = inspect::expression(source, range.start, &mut faults);
                        mentions.extend(found.unwrap_or_default());
                    }
                }
            }
            Ok(None) => {
                let found = inspect::statements(&text.value, &mut faults);
                mentions.extend(found.unwrap_or_default());
            }
            Err(_) => {}
        }
        mentions
    }

    /// The template as it was written.
    pub fn source(&self) -> &str {
        &self.text.value
    }

    /// Where it stands.
    pub fn place(&self) -> &Place {
        &self.text.place
    }

    /// Its text with its place.
    pub fn text_in_file(&self) -> &Text {
        &self.text
    }

    /// What it needs from its scope.
    pub fn mentions(&self) -> &Mentions {
        &self.mentions
    }

    /// Its pieces; `None` if it has statements.
    pub fn pieces(&self) -> Option<&[Piece]> {
        match &self.body {
            Body::Pieces(pieces) => Some(pieces),
            Body::Statements => None,
        }
    }

    /// Whether it is the same in every scope.
    pub fn is_constant(&self) -> bool {
        matches!(&self.body, Body::Pieces(pieces)
            if pieces.iter().all(|piece| matches!(piece, Piece::Raw(_))))
    }

    /// As text.
    ///
    /// # Errors
    ///
    /// If a name is undefined, a value is null, or values do not suit operators and filters.
    pub fn text(&self, scope: &Scope) -> Result<String, RenderError> {
        match &self.body {
            Body::Statements if scope.veil_of(self.source(), &self.mentions).is_some() => Ok(scope
                .veil_of(self.source(), &self.mentions)
                .unwrap_or_default()
                .to_owned()),
            Body::Statements => environment(self.missing)
                .render_named_str("template", self.source(), scope.to_value())
                .map_err(|error| {
                    let place = error
                        .range()
                        .map_or_else(|| self.text.place.clone(), |range| self.text.locate(range));
                    fault(&place, &error)
                }),
            Body::Pieces(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Raw(raw) => text.push_str(raw),
                        Piece::Hole(hole) => {
                            let value = hole.value(scope)?;
                            text.push_str(&to_text(&value).map_err(|error| hole.fault(&error))?);
                        }
                    }
                }
                Ok(text)
            }
        }
    }

    /// As a typed value: a single `{{ expression }}` keeps its type, anything else is text.
    ///
    /// # Errors
    ///
    /// As [`Template::text`], but null is a value here.
    pub fn json(&self, scope: &Scope) -> Result<Json, RenderError> {
        match self.single() {
            Some(hole) => hole.json(scope),
            None => self.text(scope).map(Json::String),
        }
    }

    /// As [`Template::json`]; nothing if the single expression gives `omit`.
    ///
    /// # Errors
    ///
    /// As [`Template::json`].
    pub fn json_or_omitted(&self, scope: &Scope) -> Result<Option<Json>, RenderError> {
        match self.single() {
            Some(hole) => hole.json_or_omitted(scope),
            None => self.text(scope).map(|text| Some(Json::String(text))),
        }
    }

    /// As [`Template::json`], over a record that may lack fields: null then.
    ///
    /// # Errors
    ///
    /// If the values are there and do not suit the operators and filters.
    pub fn json_of_record(&self, scope: &Scope) -> Result<Json, RenderError> {
        if let Some(hole) = self.single() {
            return hole.json_of_record(scope);
        }
        let lacks = |piece: &Piece| match piece {
            Piece::Raw(_) => false,
            Piece::Hole(hole) => hole.lacks_a_value(scope),
        };
        match (self.text(scope), &self.body) {
            (Err(_), Body::Pieces(pieces)) if pieces.iter().any(lacks) => Ok(Json::Null),
            (result, _) => result.map(Json::String),
        }
    }

    /// As a route: literal text stays, every value becomes one percent-encoded segment (or part of
    /// one), and only the filter `path` lets a value have slashes.
    ///
    /// # Errors
    ///
    /// As [`Template::text`]; and if a value made a segment empty, `.` or `..`, which would change
    /// the route (RFC 3986, section 5.2.4).
    pub fn segments(&self, scope: &Scope) -> Result<String, RenderError> {
        let Body::Pieces(pieces) = &self.body else {
            return Err(RenderError::new(
                &self.text.place,
                "a route has no statements, only `{{ … }}`",
            ));
        };
        let mut route = Route::default();
        for piece in pieces {
            match piece {
                Piece::Raw(raw) => route.literal(raw)?,
                Piece::Hole(hole) => {
                    let value = hole.value(scope)?;
                    if let Some(path) = value.downcast_object_ref::<SlashedPath>() {
                        for (index, segment) in path.0.split('/').enumerate() {
                            if index > 0 {
                                route.literal("/")?;
                            }
                            route.value(segment, hole);
                        }
                    } else {
                        if matches!(value.kind(), ValueKind::Seq | ValueKind::Map) {
                            return Err(RenderError::new(
                                &hole.place(),
                                format!(
                                    "`{}` is a {}, not a part of a route",
                                    hole.source(),
                                    value.kind()
                                ),
                            ));
                        }
                        let text = to_text(&value).map_err(|error| hole.fault(&error))?;
                        route.value(&text, hole);
                    }
                }
            }
        }
        route.finish()
    }

    /// As a base URL: a value that comes first may be the whole URL; one in the host's name must be
    /// a part of a name, and one in the path becomes a part of one segment.
    ///
    /// # Errors
    ///
    /// As [`Template::segments`]; and if a value would change the host.
    pub fn base_url(&self, scope: &Scope) -> Result<String, RenderError> {
        let Body::Pieces(pieces) = &self.body else {
            return Err(RenderError::new(
                &self.text.place,
                "a base URL has no statements, only `{{ … }}`",
            ));
        };
        let mut base = BaseUrl::default();
        for (index, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Raw(raw) => base.literal(raw)?,
                Piece::Hole(hole) => {
                    let value = hole.value(scope)?;
                    let text = to_text(&value).map_err(|error| hole.fault(&error))?;
                    if index == 0 {
                        base.literal(&text)?;
                    } else {
                        base.value(&text, hole)?;
                    }
                }
            }
        }
        base.finish()
    }

    /// The texts of its values that a condition on what they mention chooses.
    pub fn chosen_texts(
        &self,
        scope: &Scope,
        is_chosen: &dyn Fn(&Mentions) -> bool,
    ) -> Vec<String> {
        let Body::Pieces(pieces) = &self.body else {
            return if is_chosen(&self.mentions) {
                self.text(scope).into_iter().collect()
            } else {
                Vec::new()
            };
        };
        pieces
            .iter()
            .filter_map(|piece| match piece {
                Piece::Hole(hole) if is_chosen(&hole.mentions) => {
                    to_text(&hole.value(scope).ok()?).ok()
                }
                _ => None,
            })
            .collect()
    }

    fn single(&self) -> Option<&Expression> {
        let Body::Pieces(pieces) = &self.body else {
            return None;
        };
        let mut holes = pieces
            .iter()
            .filter(|piece| !matches!(piece, Piece::Raw(raw) if raw.trim().is_empty()));
        match (holes.next(), holes.next()) {
            (Some(Piece::Hole(hole)), None) => Some(hole),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::core::source::{SourceFile, Span};
    use crate::template::{Clock, Lookup};

    fn text(source: &str) -> Text {
        let file = SourceFile::new("q.yaml", "q.yaml", source);
        let span = Span::new(0, source.len());
        Text::new(source, &Place { file, span })
    }

    fn template(source: &str) -> Template {
        Template::parse(&text(source)).unwrap_or_else(|faults| panic!("{faults:?}"))
    }

    fn scope(names: &Json) -> Scope {
        let clock = Clock("2026-11-02T09:30:00Z".parse().expect("a fixed time"));
        let env: Lookup = Arc::new(|name| (name == "HOME").then(|| json!("/home/ann")));
        let scope = Scope::new(clock, [("env", env)]);
        let members = names.as_object().expect("an object");
        scope.with_all(members.iter().map(|(name, value)| (name.as_str(), value)))
    }

    fn route(source: &str, names: &Json) -> Result<String, String> {
        template(source)
            .segments(&scope(names))
            .map_err(|error| error.message)
    }

    #[test]
    fn a_value_is_one_segment_of_a_route() {
        let names = json!({"a": "feature/a b&c#1+é%41", "n": 7, "t": true});
        assert_eq!(
            route("/x/{{ a }}/y", &names),
            Ok("/x/feature%2Fa%20b%26c%231%2B%C3%A9%2541/y".to_owned())
        );
        assert_eq!(
            route("/x/{{ a | path }}", &names),
            Ok("/x/feature/a%20b%26c%231%2B%C3%A9%2541".to_owned())
        );
        assert_eq!(route("/{{ n }}-{{ t }}", &names), Ok("/7-true".to_owned()));
    }

    #[test]
    fn a_value_never_changes_the_route() {
        let names = json!({
            "empty": "", "dot": ".", "dots": "..", "up": "a/../b", "slash": "/etc",
            "end": "a/", "q": "?x=1#y", "back": "..\\..", "list": [1], "none": null,
        });
        for name in ["empty", "dot", "dots"] {
            let error = route(&format!("/a/{{{{ {name} }}}}/b"), &names).expect_err(name);
            assert!(error.ends_with("which would change the route"), "{error}");
        }
        for name in ["empty", "dots", "up", "slash", "end"] {
            let error = route(&format!("/a/{{{{ {name} | path }}}}"), &names).expect_err(name);
            assert!(error.ends_with("which would change the route"), "{error}");
        }
        route("/a/{{ dot }}{{ dot }}", &names).expect_err("two dots from two values");
        route("/a/.{{ dot }}", &names).expect_err("a dot from each");
        route("/a/{{ list }}", &names).expect_err("a list");
        route("/a/{{ none }}", &names).expect_err("null");
        assert_eq!(
            route("/a/{{ q }}", &names),
            Ok("/a/%3Fx%3D1%23y".to_owned())
        );
        assert_eq!(route("/a/{{ back }}", &names), Ok("/a/..%5C..".to_owned()));
        assert_eq!(route("/a/x{{ empty }}", &names), Ok("/a/x".to_owned()));
        assert_eq!(route("/a?b={{ empty }}", &names), Ok("/a?b=".to_owned()));
    }

    #[test]
    fn only_the_filter_makes_slashes() {
        let names = json!({"a": "x/y"});
        assert_eq!(
            route("/{{ (a | path) ~ '/z' }}", &names),
            Ok("/x%2Fy%2Fz".to_owned())
        );
        Template::parse(&text("/{{ a | safe }}")).expect_err("no such filter");
    }

    #[test]
    fn a_single_expression_keeps_its_type() {
        let names = json!({"n": 18_446_744_073_709_551_615_u64, "l": [1, null], "f": 1.5});
        let value = |source: &str| template(source).json(&scope(&names)).expect("it renders");
        assert_eq!(value("{{ n }}"), json!(18_446_744_073_709_551_615_u64));
        assert_eq!(value(" {{ l }} "), json!([1, null]));
        assert_eq!(value("{{ f }}x"), json!("1.5x"));
        assert_eq!(value("{{ none }}"), json!(null));
        assert_eq!(value("{% if f %}yes{% endif %}"), json!("yes"));
    }

    #[test]
    fn undefined_names_are_pointed_at() {
        let template = template("a {{ env.CIRCLE_TOKEN }} b");
        let error = template.text(&scope(&json!({}))).expect_err("unset");
        assert_eq!(error.message, "`env.CIRCLE_TOKEN` is undefined");
        assert_eq!(error.undefined.as_deref(), Some("env.CIRCLE_TOKEN"));
        assert_eq!(error.place.span, Span::new(5, 21));
    }

    #[test]
    fn missing_fields_of_a_record_are_null_and_other_faults_are_not() {
        let value = |source: &str, names: &Json| {
            Template::of_record(&text(source))
                .unwrap_or_else(|faults| panic!("{faults:?}"))
                .json_of_record(&scope(&json!({})).with_row(&names["row"]))
                .map_err(|error| error.message)
        };
        let source = "{{ ((row.b | time) - (row.a | time)) | minutes }}";
        let row = json!({"row": {"a": "2026-11-02T09:00:00Z", "b": "2026-11-02T09:03:00Z"}});
        assert_eq!(value(source, &row), Ok(json!(3)));
        let running = json!({"row": {"a": "2026-11-02T09:00:00Z", "b": null}});
        assert_eq!(value(source, &running), Ok(Json::Null));
        assert_eq!(value(source, &json!({"row": {}})), Ok(Json::Null));
        assert_eq!(
            value("{{ row.vcs.branch }}", &json!({"row": {}})),
            Ok(Json::Null)
        );
        let source_with_default = "{{ row.vcs.branch | default('none') }}";
        assert_eq!(
            value(source_with_default, &json!({"row": {}})),
            Ok(json!("none"))
        );
        let broken = json!({"row": {"a": "soon", "b": "later"}});
        value(source, &broken).expect_err("not a time");
    }

    #[test]
    fn conditions_hold_or_not() {
        let holds = |source: &str, row: Json| {
            Expression::parse(&text(source), Missing::Null)
                .unwrap_or_else(|faults| panic!("{faults:?}"))
                .holds(&scope(&json!({})).with_row(&row))
        };
        assert!(holds("row.s == 'failed'", json!({"s": "failed"})).expect("it holds"));
        assert!(!holds("row.s == 'failed'", json!({})).expect("it does not"));
        assert!(!holds("row.vcs.branch == 'main'", json!({})).expect("it does not"));
        for missing in [json!({"s": null}), json!({})] {
            for source in [
                "row.s is none",
                "not row.s",
                "row.s != 'failed'",
                "row.s == none",
                "row.s or true",
                "row.a.b.c is none",
                "row.a.b != 'main'",
                "(row.a.b | default('main')) == 'main'",
            ] {
                assert!(
                    holds(source, missing.clone()).expect("it holds"),
                    "{source}"
                );
            }
        }
        let error = Expression::parse(&text("{{ row.s }}"), Missing::Null).expect_err("braces");
        assert_eq!(error[0].help.as_deref(), Some("write `row.s`"));
    }
}
