//! A parsed template, rendered as text, a typed value, a route, or a base URL.

use std::sync::Arc;

use minijinja::value::ValueKind;
use serde_json::Value as Json;

use crate::core::source::{Place, Text};
use crate::core::{json, percent};
use crate::template::bounds::Rendering;
use crate::template::environment::{Rules, environment, to_text};
use crate::template::expression::fault;
use crate::template::filters::SlashedPath;
use crate::template::rewrite::Rewritten;
use crate::template::route::{BaseUrl, Route};
use crate::template::syntax::{self, Fragment};
use crate::template::{Expression, Mentions, RenderError, Scope, SyntaxError, inspect};

/// A parsed text with `{{ … }}` in it.
#[derive(Debug, Clone)]
pub struct Template {
    text: Text,
    body: Body,
    mentions: Arc<Mentions>,
    rules: Rules,
}

/// A piece of a template without statements.
#[derive(Debug, Clone)]
pub enum Piece {
    /// Literal text.
    Raw(String),
    /// An expression.
    Hole(Expression),
}

#[derive(Debug, Clone)]
enum Body {
    Pieces(Vec<Piece>),
    Statements(Arc<Rewritten>),
}

impl Template {
    /// Parses a template.
    ///
    /// # Errors
    ///
    /// All faults that can be found without values: syntax, unknown filters and tests.
    pub fn parse(text: &Text) -> Result<Self, Vec<SyntaxError>> {
        Self::with_rules(text, Rules::Strict)
    }

    /// Parses a template over a record, whose missing fields are null.
    ///
    /// # Errors
    ///
    /// As [`Template::parse`].
    pub fn of_record(text: &Text) -> Result<Self, Vec<SyntaxError>> {
        Self::with_rules(text, Rules::Record)
    }

    fn with_rules(text: &Text, rules: Rules) -> Result<Self, Vec<SyntaxError>> {
        let fragments = syntax::split(&text.value).map_err(|fault| vec![fault])?;
        let mut mentions = Mentions::default();
        let mut faults = Vec::new();
        let body = match fragments {
            None => {
                mentions.extend(inspect::statements(&text.value, &mut faults).unwrap_or_default());
                let rewritten = Rewritten::template(&text.value);
                if faults.is_empty() {
                    faults.extend(rewritten.fault());
                }
                Body::Statements(Arc::new(rewritten))
            }
            Some(fragments) => {
                let mut pieces = Vec::with_capacity(fragments.len());
                for fragment in fragments {
                    match fragment {
                        Fragment::Raw(raw) => pieces.push(Piece::Raw(raw)),
                        Fragment::Hole(range) => match Expression::part(text, range, rules) {
                            Ok(expression) => {
                                mentions.extend(expression.mentions().clone());
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
            mentions: Arc::new(mentions),
            rules,
        })
    }

    /// Returns the mentions of a text, as far as it can be parsed.
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

    /// Returns the template as written.
    pub fn source(&self) -> &str {
        &self.text.value
    }

    /// Returns the place of the template.
    pub fn place(&self) -> &Place {
        &self.text.place
    }

    /// Returns the text with its place.
    pub fn text_in_file(&self) -> &Text {
        &self.text
    }

    /// Returns the names it needs from its scope.
    pub fn mentions(&self) -> &Mentions {
        &self.mentions
    }

    /// Returns the pieces; `None` if it has statements.
    pub fn pieces(&self) -> Option<&[Piece]> {
        match &self.body {
            Body::Pieces(pieces) => Some(pieces),
            Body::Statements(_) => None,
        }
    }

    /// Returns true if it contains no expressions.
    pub fn is_constant(&self) -> bool {
        matches!(&self.body, Body::Pieces(pieces)
            if pieces.iter().all(|piece| matches!(piece, Piece::Raw(_))))
    }

    /// Renders the template as text.
    ///
    /// # Errors
    ///
    /// If a name is undefined, a value is null, or values do not match operators and filters.
    pub fn text(&self, scope: &Scope) -> Result<String, RenderError> {
        match &self.body {
            Body::Statements(rewritten) => {
                if let Some(mark) = scope.veil_of(self.source(), &self.mentions) {
                    return Ok(mark);
                }
                let _rendering = Rendering::of(&self.text, 0..0);
                environment(self.rules)
                    .render_named_str("template", &rewritten.source, scope.to_value())
                    .map_err(|error| {
                        let place = error.range().map_or_else(
                            || self.text.place.clone(),
                            |range| self.text.locate(rewritten.original(range)),
                        );
                        scope.fault_of(&self.mentions, fault(&place, &error))
                    })
            }
            Body::Pieces(pieces) => {
                let mut text = String::new();
                for piece in pieces {
                    match piece {
                        Piece::Raw(raw) => text.push_str(raw),
                        Piece::Hole(hole) => {
                            let value = hole.value(scope)?;
                            match hole.exact(scope) {
                                Some(exact) => text.push_str(&json::plain(exact)),
                                None => text.push_str(
                                    &to_text(&value).map_err(|error| hole.fault(&error))?,
                                ),
                            }
                        }
                    }
                }
                Ok(text)
            }
        }
    }

    /// Renders the template as a typed value: a single `{{ expression }}` keeps its type, anything
    /// else is text.
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

    /// As [`Template::json`]; `None` if the single expression is `omit`.
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

    /// As [`Template::json`], over a record; null if a field it needs is missing.
    ///
    /// # Errors
    ///
    /// If the values exist but do not match the operators and filters.
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

    /// Renders the template as a route: literal text is kept, every value becomes (part of) one
    /// percent-encoded segment, and only the filter `path` lets a value contain slashes.
    ///
    /// # Errors
    ///
    /// As [`Template::text`]; and if a value made a segment empty, `.` or `..`, which would change
    /// the route (RFC 3986, section 5.2.4).
    pub fn segments(&self, scope: &Scope) -> Result<String, RenderError> {
        let Body::Pieces(pieces) = &self.body else {
            return Err(RenderError::new(
                &self.text.place,
                "an endpoint cannot have statements, only `{{ … }}`",
            ));
        };
        let mut route = Route::default();
        for piece in pieces {
            match piece {
                Piece::Raw(raw) => route.literal(raw)?,
                Piece::Hole(hole) => {
                    let value = hole.printed(scope)?;
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
                                    "`{}` is a {}, which is not allowed in a path",
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

    /// Renders the template as a base URL: a value at the start may be the whole URL; one in the
    /// host must be part of a name, and one in the path becomes part of a segment.
    ///
    /// # Errors
    ///
    /// As [`Template::segments`]; and if a value would change the host.
    pub fn base_url(&self, scope: &Scope) -> Result<String, RenderError> {
        let Body::Pieces(pieces) = &self.body else {
            return Err(RenderError::new(
                &self.text.place,
                "a base URL cannot have statements, only `{{ … }}`",
            ));
        };
        let mut base = BaseUrl::default();
        for (index, piece) in pieces.iter().enumerate() {
            match piece {
                Piece::Raw(raw) => base.literal(raw)?,
                Piece::Hole(hole) => {
                    let value = hole.printed(scope)?;
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

    /// Renders the template as a complete address: a value at the start is taken as it is, any
    /// other value is percent-encoded as a whole.
    ///
    /// # Errors
    ///
    /// As [`Template::text`].
    pub fn address(&self, scope: &Scope) -> Result<String, RenderError> {
        let Body::Pieces(pieces) = &self.body else {
            let words = "a `url` cannot have statements, only `{{ … }}`";
            return Err(RenderError::new(&self.text.place, words));
        };
        let mut address = String::new();
        for piece in pieces {
            match piece {
                Piece::Raw(raw) => address.push_str(raw),
                Piece::Hole(hole) => {
                    let value = hole.printed(scope)?;
                    let text = to_text(&value).map_err(|error| hole.fault(&error))?;
                    if address.is_empty() {
                        address.push_str(&text);
                    } else {
                        address.push_str(&percent::encode(&text));
                    }
                }
            }
        }
        Ok(address)
    }

    /// Returns the texts of the values whose mentions match a condition.
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
                Piece::Hole(hole) if is_chosen(hole.mentions()) => {
                    to_text(&hole.printed(scope).ok()?).ok()
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
