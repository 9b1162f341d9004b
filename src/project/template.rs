//! Nodes → templates, expressions and selectors, with the names that they may mention.

use serde_json::{Map, Value};

use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Node};
use crate::core::name;
use crate::core::source::Text;
use crate::template::selector::Selector;
use crate::template::{Expression, Mentions, Missing, RenderError, Scope, SyntaxError, Template};

/// What `git.` knows.
pub const GIT_FACTS: [&str; 3] = ["branch", "sha", "project_slug"];

/// The names that a template may mention at its place in the file.
#[derive(Debug, Clone, Default)]
pub struct Names {
    known: Vec<String>,
    /// What the items of some names are known to have.
    columns: Vec<(String, Vec<String>)>,
    /// Whether the file can declare more.
    has_vars: bool,
}

/// Names that are no record, so that what they have is no column.
const OF_THE_RUN: [&str; 4] = ["data", "query", "run", "vars"];

impl Names {
    /// `env` and `git`, which every template sees.
    pub fn outside() -> Self {
        Self {
            known: vec!["env".to_owned(), "git".to_owned()],
            columns: Vec::new(),
            has_vars: false,
        }
    }

    /// These and one more.
    #[must_use]
    pub fn with(&self, name: &str) -> Self {
        self.with_all([name])
    }

    /// These and more.
    #[must_use]
    pub fn with_all<'a>(&self, more: impl IntoIterator<Item = &'a str>) -> Self {
        let mut known = self.known.clone();
        known.extend(more.into_iter().map(str::to_owned));
        Self {
            known,
            ..self.clone()
        }
    }

    /// These and one more, of which is known what it has.
    #[must_use]
    pub fn with_columns(&self, name: &str, columns: Option<Vec<String>>) -> Self {
        let mut names = self.with(name);
        names
            .columns
            .extend(columns.map(|columns| (name.to_owned(), columns)));
        names
    }

    /// The same in a file that can declare more.
    #[must_use]
    pub fn with_vars(mut self) -> Self {
        self.has_vars = true;
        self
    }

    /// Whether all that a template mentions is declared.
    pub fn check(&self, mentions: &Mentions, text: &Text, faults: &mut Diagnostics) -> bool {
        let mut is_good = true;
        for mention in mentions.iter() {
            let root = mention.root();
            if !self.known.iter().any(|known| known == root) {
                is_good = false;
                let declare = if self.has_vars {
                    "declare it under `vars`, or "
                } else {
                    ""
                };
                let near = match name::nearest(root, self.known.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("{declare}use one of {}", name::one_of(&self.known)),
                };
                faults.push(
                    Diagnostic::at(
                        &text.locate(mention.range.clone()),
                        "undeclared-name",
                        format!("`{root}` is not declared"),
                    )
                    .help(near),
                );
            } else if root == "git"
                && let Some(fact) = mention.path.get(1)
                && !GIT_FACTS.contains(&fact.as_str())
            {
                is_good = false;
                faults.push(
                    Diagnostic::at(
                        &text.locate(mention.range.clone()),
                        "undeclared-name",
                        format!("`git` has no `{fact}`"),
                    )
                    .maybe_help(name::hint(fact, GIT_FACTS)),
                );
            } else if let Some((_, columns)) = self.columns.iter().find(|(known, _)| known == root)
                && let Some(column) = mention.path.get(1)
                && !columns.contains(column)
            {
                is_good = false;
                let kind = if OF_THE_RUN.contains(&root) {
                    ""
                } else {
                    "column "
                };
                faults.push(
                    Diagnostic::at(
                        &text.locate(mention.range.clone()),
                        "undeclared-name",
                        format!("`{root}` has no {kind}`{column}`"),
                    )
                    .maybe_help(name::hint(column, columns.iter().map(String::as_str))),
                );
            }
        }
        is_good
    }
}

fn report(text: &Text, errors: Vec<SyntaxError>, faults: &mut Diagnostics) {
    for error in errors {
        let place = text.locate(error.range);
        faults.push(Diagnostic::at(&place, error.code, error.message).maybe_help(error.help));
    }
}

/// Reads a template.
pub fn template(text: &Text, names: &Names, faults: &mut Diagnostics) -> Option<Template> {
    checked(Template::parse(text), text, names, faults)
}

/// Reads a template over a record.
pub fn record_template(text: &Text, names: &Names, faults: &mut Diagnostics) -> Option<Template> {
    checked(Template::of_record(text), text, names, faults)
}

fn checked(
    parsed: Result<Template, Vec<SyntaxError>>,
    text: &Text,
    names: &Names,
    faults: &mut Diagnostics,
) -> Option<Template> {
    match parsed {
        Ok(template) => names
            .check(template.mentions(), text, faults)
            .then_some(template),
        Err(errors) => {
            report(text, errors, faults);
            // Names are told in the same go, as far as they can be read.
            names.check(&Template::mentions_of(text), text, faults);
            None
        }
    }
}

/// Reads a template from a scalar: numbers and booleans stand for their text.
pub fn scalar_template(
    node: &Node,
    key: &str,
    names: &Names,
    faults: &mut Diagnostics,
) -> Option<Template> {
    let text = node.scalar();
    if text.is_none() {
        faults.push(node.mismatch(key, "a text"));
    }
    template(&Text::new(text?, &node.place), names, faults)
}

/// Reads a bare expression over records.
pub fn expression(
    node: &Node,
    key: &str,
    names: &Names,
    faults: &mut Diagnostics,
) -> Option<Expression> {
    let text = match &node.content {
        // `expect: true` is an expression too.
        Content::Bool(_) | Content::Number(..) => Text::new(node.scalar()?, &node.place),
        _ => node.text(key, faults)?,
    };
    match Expression::parse(&text, Missing::Null) {
        Ok(expression) => names
            .check(expression.mentions(), &text, faults)
            .then_some(expression),
        Err(errors) => {
            report(&text, errors, faults);
            None
        }
    }
}

/// Reads a JSONPath.
pub fn selector(text: &Text, faults: &mut Diagnostics) -> Option<Selector> {
    match Selector::parse(&text.value) {
        Ok(selector) => Some(selector),
        Err(error) => {
            faults.push(
                Diagnostic::at(&text.locate(error.range), "jsonpath", error.message)
                    .maybe_help(error.help),
            );
            None
        }
    }
}

/// A JSON value with templates in its texts.
#[derive(Debug, Clone)]
pub enum ValueTemplate {
    /// The same in every scope.
    Constant(Value),
    /// A text; a single `{{ expression }}` keeps its type.
    Template(Template),
    /// A list.
    List(Vec<ValueTemplate>),
    /// An object.
    Map(Vec<(String, ValueTemplate)>),
}

impl ValueTemplate {
    /// Reads any YAML value.
    pub fn read(node: &Node, names: &Names, faults: &mut Diagnostics) -> Option<Self> {
        match &node.content {
            Content::Null | Content::Bool(_) | Content::Number(..) => {
                Some(Self::Constant(node.to_json()))
            }
            Content::Text(text) => {
                let text = Text::new(text.as_str(), &node.place);
                template(&text, names, faults).map(Self::Template)
            }
            Content::List(items) => {
                let read: Vec<_> = items
                    .iter()
                    .map(|item| Self::read(item, names, faults))
                    .collect();
                read.into_iter().collect::<Option<_>>().map(Self::List)
            }
            Content::Map(entries) => {
                let mut members = Vec::with_capacity(entries.len());
                let mut is_good = true;
                for entry in entries {
                    if entry.key.contains("{{") {
                        faults.push(Diagnostic::at(
                            &entry.key_place,
                            "no-template-here",
                            "a key is sent as it is written, without templates",
                        ));
                    }
                    match Self::read(&entry.value, names, faults) {
                        Some(value) => members.push((entry.key.clone(), value)),
                        None => is_good = false,
                    }
                }
                is_good.then_some(Self::Map(members))
            }
        }
    }

    /// The value in a scope; nothing if it is left out as a whole.
    ///
    /// # Errors
    ///
    /// If a template cannot be rendered.
    pub fn render(&self, scope: &Scope) -> Result<Option<Value>, RenderError> {
        match self {
            Self::Constant(value) => Ok(Some(value.clone())),
            Self::Template(template) => template.json_or_omitted(scope),
            Self::List(items) => {
                let mut list = Vec::with_capacity(items.len());
                for item in items {
                    list.extend(item.render(scope)?);
                }
                Ok(Some(Value::Array(list)))
            }
            Self::Map(members) => {
                let mut map = Map::with_capacity(members.len());
                for (key, value) in members {
                    if let Some(value) = value.render(scope)? {
                        map.insert(key.clone(), value);
                    }
                }
                Ok(Some(Value::Object(map)))
            }
        }
    }

    /// Whether it is the same in every scope.
    pub fn is_constant(&self) -> bool {
        self.templates()
            .iter()
            .all(|template| template.is_constant())
    }

    /// The templates in it.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Constant(_) => Vec::new(),
            Self::Template(template) => vec![template],
            Self::List(items) => items.iter().flat_map(Self::templates).collect(),
            Self::Map(members) => members
                .iter()
                .flat_map(|(_, value)| value.templates())
                .collect(),
        }
    }
}
