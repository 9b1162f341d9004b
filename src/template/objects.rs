//! The objects in a scope: records whose missing fields are null, and names that are looked up.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use minijinja::value::{Enumerator, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, Value};
use serde_json::Value as Json;

use crate::core::records::RecordList;
use crate::template::convert::from_json;

/// Looks up an attribute of a name: `env.NAME`, `git.branch`.
pub type Lookup = Arc<dyn Fn(&str) -> Option<Json> + Send + Sync>;

/// A name whose attributes are looked up on access and never listed: a template cannot dump the
/// environment, and git is only run if needed.
pub struct LookedUp(pub Lookup);

impl fmt::Debug for LookedUp {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("names that are looked up")
    }
}

impl Object for LookedUp {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        (self.0)(key.as_str()?).map(|value| from_json(&value))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::NonEnumerable
    }
}

/// An object from a response: missing members are null, at any depth.
#[derive(Debug)]
pub struct Record(pub Vec<(String, Value)>);

impl Object for Record {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let found = self.0.iter().find(|(name, _)| name == key);
        Some(found.map_or_else(|| Value::from(()), |(_, value)| value.clone()))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = self.0.iter().map(|(name, _)| Value::from(name));
        Enumerator::Values(names.collect())
    }
}

/// The vars of a query by name.
#[derive(Debug)]
pub struct Vars(pub Arc<[(String, Value)]>);

impl Object for Vars {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let found = self.0.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.clone())
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.iter().map(|(name, _)| Value::from(name)).collect())
    }
}

/// Header fields with case-insensitive names; missing ones are null.
#[derive(Debug)]
pub struct Headers(pub BTreeMap<String, String>);

impl Object for Headers {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let field = self.0.get(&key.to_ascii_lowercase());
        Some(field.map_or_else(|| Value::from(()), Value::from))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.0.keys().map(Value::from).collect())
    }
}

/// Records for a document.
#[derive(Debug, Clone, Default)]
pub struct Records {
    /// The records.
    pub list: RecordList,
    /// The columns, if all records have the same: any other is a mistake, not a missing field.
    pub columns: Option<Vec<String>>,
}

/// Records that are converted to template values on access, so that a long list is never in memory
/// twice.
#[derive(Debug)]
pub struct List(pub Records);

impl Object for List {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let read = self
            .0
            .list
            .with(key.as_usize()?, |record| self.value(record));
        read.unwrap_or_else(|error| {
            let error = Error::new(ErrorKind::InvalidOperation, error.to_string());
            Some(Value::from(error))
        })
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.0.list.len())
    }
}

impl List {
    fn value(&self, record: &Json) -> Value {
        match record {
            Json::Object(members) if self.0.columns.is_some() => Value::from_object(Row(
                members
                    .iter()
                    .map(|(key, member)| (key.clone(), lenient(member)))
                    .collect(),
                members.keys().cloned().collect(),
            )),
            other => lenient(other),
        }
    }
}

/// An object whose declared members are null if missing; any other is undefined.
#[derive(Debug)]
struct Row(BTreeMap<String, Value>, Vec<String>);

impl Object for Row {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        self.0.get(key).cloned()
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Values(self.1.iter().map(Value::from).collect())
    }
}

/// Returns the columns of a list of records, if they are declared.
pub fn columns_of(value: &Value) -> Option<&[String]> {
    value.downcast_object_ref::<List>()?.0.columns.as_deref()
}

/// Converts a JSON value; missing members of its objects are null.
pub fn lenient(value: &Json) -> Value {
    match value {
        Json::Object(members) => Value::from_object(Record(
            members
                .iter()
                .map(|(key, member)| (key.clone(), lenient(member)))
                .collect(),
        )),
        Json::Array(items) => items.iter().map(lenient).collect(),
        other => from_json(other),
    }
}
