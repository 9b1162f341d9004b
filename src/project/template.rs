//! Reads templates, expressions and selectors from YAML nodes, and checks the names they use.

use serde_json::{Map, Value};

use crate::core::code::Code;
use crate::core::diagnostic::{Diagnostic, Diagnostics};
use crate::core::document::{Content, Node};
use crate::core::name;
use crate::core::source::Text;
use crate::template::selector::Selector;
use crate::template::{
    Expression, Mention, Mentions, Presence, PresenceKind, RenderError, Scope, SyntaxError,
    Template,
};

/// The members of `git`.
pub const GIT_FACTS: [&str; 3] = ["branch", "sha", "project_slug"];

/// The names available to a template.
#[derive(Debug, Clone, Default)]
pub struct Names {
    known: Vec<Name>,
    /// True if the file can declare more.
    has_vars: bool,
}

/// A known name.
#[derive(Debug, Clone)]
struct Name {
    word: String,
    kind: NameKind,
    /// Its members, if all are known.
    members: Option<Vec<String>>,
}

/// The kind of a name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum NameKind {
    /// An input of the query.
    Var,
    /// A record: missing members are null.
    Record,
    /// An item, with its columns; also a record.
    Item,
    /// An element of a list: a record or anything else.
    Element,
    /// A column of the record, with the expression that reads the same value from `row`, if there
    /// is one.
    Column(Option<String>),
    /// Anything else.
    Other,
}

/// The name of the object with all vars.
const VARS: &str = "vars";

impl Names {
    /// Returns `env` and `git`, which every template can use.
    pub fn outside() -> Self {
        Self::default().with_all(["env", "git"])
    }

    /// Adds `vars`, in a file that can declare more.
    #[must_use]
    pub fn with_vars<'a>(&self, vars: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names = self.add(VARS, NameKind::Other, Some(Vec::new()));
        names.has_vars = true;
        for var in vars {
            names = names.with_var(var);
        }
        names
    }

    /// Adds a var.
    #[must_use]
    pub fn with_var(&self, name: &str) -> Self {
        let mut names = self.add(name, NameKind::Var, None);
        for known in names.known.iter_mut().filter(|known| known.word == VARS) {
            known
                .members
                .iter_mut()
                .for_each(|vars| vars.push(name.to_owned()));
        }
        names
    }

    /// Adds a name.
    #[must_use]
    pub fn with(&self, name: &str) -> Self {
        self.add(name, NameKind::Other, None)
    }

    /// Adds several names.
    #[must_use]
    pub fn with_all<'a>(&self, more: impl IntoIterator<Item = &'a str>) -> Self {
        let mut names = self.clone();
        names.known.extend(more.into_iter().map(|name| Name {
            word: name.to_owned(),
            kind: NameKind::Other,
            members: None,
        }));
        names
    }

    /// Adds a record.
    #[must_use]
    pub fn with_record(&self, name: &str, members: Option<Vec<String>>) -> Self {
        self.add(name, NameKind::Record, members)
    }

    /// Adds an item, with its columns if known.
    #[must_use]
    pub fn with_item(&self, name: &str, columns: Option<Vec<String>>) -> Self {
        self.add(name, NameKind::Item, columns)
    }

    /// Adds an element of a list.
    #[must_use]
    pub fn with_element(&self, name: &str) -> Self {
        self.add(name, NameKind::Element, None)
    }

    /// Adds a column, with the expression that reads the same value from `row`, if there is one.
    pub fn push_column(&mut self, name: &str, field: Option<String>) {
        self.known.push(Name {
            word: name.to_owned(),
            kind: NameKind::Column(field),
            members: None,
        });
    }

    /// Adds a name with known members.
    #[must_use]
    pub fn with_members(&self, name: &str, members: &[&str]) -> Self {
        let members = members.iter().map(|member| (*member).to_owned()).collect();
        self.add(name, NameKind::Other, Some(members))
    }

    fn add(&self, name: &str, kind: NameKind, members: Option<Vec<String>>) -> Self {
        let mut names = self.clone();
        names.known.push(Name {
            word: name.to_owned(),
            kind,
            members,
        });
        names
    }

    /// Returns true if all mentioned names are declared; reports the others with a suggestion.
    pub fn check(&self, mentions: &Mentions, text: &Text, faults: &mut Diagnostics) -> bool {
        let before = faults.len();
        for mention in mentions.iter() {
            if let Some(fault) = self.fault(mention, text) {
                faults.push(fault);
            }
        }
        for presence in mentions.presences() {
            if let Some(fault) = self.presence_fault(presence, text) {
                faults.push(fault);
            }
        }
        faults.len() == before
    }

    /// Returns all names once, except `vars`, which is not a value of its own.
    fn plain_names(&self) -> Vec<&str> {
        let mut plain: Vec<&str> = Vec::new();
        for known in self.known.iter().filter(|known| known.word != VARS) {
            if !plain.contains(&known.word.as_str()) {
                plain.push(&known.word);
            }
        }
        plain
    }

    /// Returns the entries for a root: a column may have the same name as a var.
    fn of<'n>(&'n self, root: &'n str) -> impl Iterator<Item = &'n Name> {
        self.known.iter().filter(move |known| known.word == root)
    }

    fn fault(&self, mention: &Mention, text: &Text) -> Option<Diagnostic> {
        let root = mention.root();
        let place = text.locate(mention.range.clone());
        let undeclared = |words: String| Diagnostic::at(&place, Code::UndeclaredName, words);
        let Some(known) = self.of(root).next() else {
            let declare = if self.has_vars {
                "declare it under `vars`, or "
            } else {
                ""
            };
            let all: Vec<&str> = self.known.iter().map(|known| known.word.as_str()).collect();
            let near = match name::nearest(root, all.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("{declare}use one of {}", name::one_of(&self.plain_names())),
            };
            return Some(undeclared(format!("`{root}` is not declared")).help(near));
        };
        let column = self.of(root).find_map(|known| match &known.kind {
            NameKind::Column(field) => Some(field),
            _ => None,
        });
        if known.kind == NameKind::Var
            && let Some(field) = column
        {
            let words = format!("`{root}` is both a var and a column");
            let other = match field {
                Some(field) => format!("`{field}` for the record's own value"),
                None => "and give the column another name, or read its value from `row`".to_owned(),
            };
            return Some(
                Diagnostic::at(&place, Code::AmbiguousName, words)
                    .help(format!("write `vars.{root}` for the var, {other}")),
            );
        }
        let member = mention.path.get(1)?;
        if root == "git" && !GIT_FACTS.contains(&member.as_str()) {
            return Some(
                undeclared(format!("`git` has no `{member}`"))
                    .maybe_help(name::hint(member, GIT_FACTS)),
            );
        }
        let members = known.members.as_ref()?;
        if members.contains(member) {
            return None;
        }
        let kind = if known.kind == NameKind::Item {
            "column "
        } else {
            ""
        };
        Some(
            undeclared(format!("`{root}` has no {kind}`{member}`"))
                .maybe_help(name::hint(member, members.iter().map(String::as_str))),
        )
    }

    /// Reports a test that is always true or always false: a missing member of a record is null,
    /// and null is defined.
    fn presence_fault(&self, presence: &Presence, text: &Text) -> Option<Diagnostic> {
        let of = &presence.of;
        let known = self.of(of.root()).next()?;
        let is_record = match known.kind {
            NameKind::Record | NameKind::Item => true,
            NameKind::Element => presence.kind == PresenceKind::Defined && of.path.len() > 1,
            NameKind::Column(_) => presence.kind == PresenceKind::Defined,
            NameKind::Var => presence.kind == PresenceKind::Defined && of.path.len() == 1,
            NameKind::Other => false,
        };
        let written = &text.value[of.range.clone()];
        let is = |value: &str| {
            let not = if presence.is_positive { "not " } else { "" };
            format!("`{value} is {not}none`")
        };
        let (tested, right) = match &presence.kind {
            _ if !is_record => return None,
            PresenceKind::Defined => {
                let verb = if presence.is_positive {
                    "is defined"
                } else {
                    "is undefined"
                };
                (format!("`{written} {verb}`"), is(written))
            }
            // The member of a record may be a list or a text, for which `in` is right.
            PresenceKind::Key(_) if of.path.len() > 1 => return None,
            PresenceKind::Key(key) => {
                let not = if presence.is_positive { "" } else { "not " };
                let right = match key {
                    Some(key) if name::is_identifier(key) => is(&format!("{written}.{key}")),
                    _ => format!("`… {not}in ({written} | list)`"),
                };
                let is_row = written == "row";
                let of_text = if is_row {
                    ", or, if the rows are strings, `… in (row | string)`"
                } else {
                    ""
                };
                (format!("`{not}in {written}`"), format!("{right}{of_text}"))
            }
        };
        let always = if presence.is_positive {
            "always"
        } else {
            "never"
        };
        let why = match (&known.kind, of.path.len()) {
            (NameKind::Var, _) => "a var without a value is null",
            (NameKind::Column(_), 1) => "a column without a value is null",
            _ => "a missing member of a record is null",
        };
        let place = text.locate(of.range.clone());
        let words = format!("{tested} is {always} true: {why}");
        Some(Diagnostic::at(&place, Code::AlwaysDefined, words).help(format!("write {right}")))
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
            // Names are checked in the same pass, as far as they can be read.
            names.check(&Template::mentions_of(text), text, faults);
            None
        }
    }
}

/// Reads a template from a scalar: numbers and booleans are taken as text.
pub fn scalar_template(
    node: &Node,
    key: &str,
    names: &Names,
    faults: &mut Diagnostics,
) -> Option<Template> {
    let text = node.scalar();
    if text.is_none() {
        faults.push(node.mismatch(key, "a string"));
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
    condition(&text, names, faults)
}

/// Reads a bare expression over records from a text.
pub fn condition(text: &Text, names: &Names, faults: &mut Diagnostics) -> Option<Expression> {
    match Expression::parse(text) {
        Ok(expression) => names
            .check(expression.mentions(), text, faults)
            .then_some(expression),
        Err(errors) => {
            report(text, errors, faults);
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
                Diagnostic::at(&text.locate(error.range), Code::Jsonpath, error.message)
                    .maybe_help(error.help),
            );
            None
        }
    }
}

/// A JSON value with templates in its strings.
#[derive(Debug, Clone)]
pub enum ValueTemplate {
    /// A constant.
    Constant(Value),
    /// A template; a single `{{ expression }}` keeps its type.
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
                            Code::NoTemplateHere,
                            "a key cannot have templates",
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

    /// Renders the value; `None` if it is omitted altogether.
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

    /// Returns true if it contains no templates with variables.
    pub fn is_constant(&self) -> bool {
        self.templates()
            .iter()
            .all(|template| template.is_constant())
    }

    /// Returns its templates.
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
