//! Renders the documents of a plan.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::plan::scopes::masked_scope;
use crate::plan::{Plan, disguise};
use crate::template::{
    Document, ListOrText, Records, RenderError, Scope, TakenBranches, UnreadableValues,
};

/// The result of a query of `data`.
#[derive(Debug, Clone)]
pub enum DataValue {
    /// Its records.
    Records(Records),
    /// Its document, if it has one.
    Text(Arc<str>),
}

/// The results of `data` by name.
pub type DataValues = BTreeMap<String, DataValue>;

/// The data that a document can use.
pub struct Facts {
    /// The records of the query itself.
    pub rows: Records,
    /// The results of `data`.
    pub data: Arc<DataValues>,
    /// Facts about the run: `started`, `requests`, `partial`.
    pub run: Value,
    /// The failures of the run: `run.failures`.
    pub failures: Records,
    /// The stored result of the last run with `--state`; null on the first run.
    pub previous: Value,
    /// Takes note of the branches of the template that are taken, if that is wanted.
    pub taken: Option<Arc<TakenBranches>>,
}

/// A rendered document.
#[derive(Debug)]
pub struct Rendered {
    /// The text, without secrets.
    pub text: String,
    /// Values that filters could not read.
    pub unreadable: UnreadableValues,
}

impl Plan {
    /// Renders a document.
    ///
    /// # Errors
    ///
    /// As [`Document::render`].
    pub fn document(&self, document: &Document, facts: &Facts) -> Result<Rendered, RenderError> {
        let vars: Map<String, Value> = self
            .vars
            .iter()
            .map(|(name, value)| {
                let shown = if self.secrecy.has_var(name) {
                    Value::from(crate::core::secret::MASK)
                } else {
                    value.clone()
                };
                (name.clone(), shown)
            })
            .collect();
        let query = json!({
            "name": self.query.name,
            "folder": self.query.folder,
            "description": self.query.description,
        });
        // A template may transform a value beyond the scrubber's recognition, so it never sees a
        // secret.
        let scope = self
            .scope_with_data(&masked_scope(self), &facts.data)
            .with_list("rows", &facts.rows)
            .with_record_and_list("run", &facts.run, ("failures", &facts.failures))
            .with_record("query", &query)
            .with_record("previous", &facts.previous)
            .with_all([("vars", &Value::Object(vars))]);
        if self.secrecy.taints(document.mentions()) {
            self.scrubber.note_mask();
        }
        let text = match &facts.taken {
            None => document.render(&scope),
            Some(taken) => document.render_noting(&scope, taken),
        }?;
        Ok(Rendered {
            text: self.scrubber.text(&disguise::masked(&text)).into_owned(),
            unreadable: scope.take_unreadable(),
        })
    }

    /// Adds the results of `data` to a scope.
    pub fn scope_with_data(&self, scope: &Scope, data: &DataValues) -> Scope {
        if self.query.data.is_empty() {
            return scope.clone();
        }
        scope.with_lists(
            "data",
            data.iter().map(|(name, value)| match value {
                DataValue::Records(records) => (name.as_str(), ListOrText::List(records)),
                DataValue::Text(text) => (name.as_str(), ListOrText::Text(text)),
            }),
        )
    }
}
