//! The document that a plan ends in.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::plan::{Plan, disguise};
use crate::template::{Document, ListOrText, Records, RenderError, Scope};

/// What another query of `data` gave.
#[derive(Debug, Clone)]
pub enum DataValue {
    /// Its records.
    Records(Records),
    /// Its document, if it ends in one.
    Text(Arc<str>),
}

/// What the queries of `data` gave, by name.
pub type DataValues = BTreeMap<String, DataValue>;

/// What a document tells of.
pub struct Facts {
    /// The records of the query itself.
    pub rows: Records,
    /// What the queries of `data` gave.
    pub data: Arc<DataValues>,
    /// What happened: `started`, `requests`, `partial`.
    pub run: Value,
    /// What failed: `run.failures`.
    pub failures: Records,
    /// What `--state` keeps of the last run; null on the first.
    pub previous: Value,
}

/// The text of a document.
#[derive(Debug)]
pub struct Rendered {
    /// The text, without secrets.
    pub text: String,
    /// The values that should have been times and are null, by template: their number and the first.
    pub unreadable: BTreeMap<String, (usize, String)>,
}

impl Plan {
    /// The text of a document.
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
        // A template may change what it prints in ways that no scrubber knows again, so it never
        // sees a secret.
        let scope = self
            .scope_with_data(&self.shown_scope, &facts.data)
            .with_list("rows", &facts.rows)
            .with_record_and_list("run", &facts.run, ("failures", &facts.failures))
            .with_record("query", &query)
            .with_record("previous", &facts.previous)
            .with_all([("vars", &Value::Object(vars))]);
        let text = document.render(&scope)?;
        Ok(Rendered {
            text: self.scrubber.text(&disguise::masked(&text)).into_owned(),
            unreadable: scope.take_unreadable(),
        })
    }

    /// A scope that sees what the queries of `data` gave.
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
