//! Values that take note of what an expression looks for in vain.
//!
//! In a condition, what is not there is null. So `rows[5].id is none` would hold without a row 5, and
//! a test with a typing error would pass.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use minijinja::Value;
use minijinja::value::{Enumerator, Object, ObjectRepr};
use serde_json::Value as Json;

use crate::core::name;
use crate::core::text::counted;
use crate::template::convert::from_json;

/// The members that expressions looked for in vain.
#[derive(Debug, Clone, Default)]
pub struct Absences(Arc<Mutex<Vec<Absence>>>);

/// Something that is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Absence {
    /// The path: `rows[5]`, `requests[0].mehtod`.
    pub path: String,
    /// The message.
    pub words: String,
}

impl Absences {
    /// Returns all of them, and forgets them.
    pub fn take(&self) -> Vec<Absence> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn add(&self, path: String, words: String) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.push(Absence { path, words });
    }
}

/// Converts a JSON value. The records of a list have the given members, if they are known.
pub(super) fn watched(
    value: &Json,
    path: &str,
    members: Option<&[String]>,
    absences: &Absences,
) -> Value {
    match value {
        Json::Array(items) => {
            let items = items.iter().enumerate();
            let items = items.map(|(index, item)| {
                let path = format!("{path}[{index}]");
                match item {
                    Json::Object(_) => record(item, &path, members, absences),
                    other => watched(other, &path, None, absences),
                }
            });
            Value::from_object(WatchedList {
                path: path.to_owned(),
                items: items.collect(),
                absences: absences.clone(),
            })
        }
        Json::Object(_) => record(value, path, None, absences),
        scalar => from_json(scalar),
    }
}

fn record(value: &Json, path: &str, declared: Option<&[String]>, absences: &Absences) -> Value {
    let members = value.as_object().into_iter().flatten();
    let members = members.map(|(key, member)| {
        let path = format!("{path}.{key}");
        (key.clone(), watched(member, &path, None, absences))
    });
    Value::from_object(WatchedRecord {
        path: path.to_owned(),
        members: members.collect(),
        declared: declared.map(<[String]>::to_vec),
        absences: absences.clone(),
    })
}

/// The first record of an empty list: null, without members.
pub(super) fn no_record(path: &str, absences: &Absences) -> Value {
    Value::from_object(NoRecord {
        path: path.to_owned(),
        absences: absences.clone(),
    })
}

/// Returns true for the record that is not there.
pub(super) fn is_no_record(value: &Value) -> bool {
    value.downcast_object_ref::<NoRecord>().is_some()
}

#[derive(Debug)]
struct WatchedList {
    path: String,
    items: Vec<Value>,
    absences: Absences,
}

impl Object for WatchedList {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Seq
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        if let Some(item) = key.as_usize().and_then(|index| self.items.get(index)) {
            return Some(item.clone());
        }
        if let Some(index) = key.as_i64() {
            let path = format!("{}[{index}]", self.path);
            let count = counted(self.items.len() as u64, "element");
            let words = format!("there is no `{path}`: the list has {count}");
            self.absences.add(path, words);
        }
        None
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Seq(self.items.len())
    }
}

#[derive(Debug)]
struct WatchedRecord {
    path: String,
    members: Vec<(String, Value)>,
    /// All members that it can have, if they are known.
    declared: Option<Vec<String>>,
    absences: Absences,
}

impl Object for WatchedRecord {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        if let Some((_, value)) = self.members.iter().find(|(name, _)| name == key) {
            return Some(value.clone());
        }
        let declared = self.declared.as_ref()?;
        if declared.iter().any(|name| name == key) {
            return Some(Value::from(()));
        }
        let mut words = format!("`{}` has no `{key}`", self.path);
        let known = declared.iter().map(String::as_str);
        if let Some(near) = name::nearest(key, known) {
            words.push_str(&format!("; did you mean `{near}`?"));
        }
        self.absences.add(format!("{}.{key}", self.path), words);
        None
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        let names = self.members.iter().map(|(name, _)| Value::from(name));
        Enumerator::Values(names.collect())
    }
}

#[derive(Debug)]
struct NoRecord {
    path: String,
    absences: Absences,
}

impl Object for NoRecord {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        self.get_value_by_str(key.as_str()?)
    }

    fn get_value_by_str(self: &Arc<Self>, key: &str) -> Option<Value> {
        let path = format!("{}.{key}", self.path);
        let words = format!("there is no `{path}`, since there is no record");
        self.absences.add(path, words);
        Some(Value::from(()))
    }

    fn enumerate(self: &Arc<Self>) -> Enumerator {
        Enumerator::Empty
    }

    fn is_true(self: &Arc<Self>) -> bool {
        false
    }

    fn render(self: &Arc<Self>, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}
