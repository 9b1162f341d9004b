//! The names that a template sees.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use minijinja::Value;
use minijinja::value::{Enumerator, Object, Serde};
use serde_json::Value as Json;

use crate::core::time;

/// The moment that `now()` answers and that `ago` counts from. A run has one.
#[derive(Debug, Clone, Copy)]
pub struct Clock(pub Timestamp);

/// Names and their values, in layers: an inner scope sees the outer one.
///
/// Cloning is cheap; adding a name to a clone leaves the original as it was.
#[derive(Clone)]
pub struct Scope {
    clock: Clock,
    layer: Arc<Layer>,
}

#[derive(Debug, Default)]
struct Layer {
    names: BTreeMap<String, Value>,
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
    /// A scope that knows `now()` and the attributes of some names, `env` and `git` among them.
    pub fn new(clock: Clock, lookups: impl IntoIterator<Item = (&'static str, Lookup)>) -> Self {
        let mut names = BTreeMap::new();
        let now = time::format_time(clock.0);
        names.insert(
            "now".to_owned(),
            Value::from_function(move || Value::from(now.clone())),
        );
        for (name, lookup) in lookups {
            names.insert(name.to_owned(), Value::from_object(LookedUp(lookup)));
        }
        Self {
            clock,
            layer: Arc::new(Layer { names, outer: None }),
        }
    }

    /// Opens a layer with one more name.
    #[must_use]
    pub fn with(&self, name: &str, value: &Json) -> Self {
        self.with_all([(name, value)])
    }

    /// Opens a layer with more names.
    #[must_use]
    pub fn with_all<'a>(&self, names: impl IntoIterator<Item = (&'a str, &'a Json)>) -> Self {
        let names = names
            .into_iter()
            .map(|(name, value)| (name.to_owned(), Value::from(Serde(value))))
            .collect();
        Self {
            clock: self.clock,
            layer: Arc::new(Layer {
                names,
                outer: Some(Arc::clone(&self.layer)),
            }),
        }
    }

    /// The run's moment.
    pub fn clock(&self) -> Clock {
        self.clock
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

/// Answers for the attributes of a name: `env.NAME`, `git.branch`.
pub type Lookup = Arc<dyn Fn(&str) -> Option<Json> + Send + Sync>;

/// A name whose attributes are looked up when they are asked for, and never listed: a template
/// cannot dump the environment, and nobody asks git without need.
struct LookedUp(Lookup);

impl fmt::Debug for LookedUp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("names that are looked up")
    }
}

impl Object for LookedUp {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (self.0)(key.as_str()?).map(|value| Value::from(Serde(value)))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}
