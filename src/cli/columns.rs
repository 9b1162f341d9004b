//! `--columns`: selects and orders the columns of records.

use serde_json::{Map, Value};

use crate::cli::failure::Failure;
use crate::core::code::Code;
use crate::core::name;
use crate::plan::Plan;

/// The maximum number of columns that a message lists.
const MOST_LISTED: usize = 20;

/// The chosen columns of one query.
pub struct Chosen {
    names: Vec<String>,
    /// The columns that no record had so far. Empty if the query declares its columns.
    unseen: Vec<String>,
    /// The other columns of the records, for the hint.
    others: Vec<String>,
}

impl Chosen {
    /// Checks the choice against the columns of a query, as far as they are known; `None` without a
    /// choice.
    ///
    /// # Errors
    ///
    /// If a column is named twice, or the query has no such column.
    pub fn new(names: &[String], plan: &Plan) -> Result<Option<Self>, Failure> {
        if names.is_empty() {
            return Ok(None);
        }
        for (index, name) in names.iter().enumerate() {
            let words = if name.is_empty() {
                "`--columns` takes comma-separated names, got an empty one".to_owned()
            } else if names[..index].contains(name) {
                format!("`--columns` names `{name}` twice")
            } else {
                continue;
            };
            return Err(Failure::usage(Code::Columns, words));
        }
        let mut unseen = names.to_vec();
        if let Some(known) = plan.query.columns() {
            if let Some(name) = names.iter().find(|name| !known.contains(name)) {
                let words = format!("`{}` has no column `{name}`", plan.query.name);
                return Err(unknown(words, name, &known));
            }
            unseen.clear();
        }
        Ok(Some(Self {
            names: names.to_vec(),
            unseen,
            others: Vec::new(),
        }))
    }

    /// Selects the chosen columns of a record; missing ones are null.
    pub fn of(&mut self, mut record: Value) -> Value {
        let mut chosen = Map::new();
        for name in &self.names {
            let value = record.get_mut(name).map(Value::take);
            if value.is_some() && !self.unseen.is_empty() {
                self.unseen.retain(|unseen| unseen != name);
            }
            chosen.insert(name.clone(), value.unwrap_or_default());
        }
        if !self.unseen.is_empty()
            && let Some(members) = record.as_object()
        {
            for key in members.keys() {
                let is_listed = self.names.contains(key) || self.others.contains(key);
                if !is_listed && self.others.len() < MOST_LISTED {
                    self.others.push(key.clone());
                }
            }
        }
        Value::Object(chosen)
    }

    /// Refuses a column that no record had.
    ///
    /// # Errors
    ///
    /// If there were records, and none had one of the columns.
    pub fn check(&self, records: usize) -> Result<(), Failure> {
        let Some(name) = self.unseen.first().filter(|_| records > 0) else {
            return Ok(());
        };
        let words = format!("no record has a column `{name}`");
        let mut known = self.others.clone();
        let seen = self.names.iter().filter(|name| !self.unseen.contains(name));
        known.extend(seen.cloned());
        Err(unknown(words, name, &known))
    }
}

fn unknown(words: String, wanted: &str, known: &[String]) -> Failure {
    let failure = Failure::usage(Code::UnknownColumn, words);
    match name::nearest(wanted, known.iter().map(String::as_str)) {
        Some(near) => failure.help(format!("did you mean `{near}`?")),
        None if known.is_empty() => failure,
        None => failure.help(format!("available columns: {}", listed(known))),
    }
}

/// Returns the names in backticks, up to a maximum number.
pub fn listed(known: &[String]) -> String {
    let names: Vec<String> = known
        .iter()
        .take(MOST_LISTED)
        .map(|name| format!("`{name}`"))
        .collect();
    names.join(", ")
}
