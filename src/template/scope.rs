//! The names available to a template.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use minijinja::Value;
use minijinja::value::{Object, ValueKind};
use serde_json::{Value as Json, json};

use crate::core::time;
use crate::template::convert::{from_json, is_exact};
use crate::template::objects::{Headers, List, LookedUp, Record, Vars, lenient};
use crate::template::unreadable::{UNREADABLE, Unreadable};
use crate::template::watched::{Absences, no_record, watched};
use crate::template::{Lookup, Mention, Mentions, Records, RenderError, UnreadableValues};

/// The time of `now()` and the reference for `ago`. A run has one.
#[derive(Debug, Clone, Copy)]
pub struct Clock(pub Timestamp);

/// The name under which filters find the clock. It cannot be written in a file, so no column
/// shadows it.
pub const CLOCK: &str = "(clock)";

/// The name of a marker constant in documents, in which an unreadable value is null, as over a
/// record.
pub const DOCUMENT: &str = "(document)";

/// A member of a layer of lists.
#[derive(Clone, Copy)]
pub enum ListOrText<'a> {
    /// Records.
    List(&'a Records),
    /// A text.
    Text(&'a str),
}

/// Names and their values, in layers: an inner scope extends the outer one.
///
/// Cloning is cheap; adding a name to a clone does not affect the original.
#[derive(Clone)]
pub struct Scope {
    clock: Clock,
    layer: Arc<Layer>,
    unreadable: Arc<Unreadable>,
    vars: Arc<[(String, Value)]>,
    veil: Option<Veil>,
    /// Selects the expressions whose values no message shows.
    silences: Option<Silences>,
}

/// The facts of a response available to templates as `response`.
#[derive(Debug, Clone, Default)]
pub struct ResponseFacts<'a> {
    /// The status code.
    pub status: u16,
    /// The header fields with lower-case names, if needed.
    pub headers: Option<BTreeMap<String, String>>,
    /// The time from the request to the last byte.
    pub elapsed_ms: Option<u64>,
    /// The body, if needed.
    pub body: Option<&'a Json>,
}
/// Returns true if an expression with these mentions is secret.
pub type Silences = Arc<dyn Fn(&Mentions) -> bool + Send + Sync>;

/// Returns the replacement for an expression, by its source and mentions; `None` if it is shown.
type Hides = dyn Fn(&str, &Mentions) -> Option<String> + Send + Sync;

/// Replaces expressions that use certain names.
#[derive(Clone)]
pub struct Veil(Arc<Hides>);

impl Veil {
    /// Creates a veil from a function that returns the replacement for an expression, by its source
    /// and mentions.
    pub fn new(hides: impl Fn(&str, &Mentions) -> Option<String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(hides))
    }

    /// Adds a veil for expressions that this one shows.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self::new(move |source, mentions| {
            (self.0)(source, mentions).or_else(|| (other.0)(source, mentions))
        })
    }
}

#[derive(Debug, Default)]
struct Layer {
    names: BTreeMap<String, Value>,
    /// The original JSON of names whose numbers templates would round or write differently.
    exact: BTreeMap<String, Json>,
    outer: Option<Arc<Layer>>,
}

impl fmt::Debug for Scope {
    /// Names only: values may be secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_set()
            .entries(self.layer.names.keys())
            .finish()
    }
}

impl Scope {
    /// Creates a scope with `now()` and names with looked-up attributes, including `env` and `git`.
    pub fn new(clock: Clock, lookups: impl IntoIterator<Item = (&'static str, Lookup)>) -> Self {
        let mut names = BTreeMap::new();
        let now = time::format_time(clock.0);
        let clock_function = Value::from_function(move || Value::from(now.clone()));
        names.insert(CLOCK.to_owned(), clock_function.clone());
        names.insert("now".to_owned(), clock_function);
        let unreadable = Arc::new(Unreadable::default());
        let noted = Value::from_dyn_object(Arc::clone(&unreadable));
        names.insert(UNREADABLE.to_owned(), noted);
        for (name, lookup) in lookups {
            names.insert(name.to_owned(), Value::from_object(LookedUp(lookup)));
        }
        Self {
            clock,
            layer: Arc::new(Layer {
                names,
                exact: BTreeMap::new(),
                outer: None,
            }),
            vars: Arc::new([]),
            unreadable,
            veil: None,
            silences: None,
        }
    }

    /// Attributes the values that could not be read to an expression with these mentions.
    pub(super) fn settle_unreadable(&self, expression: &str, mentions: &Mentions) {
        self.unreadable
            .settle(expression, || self.is_silenced(mentions));
    }

    /// Takes the values that could not be read since the last call.
    pub fn take_unreadable(&self) -> UnreadableValues {
        self.unreadable.take()
    }

    /// Returns a scope in which errors of expressions over secrets do not show values.
    #[must_use]
    pub fn silenced(&self, silences: Silences) -> Self {
        Self {
            silences: Some(silences),
            ..self.clone()
        }
    }

    /// Returns true if an expression with these mentions is secret.
    fn is_silenced(&self, mentions: &Mentions) -> bool {
        self.silences
            .as_ref()
            .is_some_and(|silences| silences(mentions))
    }

    /// Hides the values in an error, if its expression is secret.
    pub(super) fn fault_of(&self, mentions: &Mentions, mut error: RenderError) -> RenderError {
        if self.is_silenced(mentions) && error.undefined.is_none() {
            "a secret is invalid here; its value is not shown".clone_into(&mut error.message);
        }
        error
    }

    /// Returns a scope in which hidden expressions are replaced; they are not evaluated.
    #[must_use]
    pub fn veiled(&self, veil: &Veil) -> Self {
        Self {
            veil: Some(veil.clone()),
            ..self.clone()
        }
    }

    /// Returns the replacement for an expression, if it is hidden.
    pub(super) fn veil_of(&self, source: &str, mentions: &Mentions) -> Option<String> {
        (self.veil.as_ref()?.0)(source, mentions)
    }

    /// Adds a layer with one name.
    #[must_use]
    pub fn with(&self, name: &str, value: &Json) -> Self {
        self.with_all([(name, value)])
    }

    /// Adds a layer with a var: its name, and `vars` with one more member.
    #[must_use]
    pub fn with_var(&self, name: &str, value: &Json) -> Self {
        let mut exact = exact_of([(name, value)]);
        let mut all = match self.exact(&["vars".to_owned()]) {
            Some(Json::Object(vars)) => vars.clone(),
            _ => serde_json::Map::new(),
        };
        all.extend(exact.clone());
        if !all.is_empty() {
            exact.insert("vars".to_owned(), Json::Object(all));
        }
        let value = from_json(value);
        let mut vars = self.vars.to_vec();
        vars.push((name.to_owned(), value.clone()));
        self.with_vars(vars, Some((name.to_owned(), value)), exact)
    }

    /// Adds a layer with an empty `vars`.
    #[must_use]
    pub fn with_no_vars(&self) -> Self {
        self.with_vars(Vec::new(), None, BTreeMap::new())
    }

    fn with_vars(
        &self,
        vars: Vec<(String, Value)>,
        own: Option<(String, Value)>,
        exact: BTreeMap<String, Json>,
    ) -> Self {
        let vars: Arc<[(String, Value)]> = vars.into();
        let object = Value::from_object(Vars(Arc::clone(&vars)));
        let names = own.into_iter().chain([("vars".to_owned(), object)]);
        Self {
            vars,
            ..self.inner(names.collect(), exact)
        }
    }

    /// Adds a layer with `response`.
    #[must_use]
    pub fn with_response(&self, facts: &ResponseFacts<'_>) -> Self {
        let mut members = vec![("status".to_owned(), Value::from(facts.status))];
        if let Some(headers) = &facts.headers {
            let headers = Value::from_object(Headers(headers.clone()));
            members.push(("headers".to_owned(), headers));
        }
        if let Some(elapsed_ms) = facts.elapsed_ms {
            members.push(("elapsed_ms".to_owned(), Value::from(elapsed_ms)));
        }
        if let Some(body) = facts.body {
            members.push(("body".to_owned(), from_json(body)));
        }
        let response = Value::from_object(Record(members));
        let body = facts.body.filter(|body| !is_exact(body));
        let exact = body.map(|body| ("response".to_owned(), json!({ "body": body })));
        self.inner(
            BTreeMap::from([("response".to_owned(), response)]),
            exact.into_iter().collect(),
        )
    }

    /// Adds a layer with the row of a response, whose missing fields are null.
    #[must_use]
    pub fn with_row(&self, row: &Json) -> Self {
        self.with_record("row", row)
    }

    /// As [`Scope::with_row`], with the members in use only, since a walk reads many rows.
    #[must_use]
    pub fn with_row_members(&self, row: &Json, is_asked_for: &dyn Fn(&str) -> bool) -> Self {
        let Json::Object(members) = row else {
            return self.with_record("row", row);
        };
        let asked = || members.iter().filter(|(key, _)| is_asked_for(key));
        let mut exact = BTreeMap::new();
        if !asked().all(|(_, member)| is_exact(member)) {
            let members = asked().map(|(key, member)| (key.clone(), member.clone()));
            exact.insert("row".to_owned(), Json::Object(members.collect()));
        }
        let members = asked().map(|(key, member)| (key.clone(), lenient(member)));
        let row = Value::from_object(Record(members.collect()));
        self.inner(BTreeMap::from([("row".to_owned(), row)]), exact)
    }

    /// Adds a layer with a record, whose missing fields are null.
    #[must_use]
    pub fn with_record(&self, name: &str, record: &Json) -> Self {
        self.inner(
            BTreeMap::from([(name.to_owned(), lenient(record))]),
            exact_of([(name, record)]),
        )
    }

    /// As [`Scope::with_record`], with one more member: a list of records.
    #[must_use]
    pub fn with_record_and_list(
        &self,
        name: &str,
        record: &Json,
        (member, records): (&str, &Records),
    ) -> Self {
        let mut members: Vec<(String, Value)> = match record {
            Json::Object(members) => members
                .iter()
                .map(|(key, value)| (key.clone(), lenient(value)))
                .collect(),
            _ => Vec::new(),
        };
        let list = Value::from_object(List(records.clone()));
        members.push((member.to_owned(), list));
        let record = Value::from_object(Record(members));
        self.inner(BTreeMap::from([(name.to_owned(), record)]), BTreeMap::new())
    }

    /// Adds a layer with a list of records, which are converted one by one.
    #[must_use]
    pub fn with_list(&self, name: &str, records: &Records) -> Self {
        let list = Value::from_object(List(records.clone()));
        self.inner(BTreeMap::from([(name.to_owned(), list)]), BTreeMap::new())
    }

    /// Adds a layer with a name whose members are such lists, or texts.
    #[must_use]
    pub fn with_lists<'a>(
        &self,
        name: &str,
        members: impl IntoIterator<Item = (&'a str, ListOrText<'a>)>,
    ) -> Self {
        let members: BTreeMap<String, Value> = members
            .into_iter()
            .map(|(member, value)| {
                let value = match value {
                    ListOrText::List(records) => Value::from_object(List(records.clone())),
                    ListOrText::Text(text) => Value::from(text),
                };
                (member.to_owned(), value)
            })
            .collect();
        let names = BTreeMap::from([(name.to_owned(), Value::from(members))]);
        self.inner(names, BTreeMap::new())
    }

    /// Adds a layer with a value that takes note of what expressions look for in vain: elements of
    /// lists, and members of the records of the list that are not among the given ones.
    #[must_use]
    pub fn with_watched(
        &self,
        name: &str,
        value: &Json,
        members: Option<&[String]>,
        absences: &Absences,
    ) -> Self {
        let watched = watched(value, name, members, absences);
        self.inner(
            BTreeMap::from([(name.to_owned(), watched)]),
            exact_of([(name, value)]),
        )
    }

    /// Adds a layer with a record that is not there: it is null, and takes note of each use of a
    /// member.
    #[must_use]
    pub fn with_no_record(&self, name: &str, absences: &Absences) -> Self {
        let nothing = no_record(name, absences);
        self.inner(
            BTreeMap::from([(name.to_owned(), nothing)]),
            BTreeMap::new(),
        )
    }

    /// Adds a layer with several names.
    #[must_use]
    pub fn with_all<'a>(&self, names: impl IntoIterator<Item = (&'a str, &'a Json)>) -> Self {
        let names: Vec<(&str, &Json)> = names.into_iter().collect();
        let values = names
            .iter()
            .map(|(name, value)| ((*name).to_owned(), from_json(value)))
            .collect();
        self.inner(values, exact_of(names))
    }

    /// Adds a layer with the attributes of some names.
    #[must_use]
    pub fn with_lookups(&self, lookups: impl IntoIterator<Item = (&'static str, Lookup)>) -> Self {
        let values = lookups
            .into_iter()
            .map(|(name, lookup)| (name.to_owned(), Value::from_object(LookedUp(lookup))))
            .collect();
        self.inner(values, BTreeMap::new())
    }

    /// Returns the original JSON of a path, if templates would write it differently.
    pub(super) fn exact(&self, path: &[String]) -> Option<&Json> {
        let (root, members) = path.split_first()?;
        let mut layer = &self.layer;
        while !layer.names.contains_key(root) {
            layer = layer.outer.as_ref()?;
        }
        members
            .iter()
            .try_fold(layer.exact.get(root)?, |value, member| value.get(member))
    }

    /// Returns the value of a name as JSON.
    pub fn json(&self, name: &str) -> Option<Json> {
        if let Some(exact) = self.exact(&[name.to_owned()]) {
            return Some(exact.clone());
        }
        let value = self.layer.get_value_by_str(name)?;
        serde_json::to_value(value).ok()
    }

    fn inner(&self, names: BTreeMap<String, Value>, exact: BTreeMap<String, Json>) -> Self {
        Self {
            clock: self.clock,
            layer: Arc::new(Layer {
                names,
                exact,
                outer: Some(Arc::clone(&self.layer)),
            }),
            vars: Arc::clone(&self.vars),
            unreadable: Arc::clone(&self.unreadable),
            veil: self.veil.clone(),
            silences: self.silences.clone(),
        }
    }

    /// Returns true if the mentioned value is a string that contains a text.
    pub fn contains_text(&self, mention: &Mention, text: &str) -> bool {
        let value = self.mentioned(mention);
        value.is_some_and(|value| value.as_str().is_some_and(|own| own.contains(text)))
    }

    /// Returns the columns of a mentioned list of records in which a value contains a text.
    pub fn columns_with_text(&self, mention: &Mention, text: &str) -> BTreeSet<String> {
        let mut columns = BTreeSet::new();
        let list = self.mentioned(mention);
        let Some(list) = list.filter(|value| value.kind() == ValueKind::Seq) else {
            return columns;
        };
        for record in list.try_iter().into_iter().flatten() {
            if record.kind() != ValueKind::Map {
                continue;
            }
            for key in record.try_iter().into_iter().flatten() {
                let value = record.get_item(&key).unwrap_or_default();
                let name = key.as_str().unwrap_or_default();
                if !columns.contains(name) && value.to_string().contains(text) {
                    columns.insert(name.to_owned());
                }
            }
        }
        columns
    }

    fn mentioned(&self, mention: &Mention) -> Option<Value> {
        let mut path = mention.path.iter();
        path.try_fold(self.to_value(), |value, step| value.get_attr(step))
            .ok()
    }

    pub(super) fn to_value(&self) -> Value {
        Value::from_dyn_object(Arc::clone(&self.layer))
    }
}

impl Object for Layer {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let mut layer = self;
        loop {
            if let Some(value) = layer.names.get(key) {
                return Some(value.clone());
            }
            layer = layer.outer.as_ref()?;
        }
    }
}

/// Returns the values that templates would write differently.
fn exact_of<'a>(names: impl IntoIterator<Item = (&'a str, &'a Json)>) -> BTreeMap<String, Json> {
    names
        .into_iter()
        .filter(|(_, value)| !is_exact(value))
        .map(|(name, value)| (name.to_owned(), value.clone()))
        .collect()
}
