//! Lists of records as input of report filters.
//!
//! A record is a mapping; a column is one of its keys, or a path into it (`vcs.branch`). A column
//! missing in a record is null, but a column that no record has is a mistake.

use std::collections::HashSet;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, Value};

use crate::core::name;
use crate::template::objects::columns_of;
use crate::template::value::{got, is_null, wrong};

/// A list of records.
#[derive(Debug, Clone)]
pub struct Records {
    list: Vec<Value>,
    /// All keys, in order of first appearance.
    keys: Vec<String>,
}

impl Records {
    /// Reads the input of a filter.
    ///
    /// # Errors
    ///
    /// If it is not a list, or contains something other than mappings.
    pub fn read(filter: &str, value: &Value) -> Result<Self, Error> {
        let list = items(filter, "a list of records", value)?;
        let mut keys = Vec::new();
        let mut seen = HashSet::new();
        for (place, record) in list.iter().enumerate() {
            if record.kind() != ValueKind::Map {
                return Err(wrong(format!(
                    "`{filter}` takes a list of records; item {} is {}",
                    place + 1,
                    got(record)
                )));
            }
            for key in record.try_iter()? {
                let key = key.as_str().map_or_else(|| key.to_string(), str::to_owned);
                if seen.insert(key.clone()) {
                    keys.push(key);
                }
            }
        }
        if list.is_empty() {
            keys.extend(columns_of(value).unwrap_or_default().iter().cloned());
        }
        Ok(Self { list, keys })
    }

    /// Returns all keys, in order of first appearance.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// Returns the records.
    pub fn iter(&self) -> impl Iterator<Item = &Value> {
        self.list.iter()
    }

    /// Returns the number of records.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Returns the values of a column, null where a record lacks it.
    ///
    /// # Errors
    ///
    /// If there are records but none has the column.
    pub fn column(&self, column: &str) -> Result<Vec<Value>, Error> {
        let mut is_known = self.list.is_empty() || self.keys.iter().any(|key| key == column);
        let values = self
            .list
            .iter()
            .map(|record| {
                let found = field(record, column);
                is_known |= found.is_some();
                found.unwrap_or_else(|| Value::from(()))
            })
            .collect();
        if is_known {
            return Ok(values);
        }
        let keys: Vec<&str> = self.keys.iter().map(String::as_str).collect();
        let hint = match name::nearest(column, keys.iter().copied()) {
            Some(near) => format!("; did you mean `{near}`?"),
            None if keys.is_empty() => "; the records are empty".to_owned(),
            None => format!(
                "; available columns: {}",
                name::one_of(&keys[..keys.len().min(12)]).replace(" or ", " and ")
            ),
        };
        Err(wrong(format!("no record has a column `{column}`{hint}")))
    }
}

/// Returns a field of a record by key or path; null counts as missing.
fn field(record: &Value, column: &str) -> Option<Value> {
    let step = |value: &Value, key: &str| value.get_attr(key).ok().filter(|inner| !is_null(inner));
    step(record, column).or_else(|| {
        column.contains('.').then_some(())?;
        let mut value = record.clone();
        for key in column.split('.') {
            value = step(&value, key)?;
        }
        Some(value)
    })
}

/// Returns the items of a list.
///
/// # Errors
///
/// If it is not a list.
pub fn items(filter: &str, expected: &str, value: &Value) -> Result<Vec<Value>, Error> {
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Err(wrong(format!(
            "`{filter}` takes {expected}, got {}",
            got(value)
        )));
    }
    Ok(value.try_iter()?.collect())
}

/// Returns the items of a list, or, with `attribute`, one column of a list of records.
///
/// # Errors
///
/// If it is not a list, or no record has the column.
pub fn items_or_column(
    filter: &str,
    value: &Value,
    attribute: Option<&str>,
) -> Result<Vec<Value>, Error> {
    match attribute {
        None => items(filter, "a list", value),
        Some(column) => Records::read(filter, value)?.column(column),
    }
}

/// Reads an option that is a name or a list of names; empty if it is not given.
///
/// # Errors
///
/// If it is something else.
pub fn names(options: &Kwargs, option: &str) -> Result<Vec<String>, Error> {
    let value: Option<Value> = options.get(option)?;
    value.map_or_else(|| Ok(Vec::new()), |value| name_list(option, &value))
}

/// Reads a name or a list of names.
///
/// # Errors
///
/// If it is something else.
pub fn name_list(option: &str, value: &Value) -> Result<Vec<String>, Error> {
    let fault = |value: &Value| {
        wrong(format!(
            "`{option}` takes a column or a list of columns, got {}",
            got(value)
        ))
    };
    if let Some(name) = value.as_str() {
        return Ok(vec![name.to_owned()]);
    }
    if is_null(value) {
        return Ok(Vec::new());
    }
    if !matches!(value.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Err(fault(value));
    }
    value
        .try_iter()?
        .map(|item| item.as_str().map(str::to_owned).ok_or_else(|| fault(&item)))
        .collect()
}

/// Returns the value of an option for one column: from a mapping by column, or a list in the order
/// of the columns.
pub fn of_column(option: Option<&Value>, column: &str, place: usize) -> Option<Value> {
    let option = option?;
    let value = if option.kind() == ValueKind::Map {
        option.get_attr(column).ok()?
    } else {
        option.get_item_by_index(place).ok()?
    };
    (!is_null(&value)).then_some(value)
}

/// Checks an option for [`of_column`] against the columns.
///
/// # Errors
///
/// If it is neither a mapping nor a list, or names a column that is not shown.
pub fn check_by_column(
    option: &str,
    value: Option<&Value>,
    columns: &[String],
) -> Result<(), Error> {
    let Some(value) = value else {
        return Ok(());
    };
    match value.kind() {
        ValueKind::Seq | ValueKind::Iterable => {
            let length = value.len().unwrap_or_default();
            if length > columns.len() {
                return Err(wrong(format!(
                    "`{option}` has {length} items for {} columns",
                    columns.len()
                )));
            }
        }
        ValueKind::Map => {
            for key in value.try_iter()? {
                let key = key.to_string();
                if !columns.contains(&key) {
                    let known = columns.iter().map(String::as_str);
                    let hint = name::hint(&key, known)
                        .map_or_else(String::new, |hint| format!("; {hint}"));
                    return Err(wrong(format!(
                        "`{option}` names the column `{key}`, which is not shown{hint}"
                    )));
                }
            }
        }
        _ => {
            return Err(wrong(format!(
                "`{option}` takes a mapping of columns or a list, got {}",
                got(value)
            )));
        }
    }
    Ok(())
}
